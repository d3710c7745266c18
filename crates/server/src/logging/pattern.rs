//! The form of a line: `--log-format`, in the syntax of spdlog with what Envoy adds to it.
//!
//! `%`, then perhaps a width from which the text is filled up on the left (with `-` on the right, with `=` on both sides),
//! perhaps `!` behind the width to cut what is longer, then a letter. A letter that means nothing stays as it is.

use std::fmt::Write;

use nuncio_telemetry::calendar::{MONTHS, WEEKDAYS};

use super::escape::{json, newlines};
use super::local_time::LocalTime;
use super::record::Record;

/// A compiled format.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Pattern(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Field(Field, Padding),
}

/// What a letter stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    /// `%v`: the message, its tags before it.
    Message,
    /// `%_`: the same on one line.
    OneLine,
    /// `%j`: the same as the inside of a JSON string.
    Json,
    /// `%+`: the message without its tags, as the inside of a JSON string.
    Untagged,
    /// `%*`: the tags as further members of a JSON object.
    Tags,
    /// `%l`, `%L`
    Level,
    LevelLetter,
    /// `%n`
    Component,
    /// `%t`, `%P`
    Thread,
    Process,
    /// `%N`: what this build is.
    Build,
    /// `%@`, `%s`, `%g`, `%#`, `%!`
    Place,
    FileName,
    FilePath,
    Line,
    Module,
    /// `%O`, `%o`, `%i`, `%u`: since the entry before, in seconds or smaller units.
    Elapsed(Unit),
    /// `%E`
    Epoch,
    /// All others are parts of the time of day.
    Time(TimePart),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Seconds,
    Millis,
    Micros,
    Nanos,
}

/// A part of the local time, by its letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct TimePart(char);

const TIME_LETTERS: &str = "aAbhBcCYDxmdHIMSefFprRTXz";

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Padding {
    width: usize,
    side: Side,
    cuts: bool,
}

/// Where the spaces go.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Side {
    #[default]
    Left,
    Right,
    Both,
}

/// spdlog's.
const MAX_WIDTH: usize = 64;

impl Pattern {
    /// Compiles a format; every text is one.
    pub(super) fn parse(format: &str) -> Self {
        let mut pieces = Pieces::default();
        let mut letters = format.chars().peekable();
        while let Some(letter) = letters.next() {
            if letter != '%' {
                pieces.text(letter);
                continue;
            }
            let padding = Padding::parse(&mut letters);
            let Some(letter) = letters.next() else { break };
            pieces.letter(letter, padding);
        }
        Self(pieces.0)
    }

    /// Compiles a format for JSON, where the message is without its tags.
    pub(super) fn parse_json(format: &str) -> Self {
        let mut pattern = Self::parse(format);
        for piece in &mut pattern.0 {
            if let Piece::Field(field @ Field::Json, _) = piece {
                *field = Field::Untagged;
            }
        }
        pattern
    }

    /// Appends an entry, without an end of line.
    pub(super) fn append(&self, record: &Record<'_>, out: &mut String) {
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Field(field, padding) => {
                    let start = out.len();
                    field.append(record, out);
                    padding.apply(start, out);
                }
            }
        }
    }
}

#[derive(Default)]
struct Pieces(Vec<Piece>);

impl Pieces {
    fn text(&mut self, letter: char) {
        if let Some(Piece::Text(text)) = self.0.last_mut() {
            text.push(letter);
        } else {
            self.0.push(Piece::Text(letter.to_string()));
        }
    }

    fn letter(&mut self, letter: char, padding: Padding) {
        match letter {
            '%' => self.text('%'),
            // Where colours begin and end, which a log that is no terminal has none of, and spdlog's own context.
            '^' | '$' | '&' => {}
            _ => match (Field::of(letter), padding.cuts) {
                (Some(field), _) => {
                    let padding = if field.is_envoys() { Padding::default() } else { padding };
                    self.0.push(Piece::Field(field, padding));
                }
                // `%10!]`: what looked like the cut was the letter.
                (None, true) => {
                    self.0.push(Piece::Field(Field::Module, Padding { cuts: false, ..padding }));
                    self.text(letter);
                }
                (None, false) => {
                    self.text('%');
                    self.text(letter);
                }
            },
        }
    }
}

impl Padding {
    fn parse(letters: &mut std::iter::Peekable<std::str::Chars<'_>>) -> Self {
        let side = match letters.peek() {
            Some('-') => Side::Right,
            Some('=') => Side::Both,
            _ => Side::Left,
        };
        if side != Side::Left {
            letters.next();
        }
        let mut width = None;
        while let Some(digit) = letters.peek().and_then(|letter| letter.to_digit(10)) {
            width = Some((width.unwrap_or(0) * 10 + digit as usize).min(MAX_WIDTH));
            letters.next();
        }
        let Some(width) = width else { return Self::default() };
        let cuts = letters.next_if_eq(&'!').is_some();
        Self { width, side, cuts }
    }

