//! What becomes of responses, well-formed and not, and how they are sent on, judged by recordings of Envoy.

use nuncio_codec::http1::Codec;
use nuncio_codec::{ConnectionError, Event, ResetCause, Role};
use nuncio_message::{Chunk, HeaderId, Headers, Tick};

use crate::world::{
    cluster, codec, feed, forward_request, forward_response, listener, normal, parts, unescape, written,
};

/// Both sides of a proxy with one request.
struct Proxy {
    server: Codec,
    client: Codec,
    is_upgrade_listener: bool,
    /// What `connection` says in the recorded response: the connection manager's decision, not the codec's.
    connection: Option<Vec<u8>>,
    has_head: bool,
    is_complete: bool,
    end: Option<End>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum End {
    Error,
    Reset,
}

impl Proxy {
    /// A proxy that has passed on the request.
    fn new(listener_name: &str, request: &[u8], connection: Option<Vec<u8>>) -> Self {
        let mut server = codec(Role::Server, listener(listener_name));
        server.receive(Chunk::copy_from(request));
        let is_upgrade_listener = listener_name == "upgrade";
        let Ok(Some(Event::Head { headers, end_stream, stream: 1 })) = server.next(Tick(0)) else {
            panic!("a request: {}", request.escape_ascii())
        };
        let mut client = codec(Role::Client, cluster(headers.get(HeaderId::PATH).unwrap_or_default()));
        assert_eq!(client.open(), Some(1));
        client.send_head(1, &forward_request(&headers, is_upgrade_listener), end_stream);
        if headers.has(HeaderId::EXPECT) {
            let mut go_on = Headers::new();
            go_on.push(HeaderId::STATUS, b"100");
            server.send_informational(1, &go_on);
        }
        while let Some(event) = server.next(Tick(0)).expect("a request") {
            match event {
                Event::Data { data, end_stream, .. } => client.send_data(1, data, end_stream),
                Event::Trailers { headers, .. } => client.send_trailers(1, &headers),
                other => panic!("{other:?}"),
            }
        }
        written(&mut client);
        Self { server, client, is_upgrade_listener, connection, has_head: false, is_complete: false, end: None }
    }

    fn turn(&mut self, event: Event) {
        match event {
            Event::Informational { headers, .. } => assert!(headers.status().is_some_and(|status| status < 200)),
            Event::Head { headers, end_stream, .. } => {
                self.has_head = true;
                self.head(&headers, end_stream);
            }
            Event::Data { data, end_stream, .. } => {
                self.is_complete |= end_stream;
                self.server.send_data(1, data, end_stream);
            }
            Event::Trailers { headers, .. } => {
                self.is_complete = true;
                self.server.send_trailers(1, &headers);
            }
            Event::Reset { cause, .. } => {
                assert_eq!(cause, ResetCause::ConnectionTermination);
                self.end = Some(End::Reset);
            }
            other => panic!("not of an HTTP/1 client: {other:?}"),
        }
    }

