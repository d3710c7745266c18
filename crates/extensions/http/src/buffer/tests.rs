//! Expected values are answers of Envoy 1.40 to the same configuration.

use nuncio_config::{At, Diagnostics, Invalid};
use nuncio_proto::envoy::extensions::filters::http::buffer::v3 as pb;
use pb::buffer_per_route::Override;

use super::config::{Settings, parse_route};

fn verdict(parse: impl FnOnce(&At<'_>) -> Result<Settings, Invalid>) -> Result<Settings, Vec<String>> {
    let found = Diagnostics::new();
    parse(&At::root(&found)).map_err(|_| {
        let lines = found.sorted();
        lines.iter().map(|found| format!("{}: {}", found.path, found.message)).collect()
    })
}

#[test]
fn a_limit_is_needed_and_is_not_zero() {
    let check = |max_request_bytes, expected: Result<Settings, &str>| {
        let parsed = verdict(|at| Settings::parse(pb::Buffer { max_request_bytes }, at));
        assert_eq!(parsed, expected.map_err(|line| vec![line.to_owned()]));
    };
    check(None, Err("max_request_bytes: must be set"));
    check(Some(0), Err("max_request_bytes: must be at least 1, is 0"));
    check(Some(1), Ok(Settings::Limit(1)));
    check(Some(u32::MAX), Ok(Settings::Limit(u32::MAX)));
}

#[test]
fn a_route_switches_off_or_sets_another_limit() {
    let check = |r#override, expected: Result<Settings, &str>| {
        let parsed = verdict(|at| parse_route(pb::BufferPerRoute { r#override }, at));
        assert_eq!(parsed, expected.map_err(|line| vec![line.to_owned()]));
    };
    check(Some(Override::Disabled(true)), Ok(Settings::Disabled));
    check(Some(Override::Disabled(false)), Err("disabled: must be true"));
    check(Some(Override::Buffer(pb::Buffer { max_request_bytes: Some(7) })), Ok(Settings::Limit(7)));
    check(Some(Override::Buffer(pb::Buffer::default())), Err("buffer.max_request_bytes: must be set"));
    check(None, Err(": one of 'disabled' and 'buffer' must be set"));
}

mod chain {
    use std::sync::Arc;

    use nuncio_http::FilterFactory;
    use nuncio_testkit::rig::{A, Message, Rig, Setup};

    use super::super::config::Settings;
    use super::super::filter::Factory;

    fn rig(limits: &[u32]) -> Rig {
        let one = |limit: &u32| Arc::new(Factory::new("x", Settings::Limit(*limit))) as Arc<dyn FilterFactory>;
        Rig::new(&Setup { filters: limits.iter().map(one).collect(), ..Setup::default() })
    }

    const HEAD: &str = "POST / HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n";

    #[test]
    fn nothing_goes_on_before_the_end_and_then_the_length_is_told() {
        for limits in [&[10][..], &[10, 20], &[20, 10]] {
            let rig = rig(limits);
            let client = rig.client();
            rig.send(&client, HEAD);
            rig.send(&client, "3\r\nabc\r\n2\r\nde\r\n");
            assert!(rig.try_origin(A).is_none(), "{limits:?}");
            rig.send(&client, "0\r\n\r\n");
            let sent = rig.origin(A).take();
            let text = String::from_utf8_lossy(&sent);
            assert!(text.contains("content-length: 5\r\n") && !text.contains("transfer-encoding"), "{text}");
            assert_eq!(Message::parse(&sent).to_string(), "POST abcde");
        }
    }

    #[test]
    fn a_request_above_the_limit_is_refused_before_its_end() {
        let rig = rig(&[4]);
        let client = rig.client();
        rig.send(&client, HEAD);
        rig.send(&client, "4\r\nabcd\r\n");
        assert!(client.take().is_empty());
        rig.send(&client, "1\r\ne\r\n");
        assert_eq!(Message::parse(&client.take()).to_string(), "413 Payload Too Large");
        assert!(rig.try_origin(A).is_none());
        assert_eq!(rig.counter("http.in.downstream_rq_too_large"), 1);
    }
}