    /// Fills up, or cuts, what stands behind `start`.
    fn apply(self, start: usize, out: &mut String) {
        let length = out[start..].chars().count();
        if length > self.width && self.cuts {
            let end = out[start..].char_indices().nth(self.width).map_or(out.len(), |(at, _)| start + at);
            out.truncate(end);
        }
        let missing = self.width.saturating_sub(length);
        let before = match self.side {
            Side::Left => missing,
            Side::Right => 0,
            Side::Both => missing / 2,
        };
        if missing > 0 {
            out.insert_str(start, &" ".repeat(before));
            out.push_str(&" ".repeat(missing - before));
        }
    }
}

impl Field {
    fn of(letter: char) -> Option<Self> {
        Some(match letter {
            'v' => Self::Message,
            '_' => Self::OneLine,
            'j' => Self::Json,
            '+' => Self::Untagged,
            '*' => Self::Tags,
            'l' => Self::Level,
            'L' => Self::LevelLetter,
            'n' => Self::Component,
            't' => Self::Thread,
            'P' => Self::Process,
            'N' => Self::Build,
            '@' => Self::Place,
            's' => Self::FileName,
            'g' => Self::FilePath,
            '#' => Self::Line,
            '!' => Self::Module,
            'O' => Self::Elapsed(Unit::Seconds),
            'o' => Self::Elapsed(Unit::Millis),
            'i' => Self::Elapsed(Unit::Micros),
            'u' => Self::Elapsed(Unit::Nanos),
            'E' => Self::Epoch,
            _ if TIME_LETTERS.contains(letter) => Self::Time(TimePart(letter)),
            _ => return None,
        })
    }

    /// Whether Envoy added it: then a width says nothing.
    fn is_envoys(self) -> bool {
        matches!(self, Self::OneLine | Self::Json | Self::Untagged | Self::Tags | Self::Build)
    }

    fn append(self, record: &Record<'_>, out: &mut String) {
        // Writing to a string cannot fail.
        let _ = match self {
            Self::Message => write!(out, "{}{}", record.tag_prefix(), record.message),
            Self::OneLine => write!(out, "{}", newlines(&format!("{}{}", record.tag_prefix(), record.message))),
            Self::Json => out.write_str(&json(&format!("{}{}", record.tag_prefix(), record.message))),
            Self::Untagged => out.write_str(&json(record.message)),
            Self::Tags => write!(out, "{}", record.tag_members()),
            Self::Level => write!(out, "{}", record.level.name()),
            Self::LevelLetter => write!(out, "{}", &record.level.name()[..1].to_ascii_uppercase()),
            Self::Component => write!(out, "{}", record.component),
            Self::Thread => write!(out, "{}", record.thread),
            Self::Process => write!(out, "{}", std::process::id()),
            Self::Build => write!(out, "{}", crate::about::BUILD.line()),
            Self::Place => write!(out, "{}:{}", record.file, record.line),
            Self::FileName => write!(out, "{}", record.file.rsplit('/').next().unwrap_or_default()),
            Self::FilePath => write!(out, "{}", record.file),
            Self::Line => write!(out, "{}", record.line),
            Self::Module => write!(out, "{}", record.module),
            Self::Elapsed(unit) => write!(out, "{}", unit.of(record.elapsed)),
            Self::Epoch => write!(out, "{}", record.time.epoch_seconds),
            Self::Time(part) => part.append(&record.time, out),
        };
    }
}

impl Unit {
    fn of(self, span: std::time::Duration) -> u128 {
        match self {
            Self::Seconds => span.as_secs().into(),
            Self::Millis => span.as_millis(),
            Self::Micros => span.as_micros(),
            Self::Nanos => span.as_nanos(),
        }
    }
}

