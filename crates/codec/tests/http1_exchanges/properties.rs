//! Properties of the HTTP/1 codec: splits do not matter, what is written can be read, and a second parser agrees.

use nuncio_codec::http1::{Codec, Options};
use nuncio_codec::{Event, Role};
use nuncio_message::{Chunk, HeaderId, Headers, Tick};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::{Just, Strategy, any, prop_assert, prop_assert_eq, prop_oneof, proptest};
use proptest::sample::{Index, select};

use crate::world::{codec, listener, parts, written};

/// What was said of a message, without how it was cut into pieces.
#[derive(Default, Debug, PartialEq)]
struct Message {
    heads: Vec<Headers>,
    body: Vec<u8>,
    trailers: Option<Headers>,
    is_complete: bool,
    is_refused: bool,
}

impl Message {
    /// Of a body that is refused in the end, what came in reads before has been handed out; `whole` came in one.
    fn told_as(mut self, whole: &Self) -> Self {
        if self.is_refused && self.body.starts_with(&whole.body) {
            self.body.truncate(whole.body.len());
        }
        self
    }

    /// Takes what there is; `false` once the connection is finished.
    fn take_from(&mut self, codec: &mut Codec) -> bool {
        loop {
            match codec.next(Tick(0)) {
                Ok(None) => return true,
                Ok(Some(Event::Begin { .. })) => {}
                Ok(Some(Event::Head { headers, end_stream, .. })) => {
                    self.heads.push(headers);
                    self.is_complete |= end_stream;
                }
                Ok(Some(Event::Informational { headers, .. })) => self.heads.push(headers),
                Ok(Some(Event::Data { data, end_stream, .. })) => {
                    self.body.extend_from_slice(&data);
                    self.is_complete |= end_stream;
                }
                Ok(Some(Event::Trailers { headers, .. })) => {
                    self.trailers = Some(headers);
                    self.is_complete = true;
                }
                // Which fault is found first may depend on what had come by then, as in Envoy.
                Ok(Some(Event::Rejected { .. })) | Err(_) => {
                    self.is_refused = true;
                    return false;
                }
                Ok(Some(other)) => panic!("unexpected {other:?}"),
            }
        }
    }

    fn read(mut codec: Codec, input: &[u8], cuts: &[usize]) -> Self {
        let mut message = Self::default();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut % (input.len() + 1)).collect();
        cuts.extend([0, input.len()]);
        cuts.sort_unstable();
        for pair in cuts.windows(2).filter(|pair| pair[0] < pair[1]) {
            codec.receive(Chunk::copy_from(&input[pair[0]..pair[1]]));
            if !message.take_from(&mut codec) {
                break;
            }
        }
        message
    }
}

/// The requests and responses of the tables, with the codec that reads them.
fn recorded(table: &'static str) -> Vec<(String, Vec<u8>)> {
    let lines = table.lines().filter(|line| !line.starts_with('#'));
    lines
        .map(|line| {
            let columns: Vec<&str> = line.split('\t').collect();
            let input = if columns.len() == 4 { columns[2] } else { columns[3] };
            (columns[1].to_owned(), parts(input).0.concat())
        })
        .filter(|(_, input)| input.len() < 5000)
        .collect()
}

fn client_that_sent(method: &str) -> Codec {
    let mut client = codec(Role::Client, Options::default());
    client.open();
    let mut headers = Headers::new();
    headers.push(HeaderId::METHOD, method.as_bytes());
    headers.push(HeaderId::PATH, b"/");
    headers.push(HeaderId::AUTHORITY, b"a");
    client.send_head(1, &headers, true);
    written(&mut client);
    client
}

fn token() -> impl Strategy<Value = String> {
    "[a-z!#$%&'*+.^_`|~-][a-z0-9!#$%&'*+.^_`|~-]{0,20}"
        .prop_filter("has a meaning of its own", |name| !matches!(name.as_str(), "host" | "te" | "upgrade"))
}

/// A value as it survives: no blanks at its ends, no control character but the tab.
fn value() -> impl Strategy<Value = Vec<u8>> {
    vec(prop_oneof![8 => 0x21..=0x7eu8, 1 => 0x80..=0xffu8, 1 => select(&b" \t"[..])], 0..40)
        .prop_map(|bytes| bytes.trim_ascii().to_vec())
}

