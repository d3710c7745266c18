//! The address of this machine that others may know it by.
#![expect(unsafe_code, reason = "getifaddrs has no safe binding in the standard library")]

use std::net::IpAddr;
use std::ptr;

/// A version of the Internet Protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum IpVersion {
    /// IPv4
    V4,
    /// IPv6
    V6,
}

/// The first address of this version of an interface that is no loopback; nothing when there is none.
pub fn own_address(version: IpVersion) -> Option<IpAddr> {
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
        let is_it = |address: &IpAddr| !address.is_loopback() && address.is_ipv4() == (version == IpVersion::V4);
        found = found.or_else(|| address_of(entry).filter(is_it));
    }
    // SAFETY: `list` came from `getifaddrs`, is freed once, and nothing refers to it any more.
    unsafe { libc::freeifaddrs(list) };
    found
}

fn address_of(entry: &libc::ifaddrs) -> Option<IpAddr> {
    // SAFETY: `ifa_addr` is null or points to an address as long as its family says.
    let family = unsafe { entry.ifa_addr.as_ref() }?.sa_family;
    match i32::from(family) {
        libc::AF_INET => {
            // SAFETY: the family says that it is a `sockaddr_in`; it is read without assuming its alignment.
            let address = unsafe { entry.ifa_addr.cast::<libc::sockaddr_in>().read_unaligned() };
            Some(IpAddr::from(address.sin_addr.s_addr.to_ne_bytes()))
        }
        libc::AF_INET6 => {
            // SAFETY: the family says that it is a `sockaddr_in6`; it is read without assuming its alignment.
            let address = unsafe { entry.ifa_addr.cast::<libc::sockaddr_in6>().read_unaligned() };
            Some(IpAddr::from(address.sin6_addr.s6_addr))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_of_its_version_and_never_a_loopback_address() {
        let is_v4 = |address: IpAddr| address.is_ipv4() && !address.is_loopback();
        assert!(own_address(IpVersion::V4).is_none_or(is_v4));
        let is_v6 = |address: IpAddr| address.is_ipv6() && !address.is_loopback();
        assert!(own_address(IpVersion::V6).is_none_or(is_v6));
    }
}