impl TimePart {
    fn append(self, time: &LocalTime, out: &mut String) -> std::fmt::Result {
        let LocalTime { year, month, day, hour, minute, second, nanos, .. } = *time;
        let (day_name, month_name) = (WEEKDAYS[time.weekday], MONTHS[month - 1]);
        let (half, hour12) = (if hour < 12 { "AM" } else { "PM" }, if hour % 12 == 0 { 12 } else { hour % 12 });
        match self.0 {
            'a' => write!(out, "{}", &day_name[..3]),
            'A' => write!(out, "{day_name}"),
            'b' | 'h' => write!(out, "{}", &month_name[..3]),
            'B' => write!(out, "{month_name}"),
            'c' => {
                write!(out, "{} {} {day} {hour:02}:{minute:02}:{second:02} {year}", &day_name[..3], &month_name[..3])
            }
            'C' => write!(out, "{:02}", year % 100),
            'Y' => write!(out, "{year}"),
            'D' | 'x' => write!(out, "{month:02}/{day:02}/{:02}", year % 100),
            'm' => write!(out, "{month:02}"),
            'd' => write!(out, "{day:02}"),
            'H' => write!(out, "{hour:02}"),
            'I' => write!(out, "{hour12:02}"),
            'M' => write!(out, "{minute:02}"),
            'S' => write!(out, "{second:02}"),
            'e' => write!(out, "{:03}", nanos / 1_000_000),
            'f' => write!(out, "{:06}", nanos / 1_000),
            'F' => write!(out, "{nanos:09}"),
            'p' => write!(out, "{half}"),
            'r' => write!(out, "{hour12:02}:{minute:02}:{second:02} {half}"),
            'R' => write!(out, "{hour:02}:{minute:02}"),
            'T' | 'X' => write!(out, "{hour:02}:{minute:02}:{second:02}"),
            _ => {
                let (sign, offset) = (if time.offset_minutes < 0 { '-' } else { '+' }, time.offset_minutes.abs());
                write!(out, "{sign}{:02}:{:02}", offset / 60, offset % 60)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use nuncio_admin::pages::Level;

    use super::*;

    /// 2026-11-04 14:05:06.123456789 at +05:30, a Wednesday.
    fn record<'a>(message: &'a str, tags: &'a [(&'static str, String)]) -> Record<'a> {
        let time = LocalTime {
            epoch_seconds: 1_793_781_306,
            year: 2026,
            month: 11,
            day: 4,
            hour: 14,
            minute: 5,
            second: 6,
            nanos: 123_456_789,
            weekday: 3,
            offset_minutes: 330,
        };
        Record {
            level: Level::Info,
            component: "main",
            file: "crates/server/src/process.rs",
            line: 989,
            module: "nuncio::process",
            thread: 7,
            time,
            elapsed: Duration::from_micros(1_234_567),
            message,
            tags,
        }
    }

    fn check(format: &str, expected: &str) {
        let mut line = String::new();
        Pattern::parse(format).append(&record("runtime: {}", &[]), &mut line);
        assert_eq!(line, expected, "{format}");
    }

    /// The expected values have the shapes that Envoy 1.40 printed for the same format.
    #[test]
    fn letters_are_spdlogs() {
        for (format, expected) in [
            ("<%v>", "<runtime: {}>"),
            ("%t %n %l %L", "7 main info I"),
            ("%a %A %b %h %B", "Wed Wednesday Nov Nov November"),
            ("%c|%C|%Y|%D|%x", "Wed Nov 4 14:05:06 2026|26|2026|11/04/26|11/04/26"),
            ("%m %d %H %I %M %S", "11 04 14 02 05 06"),
            ("%e %f %F", "123 123456 123456789"),
            ("%p|%r|%R|%T|%X|%z", "PM|02:05:06 PM|14:05|14:05:06|14:05:06|+05:30"),
            ("%E", "1793781306"),
            ("%O %o %i %u", "1 1234 1234567 1234567000"),
            ("%@ %s %g %#", "crates/server/src/process.rs:989 process.rs crates/server/src/process.rs 989"),
            ("%!", "nuncio::process"),
            ("%% %^red%$ %&", "% red "),
            ("<%q><%k><%Z>", "<%q><%k><%Z>"),
            ("<%0>", "<%>"),
            ("plain", "plain"),
            ("", ""),
            ("%", ""),
            ("a\\nb %v\\t", "a\\nb runtime: {}\\t"),
        ] {
            check(format, expected);
        }
    }

    #[test]
    fn widths_fill_up_and_cut() {
        for (format, expected) in [
            ("[%8l]", "[    info]"),
            ("[%-8l]", "[info    ]"),
            ("[%=8l]", "[  info  ]"),
            ("[%=9l]", "[  info   ]"),
            ("[%8!l]", "[    info]"),
            ("[%2!l]", "[in]"),
            ("[%-2!l]", "[in]"),
            ("[%10#]", "[       989]"),
            ("[%5%]", "[%]"),
            ("[%=", "["),
            ("[%8", "["),
            ("[%1l][%0l][%08l][%-l]", "[info][info][    info][info]"),
            ("[%12_]", "[runtime: {}]"),
            ("[%-12v]", "[runtime: {} ]"),
            ("[%-30j]", "[runtime: {}]"),
            ("[%12T]", "[    14:05:06]"),
            ("[%!l]", "[nuncio::processl]"),
            ("[%8!!l]", "[nuncio::l]"),
            ("[%20!]", "[     nuncio::process]"),
        ] {
            check(format, expected);
        }
        check("[%100l]", &format!("[{}info]", " ".repeat(60)));
    }

    #[test]
    fn tags_stand_before_the_message_or_apart() {
        let tags = [("ConnectionId", "3".to_owned()), ("path", "a\"b".to_owned())];
        let check = |format: &str, expected: &str| {
            let mut line = String::new();
            Pattern::parse(format).append(&record("one\ntwo \"x\"", &tags), &mut line);
            assert_eq!(line, expected, "{format}");
        };
        check("%v", "[Tags: \"ConnectionId\":\"3\",\"path\":\"a\\\"b\"] one\ntwo \"x\"");
        check("%_", "[Tags: \"ConnectionId\":\"3\",\"path\":\"a\\\"b\"] one\\ntwo \"x\"");
        let escaped = "[Tags: \\\"ConnectionId\\\":\\\"3\\\",\\\"path\\\":\\\"a\\\\\\\"b\\\"] one\\ntwo \\\"x\\\"";
        check("%j", escaped);
        check("{\"m\":\"%+\"%*}", "{\"m\":\"one\\ntwo \\\"x\\\"\",\"ConnectionId\":\"3\",\"path\":\"a\\\"b\"}");
    }
}
