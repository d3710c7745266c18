//! HTTP/1 messages as the test sees them on the wire.

use std::fmt;

/// One message, and what came behind it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Message {
    /// Request line or status line.
    pub start: String,
    /// Name and value, in order.
    pub headers: Vec<(String, String)>,
    /// Without its framing.
    pub body: String,
    /// Name and value, in order.
    pub trailers: Vec<(String, String)>,
    /// Whether its end was there.
    pub is_complete: bool,
    /// Bytes behind it.
    pub rest: String,
}

impl Message {
    /// Reads the first message of `bytes`; a head that is not there yet is an empty message.
    ///
    /// # Panics
    /// When it is not HTTP/1.
    pub fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let Some((head, mut rest)) = text.split_once("\r\n\r\n") else {
            return Self { rest: text, ..Self::default() };
        };
        let (start, fields) = head.split_once("\r\n").unwrap_or((head, ""));
        let mut message = Self { start: start.to_owned(), headers: parse_fields(fields), ..Self::default() };
        if message.header("transfer-encoding") == Some("chunked") {
            while let Some((size, tail)) = rest.split_once("\r\n") {
                let size = usize::from_str_radix(size, 16).expect("a chunk's size");
                if size == 0 {
                    let (trailers, tail) = tail.split_once("\r\n\r\n").unwrap_or(("", tail.trim_start_matches("\r\n")));
                    (message.trailers, message.is_complete, rest) = (parse_fields(trailers), true, tail);
                    break;
                }
                message.body.push_str(&tail[..size.min(tail.len())]);
                rest = tail.get(size + 2..).unwrap_or("");
            }
        } else {
            let length = message.header("content-length").map_or(0, |it| it.parse().expect("a length"));
            let count = length.min(rest.len());
            message.is_complete = count == length;
            message.body.push_str(&rest[..count]);
            rest = &rest[count..];
        }
        message.rest = rest.to_owned();
        message
    }

    /// The first value of this name.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(it, _)| it == name).map(|(_, value)| value.as_str())
    }

    /// All values of this name, joined.
    pub fn all(&self, name: &str) -> String {
        let values: Vec<_> = self.headers.iter().filter(|(it, _)| it == name).map(|(_, it)| it.as_str()).collect();
        values.join(",")
    }

    /// The status of a response.
    ///
    /// # Panics
    /// When it is not a response.
    pub fn status(&self) -> u16 {
        self.start.split(' ').nth(1).and_then(|it| it.parse().ok()).expect("a status line")
    }
}

impl fmt::Display for Message {
    /// In short: `200 body +x-t=1`, with `...` when its end is missing.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.start.is_empty() {
            return f.write_str("nothing");
        }
        let what =
            if self.start.starts_with("HTTP/") { self.start.split(' ').nth(1) } else { self.start.split(' ').next() };
        write!(f, "{}", what.unwrap_or("nothing"))?;
        if !self.body.is_empty() {
            write!(f, " {}", self.body)?;
        }
        for (name, value) in &self.trailers {
            write!(f, " +{name}={value}")?;
        }
        if !self.is_complete {
            write!(f, " ...")?;
        }
        Ok(())
    }
}

fn parse_fields(text: &str) -> Vec<(String, String)> {
    let fields = text.split("\r\n").filter(|line| !line.is_empty());
    fields.filter_map(|line| line.split_once(": ").map(|(name, value)| (name.to_owned(), value.to_owned()))).collect()
}