fn fields(n: usize) -> impl Strategy<Value = Vec<(String, Vec<u8>)>> {
    vec((token().prop_map(|name| format!("x-{name}")), value()), 0..n)
}

fn list(pairs: &[(String, Vec<u8>)]) -> Headers {
    let mut headers = Headers::new();
    for (name, value) in pairs {
        headers.push_name(name.as_bytes(), value);
    }
    headers
}

/// Pieces that requests are made of, more or less.
fn soup() -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![
        Just("GET"),
        Just("POST"),
        Just("/"),
        Just("/a?b"),
        Just("HTTP/1.1"),
        Just("HTTP/1.0"),
        Just(" "),
        Just(" "),
        Just("\r\n"),
        Just("\r\n"),
        Just("\n"),
        Just("\r"),
        Just(":"),
        Just(": "),
        Just("host"),
        Just("x-a"),
        Just("content-length"),
        Just("transfer-encoding"),
        Just("chunked"),
        Just("3"),
        Just("0"),
        Just("abc"),
        Just("\t"),
        Just("\0"),
        Just(";"),
        Just("connection"),
        Just("close"),
        Just("http://h"),
        Just("*"),
    ];
    let head = option::of(select(vec![
        "GET / HTTP/1.1\r\n",
        "POST /p HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\n",
    ]));
    (head, vec(prop_oneof![30 => word.prop_map(|word| word.as_bytes().to_vec()), 1 => vec(any::<u8>(), 1..3)], 0..30))
        .prop_map(|(head, words)| [head.unwrap_or_default().as_bytes(), &words.concat()].concat())
}

