//! Has every callback and changes nothing.

use std::sync::Arc;

use nuncio_http::{DataStatus, FilterFactory, HeadersStatus, HttpFilter, Interest, StreamCx, TrailersStatus};
use nuncio_message::{Chunk, Headers};

use super::made;

/// A filter that looks at everything and lets it pass.
pub fn passthrough() -> Arc<dyn FilterFactory> {
    made(Interest::ALL, || Box::new(Passthrough))
}

struct Passthrough;

impl HttpFilter for Passthrough {
    fn request_headers(&mut self, _: &mut StreamCx<'_>, _: bool) -> HeadersStatus {
        HeadersStatus::Continue
    }

    fn request_data(&mut self, _: &mut StreamCx<'_>, _: &mut Chunk, _: bool) -> DataStatus {
        DataStatus::Continue
    }

    fn request_trailers(&mut self, _: &mut StreamCx<'_>) -> TrailersStatus {
        TrailersStatus::Continue
    }

    fn response_informational(&mut self, _: &mut StreamCx<'_>, _: &mut Headers) {}

    fn response_headers(&mut self, _: &mut StreamCx<'_>, _: bool) -> HeadersStatus {
        HeadersStatus::Continue
    }

    fn response_data(&mut self, _: &mut StreamCx<'_>, _: &mut Chunk, _: bool) -> DataStatus {
        DataStatus::Continue
    }

    fn response_trailers(&mut self, _: &mut StreamCx<'_>) -> TrailersStatus {
        TrailersStatus::Continue
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rig::{A, Rig, Setup};

    const EXCHANGES: &[(&[&str], &[&str])] = &[
        (&["GET /1 HTTP/1.1\r\nhost: h\r\n\r\n"], &["HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"]),
        (&["HEAD /2 HTTP/1.1\r\nhost: h\r\n\r\n"], &["HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n"]),
        (
            &["POST /3 HTTP/1.1\r\nhost: h\r\ncontent-length: 6\r\n\r\nabc", "def"],
            &["HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 201 Created\r\ncontent-length: 4\r\n\r\nok", "ok"],
        ),
        (
            &[
                "POST /4 HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n",
                "3\r\nabc\r\n",
                "2\r\nde\r\n0\r\nx-t: 1\r\n\r\n",
            ],
            &["HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n", "0\r\nx-u: 2\r\n\r\n"],
        ),
        (&["GET /5 HTTP/1.1\r\nhost: h\r\n\r\n"], &["HTTP/1.1 204 No Content\r\n\r\n"]),
        (&["GARBAGE\r\n\r\n"], &[]),
    ];

    /// What origin and client see of all exchanges.
    fn seen(setup: Setup) -> (String, String) {
        let rig = Rig::new(&setup);
        let client = rig.client();
        let (mut origin, mut up, mut down) = (None, String::new(), String::new());
        for (request, response) in EXCHANGES {
            for piece in *request {
                rig.send(&client, piece);
                origin = origin.or_else(|| rig.try_origin(A));
                up += &origin.as_ref().map(|it| it.text()).unwrap_or_default();
            }
            for piece in *response {
                rig.send(origin.as_ref().expect("the proxy has connected"), piece);
                down += &client.text();
            }
            down += &client.text();
        }
        (up, down)
    }

    #[test]
    fn ten_of_them_change_nothing_on_either_side() {
        let ten = || (0..10).map(|_| passthrough()).collect::<Vec<_>>();
        let plain = seen(Setup::default());
        assert!(plain.0.contains("x-t: 1") && plain.1.contains("x-u: 2") && plain.1.contains("400"), "{plain:?}");
        assert_eq!(seen(Setup { filters: ten(), ..Setup::default() }), plain);
        assert_eq!(seen(Setup { cluster_filters: ten(), ..Setup::default() }), plain);
        assert_eq!(seen(Setup { router_filters: ten(), ..Setup::default() }), plain);
        assert_eq!(seen(Setup { filters: ten(), cluster_filters: ten(), ..Setup::default() }), plain);
    }
}
