//! The address of this machine that others may know it by.
#![expect(unsafe_code, reason = "getifaddrs has no safe binding in the standard library")]

use std::net::{IpAddr, Ipv4Addr};
use std::ptr;

/// The first IPv4 address of an interface that is no loopback; nothing when there is none.
pub fn own_address() -> Option<IpAddr> {
    let mut list = ptr::null_mut();
    // SAFETY: `list` is a valid place for the pointer that the call writes.
    if unsafe { libc::getifaddrs(&raw mut list) } != 0 {
        return None;
    }
    let mut found = None;
    let mut next = list;
    // SAFETY: `next` is null or an entry of the list, which lives until `freeifaddrs` below.
    while let Some(entry) = unsafe { next.as_ref() } {
        next = entry.ifa_next;
        found = found.or_else(|| ipv4_of(entry).filter(|address| !address.is_loopback()));
    }
    // SAFETY: `list` came from `getifaddrs`, is freed once, and nothing refers to it any more.
    unsafe { libc::freeifaddrs(list) };
    found.map(IpAddr::V4)
}

fn ipv4_of(entry: &libc::ifaddrs) -> Option<Ipv4Addr> {
    // SAFETY: `ifa_addr` is null or points to an address as long as its family says.
    let family = unsafe { entry.ifa_addr.as_ref() }?.sa_family;
    if i32::from(family) != libc::AF_INET {
        return None;
    }
    // SAFETY: the family is AF_INET, so that it is a `sockaddr_in`; it is read without assuming its alignment.
    let address = unsafe { entry.ifa_addr.cast::<libc::sockaddr_in>().read_unaligned() };
    Some(Ipv4Addr::from(address.sin_addr.s_addr.to_ne_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_never_a_loopback_address() {
        assert!(own_address().is_none_or(|address| !address.is_loopback()));
    }
}