proptest! {
    #[test]
    fn splits_of_recorded_requests_do_not_matter(row in any::<Index>(), cuts in vec(any::<usize>(), 0..12)) {
        let rows = recorded(include_str!("../data/http1_requests.txt"));
        let (name, input) = row.get(&rows);
        let read = |cuts: &[usize]| Message::read(codec(Role::Server, listener(name)), input, cuts);
        let whole = read(&[]);
        prop_assert_eq!(read(&cuts).told_as(&whole), whole, "{}", input.escape_ascii());
    }

    #[test]
    fn splits_of_recorded_responses_do_not_matter(row in any::<Index>(), cuts in vec(any::<usize>(), 0..12)) {
        let rows = recorded(include_str!("../data/http1_responses.txt"));
        let input = &row.get(&rows).1;
        let read = |cuts: &[usize]| Message::read(client_that_sent("GET"), input, cuts);
        let whole = read(&[]);
        prop_assert_eq!(read(&cuts).told_as(&whole), whole, "{}", input.escape_ascii());
    }

    #[test]
    fn splits_of_anything_do_not_matter(input in soup(), cuts in vec(any::<usize>(), 0..12)) {
        for name in ["default", "ten", "limits", "noabs"] {
            let read = |cuts: &[usize]| Message::read(codec(Role::Server, listener(name)), &input, cuts);
            let whole = read(&[]);
            prop_assert_eq!(read(&cuts).told_as(&whole), whole, "{} {}", name, input.escape_ascii());
        }
        let read = |cuts: &[usize]| Message::read(client_that_sent("GET"), &input, cuts);
        let whole = read(&[]);
        prop_assert_eq!(read(&cuts).told_as(&whole), whole, "{}", input.escape_ascii());
    }

    #[test]
    fn what_a_client_writes_a_server_reads(
        sent in fields(12),
        body in vec(vec(any::<u8>(), 0..50), 0..5),
        has_length in any::<bool>(),
        trailers in option::of(fields(4)),
        cuts in vec(any::<usize>(), 0..8),
    ) {
        let whole: Vec<u8> = body.concat();
        let mut client = codec(Role::Client, listener("trailers"));
        client.open();
        let mut head = Headers::new();
        head.push(HeaderId::METHOD, b"PUT");
        head.push(HeaderId::PATH, b"/p");
        head.push(HeaderId::AUTHORITY, b"a");
        for (name, value) in &sent {
            head.push_name(name.as_bytes(), value);
        }
        if has_length {
            head.set_number(HeaderId::CONTENT_LENGTH, whole.len() as u64);
        }
        client.send_head(1, &head, false);
        body.iter().for_each(|piece| client.send_data(1, Chunk::copy_from(piece), false));
        match &trailers {
            Some(trailers) => client.send_trailers(1, &list(trailers)),
            None => client.send_data(1, Chunk::empty(), true),
        }
        let message = Message::read(codec(Role::Server, listener("trailers")), &written(&mut client), &cuts);
        if !has_length {
            head.push(HeaderId::TRANSFER_ENCODING, b"chunked");
        }
        prop_assert_eq!(&message.heads, &[head]);
        prop_assert_eq!(message.body, whole);
        let trailers = trailers.filter(|trailers| !has_length && !trailers.is_empty());
        prop_assert_eq!(message.trailers, trailers.map(|trailers| list(&trailers)));
        prop_assert!(message.is_complete && !message.is_refused);
    }

    #[test]
    fn what_a_server_writes_a_client_reads(
        sent in fields(12),
        status in prop_oneof![Just(200u16), Just(404), 205..=303u16, 305..=999u16],
        body in vec(vec(any::<u8>(), 0..50), 0..5),
        has_length in any::<bool>(),
        cuts in vec(any::<usize>(), 0..8),
    ) {
        let whole: Vec<u8> = body.concat();
        let mut server = codec(Role::Server, Options::default());
        server.receive(Chunk::copy_from(b"GET / HTTP/1.1\r\n\r\n"));
        let is_head = matches!(server.next(Tick(0)), Ok(Some(Event::Head { .. })));
        prop_assert!(is_head);
        let mut head = Headers::new();
        head.push(HeaderId::STATUS, status.to_string().as_bytes());
        for (name, value) in &sent {
            head.push_name(name.as_bytes(), value);
        }
        if has_length {
            head.set_number(HeaderId::CONTENT_LENGTH, whole.len() as u64);
        }
        server.send_head(1, &head, false);
        body.iter().for_each(|piece| server.send_data(1, Chunk::copy_from(piece), false));
        server.send_data(1, Chunk::empty(), true);
        let message = Message::read(client_that_sent("GET"), &written(&mut server), &cuts);
        if !has_length {
            head.push(HeaderId::TRANSFER_ENCODING, b"chunked");
        }
        prop_assert_eq!(&message.heads, &[head]);
        prop_assert_eq!(message.body, whole);
        prop_assert!(message.is_complete && !message.is_refused && !server.is_closing());
    }

    #[test]
    fn a_second_parser_agrees(
        input in prop_oneof![
            soup(),
            (fields(8), select(vec!["GET", "PUT"]), "/[!-~]{0,30}").prop_map(|(fields, method, path)| {
                let lines = fields.iter().map(|(name, value)| [name.as_bytes(), b": ", value, b"\r\n"].concat());
                let line = format!("{method} {path} HTTP/1.1\r\n").into_bytes();
                [line, lines.collect::<Vec<_>>().concat(), b"\r\n".to_vec()].concat()
            }),
        ],
    ) {
        let ours = Message::read(codec(Role::Server, Options { allow_custom_methods: true, ..Options::default() }), &input, &[]);
        let mut slots = [httparse::EMPTY_HEADER; 64];
        let mut theirs = httparse::Request::new(&mut slots);
        let is_theirs = matches!(theirs.parse(&input), Ok(httparse::Status::Complete(_)));
        let is_plain = |byte: &u8| matches!(byte, b' '..=b'~' | 0x80..);
        let is_strict = input.split(|&byte| byte == b'\n').all(|line| {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            line.iter().all(is_plain) && !line.starts_with(b" ")
        });
        if let ([head, ..], true) = (ours.heads.as_slice(), is_theirs) {
            prop_assert_eq!(head.get(HeaderId::METHOD), theirs.method.map(str::as_bytes));
            let theirs = theirs.headers.iter().filter(|header| header.name.starts_with("x-"));
            let theirs: Vec<_> = theirs.map(|header| (header.name.to_ascii_lowercase().into_bytes(), header.value.to_vec())).collect();
            let ours = head.iter().filter(|header| header.name.starts_with(b"x-"));
            prop_assert_eq!(ours.map(|header| (header.name.to_vec(), header.value.to_vec())).collect::<Vec<_>>(), theirs);
        }
        // Double blanks in the request line are all that a strict line may have and the other parser refuses.
        if is_strict && !ours.heads.is_empty() && !input.windows(2).any(|pair| pair == b"  ") && !input.windows(3).any(|three| three == b" \r\n") {
            prop_assert!(is_theirs || input.windows(2).any(|pair| pair == b" \n"), "only we accept {}", input.escape_ascii());
        }
    }
}
