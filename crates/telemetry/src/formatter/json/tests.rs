//! Expectations are lines that Envoy 1.40 wrote for the same format and request.

use std::collections::BTreeMap;

use nuncio_config::Diagnostics;
use nuncio_message::Headers;
use proptest::prelude::any;
use proptest::proptest;
use prost_types::ListValue;

use super::super::Formatter;
use super::super::LogType;
use super::*;
use crate::stream_info::StreamInfo;

fn text(text: &str) -> Value {
    Value { kind: Some(Kind::StringValue(text.to_owned())) }
}

fn number(value: f64) -> Value {
    Value { kind: Some(Kind::NumberValue(value)) }
}

fn null() -> Value {
    Value { kind: Some(Kind::NullValue(0)) }
}

fn list(values: Vec<Value>) -> Value {
    Value { kind: Some(Kind::ListValue(ListValue { values })) }
}

fn object<const N: usize>(members: [(&str, Value); N]) -> Value {
    Value { kind: Some(Kind::StructValue(fields(members))) }
}

fn fields<const N: usize>(members: [(&str, Value); N]) -> Struct {
    Struct { fields: members.into_iter().map(|(key, value)| (key.to_owned(), value)).collect::<BTreeMap<_, _>>() }
}

#[track_caller]
fn check(format: &Struct, empty: Empty, expected: &[u8]) {
    let found = Diagnostics::new();
    let formatter = Formatter::parse_json(format, empty, &At::root(&found)).unwrap();
    let info = StreamInfo { response_code: Some(200), ..StreamInfo::default() };
    let mut request = Headers::new();
    request.push_name(b"x-a", b"v");
    request.push_name(b"x-empty", b"");
    request.push_name(b"x-q", b"say \"hi\" \\ <>&'/ \t end");
    request.push_name(b"x-utf8", "\u{fc}\"".as_bytes());
    request.push_name(b"x-nonchar", b"\xef\xbf\xbe");
    request.push_name(b"x-beyond", b"\xf4\x90\x80\x80");
    request.push_name(b"x-bin", b"\xff \"\\<>&'/\t{}~x");
    let inputs = Inputs {
        info: &info,
        request: Some(&request),
        response: None,
        trailers: None,
        local_reply_body: b"",
        log_type: LogType::DownstreamEnd,
    };
    let mut line = Line::new();
    formatter.append(&inputs, &mut line);
    assert_eq!(line.as_bytes().escape_ascii().to_string(), expected.escape_ascii().to_string());
}

fn nested() -> Struct {
    fields([
        ("b", text("%REQ(x-none)%")),
        ("a", object([("x", text("%REQ(x-none)%")), ("y", text("%REQ(x-a)%"))])),
        ("e", object([("x", text("%REQ(x-none)%"))])),
        (
            "l",
            list(vec![
                text("%REQ(x-none)%"),
                text("%REQ(x-a)%"),
                number(1.5),
                null(),
                list(vec![]),
                object([]),
                list(vec![text("%REQ(x-none)%")]),
            ]),
        ),
        ("mix", text("[%REQ(x-none)%]")),
        ("two", text("%REQ(x-a)%%REQ(x-none)%")),
        ("lit", text("plain")),
        ("pct", text("100%%")),
        ("nul", null()),
        ("emp", text("")),
        ("code", text("%RESPONSE_CODE%")),
        ("codet", text("x%RESPONSE_CODE%")),
        ("empty", text("%REQ(x-empty)%")),
        ("flag", text("%RESPONSE_FLAGS%")),
    ])
}

#[test]
fn values_have_their_operators_types() {
    check(
        &nested(),
        Empty::Dash,
        br#"{"a":{"x":null,"y":"v"},"b":null,"code":200,"codet":"x200","e":{"x":null},"emp":"","empty":"","flag":"-","l":[null,"v",1.5,null,[],{},[null]],"lit":"plain","mix":"[-]","nul":null,"pct":"100%","two":"v-"}
"#,
    );
}

