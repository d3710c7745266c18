//! What becomes of requests, well-formed and not, judged by recordings of Envoy.

use nuncio_codec::http1::Codec;
use nuncio_codec::{Event, ResetCause, Role};
use nuncio_message::{HeaderId, Headers, Tick};

use crate::world::{
    cluster, codec, feed, forward_request, forward_response, listener, local_response, normal, parts, split, unescape,
    written,
};

/// One line of what happened, in the words of the table.
#[derive(Debug)]
enum Outcome {
    /// A request: its method, its path, and what is sent on once it is complete.
    Passed {
        head: String,
        sent: Vec<u8>,
        is_complete: bool,
    },
    Rejected(String),
    Waiting,
    Flooded,
}

struct Exchange<'a> {
    listener: &'a str,
    outcomes: Vec<Outcome>,
    upstream: Option<Codec>,
    is_closing: bool,
    is_closed: bool,
}

impl Exchange<'_> {
    fn turn(&mut self, server: &mut Codec) {
        while !self.is_closed {
            match server.next(Tick(0)) {
                Ok(None) => return,
                Ok(Some(event)) => self.take(event, server),
                Err(error) => {
                    assert!(error.is_flood, "{error:?}");
                    self.outcomes.pop_if(|outcome| matches!(outcome, Outcome::Waiting));
                    self.outcomes.push(Outcome::Flooded);
                    return;
                }
            }
        }
    }

    fn take(&mut self, event: Event, server: &mut Codec) {
        match event {
            Event::Begin { .. } => self.outcomes.push(Outcome::Waiting),
            Event::Head { headers, end_stream, stream } => {
                self.outcomes.pop_if(|outcome| matches!(outcome, Outcome::Waiting));
                self.head(&headers, end_stream);
                self.answer(stream, server);
            }
            Event::Data { data, end_stream, stream } => {
                self.upstream.as_mut().expect("a head came first").send_data(1, data, end_stream);
                self.sent(end_stream);
                self.answer(stream, server);
            }
            Event::Trailers { headers, stream } => {
                self.upstream.as_mut().expect("a head came first").send_trailers(1, &headers);
                self.sent(true);
                self.answer(stream, server);
            }
            Event::Rejected { rejection, stream } => {
                self.outcomes.pop_if(|outcome| matches!(outcome, Outcome::Waiting));
                self.outcomes.push(Outcome::Rejected(format!("{} {}", rejection.status, rejection.details)));
                let mut reply = Headers::new();
                reply.push(HeaderId::STATUS, rejection.status.to_string().as_bytes());
                server.send_head(stream, &reply, true);
                assert!(server.is_closing() && server.active_streams() == 0 && !server.wants_input());
                assert!(written(server).starts_with(b"HTTP/1."));
            }
            Event::Reset { cause, .. } => assert_eq!(cause, ResetCause::ConnectionTermination),
            Event::Informational { .. } | Event::GoAway { .. } | Event::MaxConcurrentStreams(_) => {
                panic!("not of an HTTP/1 server: {event:?}")
            }
        }
    }

    fn head(&mut self, headers: &Headers, end_stream: bool) {
        let text = |id| String::from_utf8_lossy(headers.get(id).unwrap_or(b"-")).into_owned();
        let head = format!("{} {}", text(HeaderId::METHOD), text(HeaderId::PATH));
        let mut upstream = codec(Role::Client, cluster(headers.get(HeaderId::PATH).unwrap_or_default()));
        assert_eq!(upstream.open(), Some(1));
        upstream.send_head(1, &forward_request(headers, matches!(self.listener, "upgrade" | "ignore")), end_stream);
        self.upstream = Some(upstream);
        self.outcomes.push(Outcome::Passed { head, sent: Vec::new(), is_complete: false });
        self.sent(end_stream);
    }

    fn sent(&mut self, end_stream: bool) {
        let more = written(self.upstream.as_mut().expect("a head came first"));
        if let Some(Outcome::Passed { sent, is_complete, .. }) = self.outcomes.last_mut() {
            sent.extend_from_slice(&more);
            *is_complete |= end_stream;
        }
    }

    /// Answers a complete request, unless the client is about to close. The flood case answers without writing.
    fn answer(&mut self, stream: u32, server: &mut Codec) {
        if self.is_closing {
            return;
        }
        let Some(Outcome::Passed { is_complete: true, .. }) = self.outcomes.last() else { return };
        server.send_head(stream, &forward_response(&local_response(server), true), false);
        server.send_data(stream, nuncio_message::Chunk::copy_from(b"ok"), true);
        if self.listener != "direct" {
            written(server);
        }
        // The owner of a server closes after a response that says so.
        self.is_closed = server.close_requested();
    }
}

fn matches(outcome: &Outcome, expected: &str) -> bool {
    match (outcome, expected.split_once(' ').unwrap_or((expected, ""))) {
        (Outcome::Passed { sent, .. }, ("up", bytes)) => {
            let bytes = unescape(bytes);
            // Of an unfinished message, or a tunnel, only the head was recorded for certain.
            normal(sent) == normal(&bytes) || (sent.starts_with(&bytes) && is_open(&bytes))
        }
        (Outcome::Passed { head, .. }, ("head", line)) => head.as_bytes() == unescape(line),
        (Outcome::Rejected(rejection), ("reject", line)) => rejection == line,
        (Outcome::Waiting, ("wait", _)) | (Outcome::Flooded, ("flood", _)) => true,
        _ => false,
    }
}

fn is_open(message: &[u8]) -> bool {
    message.starts_with(b"CONNECT ") || message.windows(10).any(|name| name == b"\r\nupgrade:")
}

fn check(line: &str) -> Result<(), String> {
    let columns: Vec<&str> = line.split('\t').collect();
    let [name, listener_name, input, expected] = columns[..] else { panic!("four columns: {line}") };
    let mut server = codec(Role::Server, listener(listener_name));
    let input = parts(input);
    let mut exchange = Exchange {
        listener: listener_name,
        outcomes: Vec::new(),
        upstream: None,
        is_closing: input.1,
        is_closed: false,
    };
    feed(&mut server, &input, |server| exchange.turn(server));
    let expected = if expected.is_empty() { Vec::new() } else { split(expected) };
    let is_equal = exchange.outcomes.len() == expected.len()
        && exchange.outcomes.iter().zip(&expected).all(|(outcome, expected)| matches(outcome, expected));
    if is_equal {
        return Ok(());
    }
    let shown = format!("{:?}", exchange.outcomes.iter().map(show).collect::<Vec<_>>());
    Err(format!("{name} [{listener_name}]\n  envoy {expected:.300?}\n  we    {shown:.400}"))
}

fn show(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Passed { head, sent, is_complete } => format!("{head} ({is_complete}) {}", sent.escape_ascii()),
        other => format!("{other:?}"),
    }
}

#[test]
fn requests_get_the_verdicts_of_envoy() {
    let table = include_str!("../data/http1_requests.txt");
    let lines = table.lines().filter(|line| !line.starts_with('#'));
    let failures: Vec<String> = lines.clone().filter_map(|line| check(line).err()).collect();
    assert!(lines.count() > 1000, "the table is complete");
    assert!(failures.is_empty(), "{} differ:\n{}", failures.len(), failures.join("\n"));
}
