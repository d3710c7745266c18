//! Address ranges.

use std::net::IpAddr;

use nuncio_config::At;
use nuncio_config::Invalid;
use nuncio_proto::envoy::config::core::v3 as pb;

/// `envoy.config.core.v3.CidrRange`. The two address families never match each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CidrRange {
    network: IpAddr,
    prefix_len: u8,
}

impl CidrRange {
    /// Parses the range. An absent length is 0, a length beyond the address is the whole address.
    ///
    /// # Errors
    /// When the address is none.
    pub fn parse(proto: pb::CidrRange, at: &At<'_>) -> Result<Self, Invalid> {
        let pb::CidrRange { address_prefix, prefix_len } = proto;
        let Ok(address) = address_prefix.parse::<IpAddr>() else {
            return Err(at.field("address_prefix").invalid(format!("malformed IP address: {address_prefix}")));
        };
        let bits = if address.is_ipv4() { 32 } else { 128 };
        Ok(Self::new(address, u8::try_from(prefix_len.unwrap_or(0)).unwrap_or(bits)))
    }

    /// The range of `address` and all that share its first `prefix_len` bits.
    pub fn new(address: IpAddr, prefix_len: u8) -> Self {
        let prefix_len = prefix_len.min(if address.is_ipv4() { 32 } else { 128 });
        Self { network: masked(address, prefix_len), prefix_len }
    }

    /// Whether `address` is in the range.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.network.is_ipv4() == address.is_ipv4() && masked(address, self.prefix_len) == self.network
    }

    /// The first address of the range.
    pub fn network(&self) -> IpAddr {
        self.network
    }

    /// The number of leading bits that all addresses of the range share.
    pub fn prefix_len(&self) -> u8 {
        self.prefix_len
    }
}

/// `address` with only its first `bits` bits.
fn masked(address: IpAddr, bits: u8) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(bits.min(32))).unwrap_or(0);
            IpAddr::V4((v4.to_bits() & mask).into())
        }
        IpAddr::V6(v6) => {
            let mask = u128::MAX.checked_shl(128 - u32::from(bits.min(128))).unwrap_or(0);
            IpAddr::V6((v6.to_bits() & mask).into())
        }
    }
}

#[cfg(test)]
mod tests {
    use nuncio_config::Diagnostics;

    use super::*;

    fn check(range: (&str, Option<u32>), inside: &[&str], outside: &[&str]) {
        let sink = Diagnostics::new();
        let proto = pb::CidrRange { address_prefix: range.0.into(), prefix_len: range.1 };
        let parsed = CidrRange::parse(proto, &At::root(&sink)).expect("a valid range");
        for (addresses, expected) in [(inside, true), (outside, false)] {
            for address in addresses {
                let address = address.parse().expect("an address");
                assert_eq!(parsed.contains(address), expected, "{address} in {parsed:?}");
            }
        }
    }

    // RFC 4632, section 3.1, and RFC 4291, section 2.3.
    #[test]
    fn a_range_holds_the_addresses_that_share_its_prefix() {
        check(("10.1.2.3", Some(8)), &["10.0.0.0", "10.255.255.255"], &["11.0.0.0", "9.255.255.255", "::a00:0"]);
        check(("10.1.2.3", Some(32)), &["10.1.2.3"], &["10.1.2.2"]);
        check(("10.1.2.3", Some(30)), &["10.1.2.0", "10.1.2.3"], &["10.1.2.4"]);
        check(("10.1.2.3", None), &["0.0.0.0", "255.255.255.255"], &["::1"]);
        check(("2001:db8::1", Some(33)), &["2001:db8:7fff::"], &["2001:db8:8000::", "1.2.3.4"]);
        check(("::1", Some(128)), &["::1"], &["::2"]);
        check(("10.0.0.1", Some(99)), &["10.0.0.1"], &["10.0.0.2"]);
    }

    #[test]
    fn what_is_no_address_is_an_error() {
        for text in ["", "10.0.0", "host.test", "10.0.0.1/8", "1.2.3.4:5"] {
            let sink = Diagnostics::new();
            let proto = pb::CidrRange { address_prefix: text.into(), prefix_len: Some(8) };
            assert!(CidrRange::parse(proto, &At::root(&sink)).is_err(), "{text}");
        }
    }
}
