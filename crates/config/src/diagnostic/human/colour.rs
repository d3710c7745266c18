//! Colours for a terminal.

const RED: &str = "\x1b[1;31m";
const YELLOW: &str = "\x1b[1;33m";
const BLUE: &str = "\x1b[1;34m";
const GREEN: &str = "\x1b[1;32m";
const RESET: &str = "\x1b[0m";

/// Colours what [`render`](super::render) wrote: severities, carets, places and advice.
///
/// It goes by the form of the lines. Those that quote a configuration begin with their number, and are left as they are.
pub fn paint(text: &str) -> String {
    let mut out = String::with_capacity(text.len() * 5 / 4);
    let mut severity = RED;
    for line in text.split_inclusive('\n') {
        let indent = line.len() - line.trim_start().len();
        let body = line[indent..].trim_end();
        let (length, colour) = if line.starts_with("error[") {
            severity = RED;
            (head(line), RED)
        } else if line.starts_with("warning[") {
            severity = YELLOW;
            (head(line), YELLOW)
        } else if body.starts_with("--> ") {
            ("-->".len(), BLUE)
        } else if body.starts_with("= help:") {
            ("= help:".len(), GREEN)
        } else if body.starts_with('|') && body.ends_with('^') {
            (body.len(), severity)
        } else {
            (0, RESET)
        };
        let (painted, rest) = line.split_at(if length == 0 { 0 } else { indent + length });
        match length {
            0 => out.push_str(rest),
            _ => out.extend([colour, painted, RESET, rest]),
        }
    }
    out
}

/// The severity and the code.
fn head(line: &str) -> usize {
    line.find(']').map_or(0, |end| end + 1)
}

#[cfg(test)]
mod tests {
    use super::paint;

    #[test]
    fn only_the_frame_is_coloured() {
        let check = |plain: &str, expected: &str| {
            let painted = paint(plain).replace('\x1b', "ESC");
            assert_eq!(painted, expected);
        };
        check("error[invalid]: a [b]\n", "ESC[1;31merror[invalid]ESC[0m: a [b]\n");
        check("  --> a.yaml:1:2\n", "ESC[1;34m  -->ESC[0m a.yaml:1:2\n");
        check(" 7 | warning[x] ^\n", " 7 | warning[x] ^\n");
        check("warning[x]: y\n   |  ^\n", "ESC[1;33mwarning[x]ESC[0m: y\nESC[1;33m   |  ^ESC[0m\n");
        check("   = help: write 5s\n", "ESC[1;32m   = help:ESC[0m write 5s\n");
        check("    wrapped\n\n", "    wrapped\n\n");
    }
}
