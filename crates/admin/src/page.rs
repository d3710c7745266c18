//! What a page is: a path, a line of help, and an answer.

use std::borrow::Cow;

use crate::json::Json;

/// A page of the site. Shared; answers on main, and must not block.
pub trait Page: Send + Sync {
    /// The path without query, such as `/ready`.
    fn path(&self) -> &'static str;

    /// What it does, as `/help` tells it.
    fn help(&self) -> &'static str;

    /// The query parameters that it knows, as `/help` tells them.
    fn parameters(&self) -> &'static [Parameter] {
        &[]
    }

    /// `Post` for a page that changes the state of the server.
    fn method(&self) -> Method {
        Method::Any
    }

    /// The answer. It is asked with `POST` only if it changes the state.
    fn answer(&self, ask: &Ask<'_>) -> Reply;
}

/// A query parameter, for `/help`.
#[derive(Debug, Clone, Copy)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// What it does.
    pub help: &'static str,
    /// What its value may be.
    pub takes: Takes,
}

/// What a parameter's value may be.
#[derive(Debug, Clone, Copy)]
pub enum Takes {
    /// Any text.
    Text,
    /// It counts that it is there.
    Flag,
    /// One of these.
    OneOf(&'static [&'static str]),
}

/// Which methods a page answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// Every one.
    Any,
    /// POST only, because asking has an effect.
    Post,
}

/// A request for a page.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// The parameters, still encoded: what follows the question mark, or else a form in the body.
    pub query: &'a str,
    /// The body.
    pub body: &'a [u8],
}

impl Ask<'_> {
    /// The first value of a parameter, percent-decoded.
    pub fn parameter(&self, name: &str) -> Option<String> {
        self.parameters().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// All parameters in order, percent-decoded.
    pub fn parameters(&self) -> impl Iterator<Item = (String, String)> {
        self.query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        })
    }
}

fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = |index: usize| bytes.get(index).and_then(|&byte| (byte as char).to_digit(16));
        match (bytes[at], hex(at + 1), hex(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                decoded.push((high * 16 + low) as u8);
                at += 3;
            }
            (byte, ..) => {
                decoded.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

/// A page's answer, now or soon.
pub enum Reply {
    /// Here it is.
    Now(Answer),
    /// The head is known, but the body takes long: it is to be made on a thread of its own.
    Later {
        /// Whether the head goes before the body is made, so that what the body tells of counts this answer too.
        head_first: bool,
        /// HTTP status.
        status: u16,
        /// `content-type`
        content_type: &'static str,
        /// Makes the body.
        body: MakeBody,
    },
}

/// Makes a body.
pub type MakeBody = Box<dyn FnOnce() -> String + Send>;

impl From<Answer> for Reply {
    fn from(answer: Answer) -> Self {
        Self::Now(answer)
    }
}

/// What is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// `content-type`
    pub content_type: &'static str,
    /// The body.
    pub body: Cow<'static, str>,
}

const TEXT: &str = "text/plain; charset=UTF-8";
const HTML: &str = "text/html; charset=UTF-8";

impl Answer {
    /// Plain text with a status.
    pub fn text(status: u16, body: impl Into<Cow<'static, str>>) -> Self {
        Self { status, content_type: TEXT, body: body.into() }
    }

    /// 200, `OK`: something was done.
    pub fn done() -> Self {
        Self::text(200, "OK\n")
    }

    /// 200 with a JSON document.
    pub fn json(document: &Json) -> Self {
        Self { status: 200, content_type: Self::JSON, body: document.document().into() }
    }

    /// The `content-type` of plain text.
    pub const TEXT: &'static str = TEXT;
    /// The `content-type` of JSON.
    pub const JSON: &'static str = "application/json";
    /// The `content-type` of HTML.
    pub const HTML: &'static str = HTML;

    /// 200 with an HTML document.
    pub fn html(document: String) -> Self {
        Self { status: 200, content_type: HTML, body: document.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_percent_decoded() {
        let check = |query, name, expected: Option<&str>| {
            let ask = Ask { query, body: b"" };
            assert_eq!(ask.parameter(name).as_deref(), expected, "{query}");
        };
        check("filter=a%2Eb&x", "filter", Some("a.b"));
        check("filter=a%2Eb&x", "x", Some(""));
        check("filter=100%", "filter", Some("100%"));
        check("a=1&a=2", "a", Some("1"));
        check("", "a", None);
    }
}
