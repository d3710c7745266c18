//! Splits a format into text and commands.

use super::error::FormatError;

/// A part of a format.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Scanned<'a> {
    /// Printed as it is.
    Text(&'a str),
    /// `%NAME(arguments):length%`
    Command(Command<'a>),
}

/// A command as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Command<'a> {
    pub(super) name: &'a str,
    /// What stands between the parentheses; empty without them, which is the same to Envoy.
    pub(super) arguments: &'a str,
    /// The number after the colon.
    pub(super) max_length: Option<u64>,
    /// Where the `%` stands, in bytes.
    pub(super) position: usize,
}

/// Splits `format`; stops after the first error.
pub(super) fn scan(format: &str) -> impl Iterator<Item = Result<Scanned<'_>, FormatError>> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = format.get(at..).filter(|rest| !rest.is_empty())?;
        let (scanned, used) = match rest.find('%') {
            Some(0) => match command(rest, at) {
                Some(found) => found,
                None => {
                    let error = FormatError::Syntax { format: format.to_owned(), position: at };
                    at = format.len();
                    return Some(Err(error));
                }
            },
            Some(text) => (Scanned::Text(&rest[..text]), text),
            None => (Scanned::Text(rest), rest.len()),
        };
        at += used;
        Some(Ok(scanned))
    })
}

/// Reads the command or `%%` at the start of `rest`; also returns its length.
fn command(rest: &str, position: usize) -> Option<(Scanned<'_>, usize)> {
    let body = rest.strip_prefix('%')?;
    if body.starts_with('%') {
        return Some((Scanned::Text("%"), 2));
    }
    let is_name = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    let name_len = body.find(|c| !is_name(c)).filter(|&len| len > 0)?;
    let (name, after_name) = body.split_at(name_len);
    let (arguments, (max_length, after)) = match after_name.strip_prefix('(') {
        Some(inside) => arguments(inside)?,
        None => ("", tail(after_name)?),
    };
    Some((Scanned::Command(Command { name, arguments, max_length, position }), rest.len() - after.len()))
}

/// The shortest text before a `)` after which the command ends, on one line: arguments may hold parentheses and `%`.
fn arguments(inside: &str) -> Option<(&str, (Option<u64>, &str))> {
    let line = inside.split('\n').next()?;
    line.match_indices(')').find_map(|(at, _)| Some((&inside[..at], tail(&inside[at + 1..])?)))
}

/// Reads `:length%` or `%`; returns the length and what follows.
fn tail(text: &str) -> Option<(Option<u64>, &str)> {
    if let Some(rest) = text.strip_prefix('%') {
        return Some((None, rest));
    }
    let digits = text.strip_prefix(':')?;
    let len = digits.find(|c: char| !c.is_ascii_digit()).filter(|&len| len > 0)?;
    Some((Some(digits[..len].parse().ok()?), digits[len..].strip_prefix('%')?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_found_where_envoy_finds_them() {
        check("a%A%b", &["a", "A||None|1", "b"]);
        check("%%", &["%"]);
        check("100%% %A_1%", &["100", "%", " ", "A_1||None|6"]);
        check("%A(x):5%", &["A|x|Some(5)|0"]);
        check("%A(%)%", &["A|%|None|0"]);
        check("%A(a)b)%", &["A|a)b|None|0"]);
        check("%A(a):3):4%", &["A|a):3|Some(4)|0"]);
        check("%A()%", &["A||None|0"]);
        check("%A:18446744073709551615%", &["A||Some(18446744073709551615)|0"]);
        check("%A(a%b)%%B%", &["A|a%b|None|0", "B||None|8"]);

        #[track_caller]
        fn check(format: &str, expected: &[&str]) {
            let shown: Vec<_> = scan(format)
                .map(|scanned| match scanned.unwrap() {
                    Scanned::Text(text) => text.to_owned(),
                    Scanned::Command(Command { name, arguments, max_length, position }) => {
                        format!("{name}|{arguments}|{max_length:?}|{position}")
                    }
                })
                .collect();
            assert_eq!(shown, expected, "{format}");
        }
    }

    #[test]
    fn malformed_commands_are_refused_at_envoys_position() {
        check("%FOO", 0);
        check("%", 0);
        check("a%", 1);
        check("%REQ(:PATH):-1%", 0);
        check("%REQ(:PATH):x%", 0);
        check("%REQ(:PATH):99999999999999999999%", 0);
        check("%REQ(:PATH)x%", 0);
        check("%REQ(:PATH%", 0);
        check("%REQ :PATH%", 0);
        check("%req(a)%", 0);
        check("%FOO_BAR-X%", 0);
        check("%REQ(X-A):5% %", 13);
        check("%%REQ(a)%", 8);
        check("%REQ(a)%b)%", 10);
        check("%REQ(a\nb)%", 0);
        check("%RESPONSE_CODE():%", 0);
        check("%FOO(%)", 0);

        #[track_caller]
        fn check(format: &str, position: usize) {
            let error = scan(format).find_map(Result::err);
            assert_eq!(error, Some(FormatError::Syntax { format: format.to_owned(), position }), "{format}");
        }
    }
}
