//! `PATH` and `QUERY_PARAM`.

use nuncio_message::HeaderId;
use nuncio_message::Headers;

use crate::line::Line;

/// Which path `PATH` prints and how much of it.
#[derive(Debug)]
pub(crate) struct PathQuery {
    which: Which,
    query: Query,
    max_length: usize,
}

#[derive(Debug, PartialEq, Eq)]
enum Which {
    Original,
    Current,
    OriginalOrCurrent,
}

#[derive(Debug, PartialEq, Eq)]
enum Query {
    With,
    Without,
}

impl PathQuery {
    /// Parses `WQ|NQ:ORIG|PATH|ORIG_OR_PATH`; further parts are ignored as Envoy ignores them.
    ///
    /// # Errors
    /// What is wrong, in Envoy's words.
    pub(super) fn parse(arguments: &str, max_length: Option<u64>) -> Result<Self, String> {
        let mut parts = arguments.split(':');
        let query = match parts.next().unwrap_or("") {
            "" | "WQ" => Query::With,
            "NQ" => Query::Without,
            other => return Err(format!("Invalid PATH option: '{other}', only 'WQ'/'NQ' are allowed")),
        };
        let which = match parts.next().unwrap_or("") {
            "" | "ORIG_OR_PATH" => Which::OriginalOrCurrent,
            "ORIG" => Which::Original,
            "PATH" => Which::Current,
            other => {
                return Err(format!("Invalid PATH option: '{other}', only 'ORIG'/'PATH'/'ORIG_OR_PATH' are allowed"));
            }
        };
        let max_length = max_length.map_or(usize::MAX, |max| usize::try_from(max).unwrap_or(usize::MAX));
        Ok(Self { which, query, max_length })
    }

    /// The path to print.
    pub(super) fn find<'a>(&self, request: Option<&'a Headers>) -> Option<&'a [u8]> {
        let request = request?;
        let original = || request.get(HeaderId::X_ENVOY_ORIGINAL_PATH);
        let current = || request.get(HeaderId::PATH);
        let path = match self.which {
            Which::Original => original(),
            Which::Current => current(),
            Which::OriginalOrCurrent => original().or_else(current),
        }?;
        let path = match self.query {
            Query::With => path,
            Query::Without => path.split(|&byte| byte == b'?').next().unwrap_or(path),
        };
        Some(&path[..path.len().min(self.max_length)])
    }
}

/// The parameter that `QUERY_PARAM` prints.
#[derive(Debug)]
pub(crate) struct QueryParameter {
    pub(super) name: Box<[u8]>,
    pub(super) max_length: usize,
}

impl QueryParameter {
    /// Appends the decoded value of the first parameter with this decoded name; returns whether there is one.
    pub(super) fn append(&self, request: Option<&Headers>, line: &mut Line) -> bool {
        let path = request.and_then(|request| request.get(HeaderId::PATH)).unwrap_or(b"");
        let path = path.split(|&byte| byte == b'#').next().unwrap_or(path);
        let Some(start) = path.iter().position(|&byte| byte == b'?') else { return false };
        for pair in path[start + 1..].split(|&byte| byte == b'&') {
            let (name, value) = match pair.iter().position(|&byte| byte == b'=') {
                Some(at) => (&pair[..at], &pair[at + 1..]),
                None => (pair, &b""[..]),
            };
            if decoded(name).eq(self.name.iter().copied()) {
                decoded(value).take(self.max_length).for_each(|byte| line.push(byte));
                return true;
            }
        }
        false
    }
}

/// The bytes of `text` with `%41` read as `A`; what is no such escape stays.
fn decoded(text: &[u8]) -> impl Iterator<Item = u8> + '_ {
    let mut at = 0;
    std::iter::from_fn(move || {
        let rest = text.get(at..)?;
        let (byte, used) = match *rest {
            [b'%', high, low, ..] => match (hex(high), hex(low)) {
                (Some(high), Some(low)) => (high << 4 | low, 3),
                _ => (b'%', 1),
            },
            [byte, ..] => (byte, 1),
            [] => return None,
        };
        at += used;
        Some(byte)
    })
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}