#[test]
fn omitted_values_take_empty_objects_with_them_but_not_lists() {
    check(
        &nested(),
        Empty::Nothing,
        br#"{"a":{"y":"v"},"code":200,"codet":"x200","emp":"","empty":"","flag":"-","l":["v",1.5,[],[]],"lit":"plain","mix":"[]","pct":"100%","two":"v"}
"#,
    );
    check(&fields([("a", text("%REQ(x-none)%"))]), Empty::Nothing, b"{}\n");
    check(&fields([("l", list(vec![object([])])), ("o", object([]))]), Empty::Nothing, b"{\"l\":[]}\n");
    check(&fields([]), Empty::Dash, b"{}\n");
}

#[test]
fn strings_are_escaped_by_whether_they_are_text() {
    let literal = "v\"\\\n\t\u{1}\u{7f}\u{fc}\u{2603}\u{1f600}/<>&'";
    check(
        &fields([("k\"\\\n\u{fc}\u{2603}/<>&'", text(literal))]),
        Empty::Dash,
        "{\"k\\\"\\\\\\n\u{fc}\u{2603}/<>&'\":\"v\\\"\\\\\\n\\t\\u0001\u{7f}\u{fc}\u{2603}\u{1f600}/<>&'\"}\n"
            .as_bytes(),
    );
    check(&fields([("a", text("%REQ(x-q)%"))]), Empty::Dash, b"{\"a\":\"say \\\"hi\\\" \\\\ <>&'/ \\t end\"}\n");
    check(&fields([("a", text("%REQ(x-q):3%"))]), Empty::Dash, b"{\"a\":\"say\"}\n");
    check(&fields([("a", text("x%REQ(x-utf8)%"))]), Empty::Dash, "{\"a\":\"x\u{fc}\\\"\"}\n".as_bytes());
    check(&fields([("a", text("%REQ(x-nonchar)%"))]), Empty::Dash, b"{\"a\":\"\xef\xbf\xbe\"}\n");
    check(&fields([("a", text("%REQ(x-beyond)%"))]), Empty::Dash, b"{\"a\":\"\\u00f4\\u0090\\u0080\\u0080\"}\n");
    check(&fields([("a", text("%REQ(x-bin)%"))]), Empty::Dash, b"{\"a\":\"\\u00ff \\u0022\\u005c<>&'/\\u0009{}~x\"}\n");
}

#[test]
fn all_wrong_strings_are_reported_with_their_keys() {
    let format = fields([("a", object([("b", text("%FOO%"))])), ("c", list(vec![text("x"), text("%REQ%")]))]);
    let found = Diagnostics::new();
    assert!(Formatter::parse_json(&format, Empty::Dash, &At::root(&found)).is_err());
    let messages: Vec<_> = found.sorted().into_iter().map(|error| error.message).collect();
    assert_eq!(
        messages,
        ["Not supported field in StreamInfo: FOO (at position 0)", "REQ requires parameters (%REQ% at position 0)"]
    );
}

proptest! {
    #[test]
    fn any_text_is_read_back_by_a_json_parser(text in any::<String>(), before in ".{0,40}") {
        let mut line = Line::new();
        line.append(before.as_bytes());
        append_quoted(text.as_bytes(), &mut line);
        let json = line.as_bytes()[before.len()..].to_vec();
        assert_eq!(serde_json::from_slice::<String>(&json).unwrap(), text);
    }

    #[test]
    fn any_bytes_make_a_json_string(bytes in any::<Vec<u8>>()) {
        let mut line = Line::new();
        append_quoted(&bytes, &mut line);
        let read: String = serde_json::from_slice(line.as_bytes()).unwrap();
        let as_characters: String = bytes.iter().copied().map(char::from).collect();
        assert_eq!(read, String::from_utf8(bytes).unwrap_or(as_characters));
    }
}
