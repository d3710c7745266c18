//! A steady stream of messages allocates nothing.

mod counting;
mod proxied;

use nuncio_codec::Protocol;

use proxied::Proxied;

#[test]
fn warm_connections_allocate_nothing_for_a_message() {
    for (downstream, upstream) in [
        (Protocol::Http11, Protocol::Http11),
        (Protocol::Http2, Protocol::Http11),
        (Protocol::Http11, Protocol::Http2),
        (Protocol::Http2, Protocol::Http2),
    ] {
        let mut proxied = Proxied::new(downstream, upstream);
        (0..200).for_each(|_| proxied.exchange());
        let before = counting::allocations();
        (0..500).for_each(|_| proxied.exchange());
        assert_eq!(counting::allocations() - before, 0, "{downstream:?} to {upstream:?}");
    }
}