    fn head(&mut self, headers: &Headers, end_stream: bool) {
        self.is_complete = end_stream;
        let is_granted = self.is_upgrade_listener && headers.status() == Some(101) && headers.has(HeaderId::UPGRADE);
        let mut sent = forward_response(headers, is_granted);
        if let (Some(connection), false) = (&self.connection, is_granted) {
            sent.remove(HeaderId::CONNECTION);
            sent.push(HeaderId::CONNECTION, connection);
        }
        self.server.send_head(1, &sent, end_stream);
    }
}

fn check(line: &str) -> Result<(), String> {
    let columns: Vec<&str> = line.split('\t').collect();
    let [name, listener_name, request, input, expected, received, reuse] = columns[..] else {
        panic!("seven columns: {line}")
    };
    let received = unescape(received);
    let mut proxy = Proxy::new(listener_name, &unescape(request), connection_of(&received));
    let mut client = std::mem::replace(&mut proxy.client, codec(Role::Client, cluster(b"")));
    let mut last = Ok(());
    feed(&mut client, &parts(input), |client| last = drain(client, &mut proxy));
    let outcome = match (proxy.end, proxy.has_head, proxy.is_complete) {
        (Some(End::Error), false, _) => "error",
        (Some(End::Error), true, false) => "error-after",
        (Some(End::Reset), false, _) => "cut",
        (Some(End::Reset), true, false) => "cut-after",
        (None, false, _) => "wait",
        (None, true, false) => "wait-after",
        (_, true, true) => "ok",
    };
    let bytes = written(&mut proxy.server);
    let can_follow = client.open().is_some();
    let is_reuse_right = match reuse {
        "reused" => can_follow,
        "new" if expected == "ok" => !can_follow,
        _ => true,
    };
    let is_right = outcome == expected && is_received(outcome, &bytes, &received, name) && is_reuse_right;
    if is_right || expected == "handshake" {
        return Ok(());
    }
    Err(format!(
        "{name} [{listener_name}]\n  envoy {expected} {:.200} {reuse}\n  we    {outcome} {:.200} follow: {can_follow} {last:?}",
        received.escape_ascii().to_string(),
        bytes.escape_ascii().to_string()
    ))
}

fn drain(client: &mut Codec, proxy: &mut Proxy) -> Result<(), ConnectionError> {
    loop {
        match client.next(Tick(0)) {
            Ok(Some(event)) => proxy.turn(event),
            Ok(None) => return Ok(()),
            Err(error) => {
                proxy.end.get_or_insert(End::Error);
                assert!(client.is_closing() && !client.wants_input());
                return Err(error);
            }
        }
    }
}

/// Bytes that came after the error, or were still on their way when the client left, were not recorded for certain.
fn is_received(outcome: &str, bytes: &[u8], received: &[u8], name: &str) -> bool {
    match outcome {
        "ok" if name == "early response connection close" => bytes.starts_with(received),
        "ok" => normal(bytes) == normal(received),
        "error-after" | "cut-after" | "wait-after" => bytes.starts_with(received) || received.starts_with(bytes),
        _ => true,
    }
}

fn connection_of(response: &[u8]) -> Option<Vec<u8>> {
    let text = String::from_utf8_lossy(response);
    let line = text.lines().find_map(|line| line.strip_prefix("connection: "))?;
    Some(line.as_bytes().to_vec())
}

#[test]
fn responses_get_the_verdicts_of_envoy() {
    let table = include_str!("../data/http1_responses.txt");
    let lines = table.lines().filter(|line| !line.starts_with('#'));
    let failures: Vec<String> = lines.clone().filter_map(|line| check(line).err()).collect();
    assert!(lines.count() > 300, "the table is complete");
    assert!(failures.is_empty(), "{} differ:\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn reason_phrases_are_those_of_envoy() {
    let table = include_str!("../data/http1_reasons.txt");
    let known: Vec<&str> = table.lines().filter(|line| !line.starts_with('#')).collect();
    assert!(known.len() > 50, "the table is complete");
    for status in (100..=103).chain(200..=599) {
        let mut server = codec(Role::Server, listener("default"));
        server.receive(Chunk::copy_from(b"GET / HTTP/1.1\r\n\r\n"));
        assert!(matches!(server.next(Tick(0)), Ok(Some(Event::Head { .. }))));
        let mut head = Headers::new();
        head.push(HeaderId::STATUS, status.to_string().as_bytes());
        if status < 200 {
            server.send_informational(1, &head);
        } else {
            server.send_head(1, &head, true);
        }
        let expected = known.iter().find(|line| line.starts_with(&status.to_string()));
        let expected = expected.map_or(format!("{status} Unknown"), |line| (*line).to_owned());
        assert!(written(&mut server).starts_with(format!("HTTP/1.1 {expected}\r\n").as_bytes()), "{expected}");
    }
}
