//! Formats: any text compiles or is refused, and what compiled prints the same behind other text.

#![no_main]

use libfuzzer_sys::fuzz_target;
use nuncio_message::{HeaderId, Headers};
use nuncio_telemetry::formatter::{Empty, Formatter, Inputs, LogType};
use nuncio_telemetry::{Line, StreamInfo};

fuzz_target!(|input: (&str, &[u8], u64)| {
    let (format, value, start_micros) = input;
    let mut request = Headers::new();
    request.push(HeaderId::PATH, value);
    request.push(HeaderId::CONTENT_TYPE, b"application/grpc");
    request.push_name(b"a", value);
    let mut response = Headers::new();
    response.push(HeaderId::GRPC_STATUS, value);
    let info = StreamInfo { start_micros, ..StreamInfo::default() };
    let inputs = Inputs {
        info: &info,
        request: Some(&request),
        response: Some(&response),
        trailers: None,
        local_reply_body: value,
        log_type: LogType::DownstreamEnd,
    };
    for empty in [Empty::Dash, Empty::Nothing] {
        let Ok(formatter) = Formatter::parse(format, empty) else { return };
        let (mut alone, mut behind) = (Line::new(), Line::new());
        formatter.append(&inputs, &mut alone);
        behind.append(value);
        formatter.append(&inputs, &mut behind);
        assert_eq!(behind.as_bytes(), [value, alone.as_bytes()].concat());
    }
});
