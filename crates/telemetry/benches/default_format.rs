//! The cost of one line in the default format. Count its instructions with
//! `valgrind --tool=callgrind --toggle-collect='*lines*' <binary> 1000`.

use std::hint::black_box;
use std::net::SocketAddr;
use std::sync::Arc;

use nuncio_codec::Protocol;
use nuncio_message::HeaderId;
use nuncio_message::Headers;
use nuncio_message::Tick;
use nuncio_telemetry::Address;
use nuncio_telemetry::Formatter;
use nuncio_telemetry::HostDescription;
use nuncio_telemetry::Line;
use nuncio_telemetry::Moment;
use nuncio_telemetry::StreamInfo;
use nuncio_telemetry::formatter::Empty;
use nuncio_telemetry::formatter::Inputs;
use nuncio_telemetry::formatter::LogType;

struct Host(Address);

impl HostDescription for Host {
    fn address(&self) -> &Address {
        &self.0
    }

    fn address_text(&self) -> &str {
        "127.0.0.1:8080"
    }

    fn hostname(&self) -> &str {
        ""
    }
}

fn main() {
    let count = std::env::args().filter_map(|argument| argument.parse().ok()).next().unwrap_or(10);
    let mut info = StreamInfo { start_micros: 1_795_507_481_728_506, bytes_sent: 1_024, ..StreamInfo::default() };
    info.protocol = Some(Protocol::Http11);
    info.response_code = Some(200);
    info.timing.mark(Moment::DownstreamReceiveBegin, Tick(1_000));
    info.timing.mark(Moment::Complete, Tick(1_012));
    info.upstream.host = Some(Arc::new(Host(Address::from(SocketAddr::from(([127, 0, 0, 1], 8_080))))));
    let (mut request, mut response) = (Headers::new(), Headers::new());
    for (id, value) in [
        (HeaderId::METHOD, "GET"),
        (HeaderId::PATH, "/some/path?with=query"),
        (HeaderId::AUTHORITY, "www.example.com"),
        (HeaderId::SCHEME, "http"),
        (HeaderId::USER_AGENT, "curl/8.5.0"),
        (HeaderId::ACCEPT, "*/*"),
        (HeaderId::X_FORWARDED_FOR, "192.0.2.2"),
        (HeaderId::X_FORWARDED_PROTO, "http"),
        (HeaderId::X_REQUEST_ID, "c06ef374-1be7-442a-a4c5-6f0232e251df"),
    ] {
        request.push(id, value.as_bytes());
    }
    response.push(HeaderId::STATUS, b"200");
    response.push(HeaderId::X_ENVOY_UPSTREAM_SERVICE_TIME, b"11");
    let formatter = Formatter::parse(Formatter::DEFAULT, Empty::Dash).expect("the default format is valid");
    let inputs = Inputs {
        info: &info,
        request: Some(&request),
        response: Some(&response),
        trailers: None,
        local_reply_body: b"",
        log_type: LogType::DownstreamEnd,
    };
    let mut out = Line::new();
    lines(&formatter, &inputs, &mut out, count);
    assert!(count == 0 || out.as_bytes().ends_with(b" \"www.example.com\" \"127.0.0.1:8080\"\n"), "{out:?}");
}

#[inline(never)]
fn lines(formatter: &Formatter, inputs: &Inputs<'_>, out: &mut Line, count: usize) {
    for _ in 0..count {
        out.clear();
        formatter.append(black_box(inputs), out);
        black_box(&out);
    }
}
