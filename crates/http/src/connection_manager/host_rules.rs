//! What becomes of a request's authority before a virtual host is looked for.

use nuncio_config::{At, Invalid};
use nuncio_proto::envoy::extensions::filters::network::http_connection_manager::v3::http_connection_manager::StripPortMode;

/// `strip_matching_host_port`, `strip_any_host_port` and `strip_trailing_host_dot`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct HostRules {
    pub(super) strips_port: StripPort,
    pub(super) strips_trailing_dot: bool,
}

/// Which ports are taken off.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum StripPort {
    #[default]
    Never,
    /// The listener's own.
    Matching,
    Any,
}

impl StripPort {
    /// Parses `strip_port_mode` and `strip_matching_host_port`.
    pub(super) fn parse(mode: Option<StripPortMode>, is_matching: bool, at: &At<'_>) -> Result<Self, Invalid> {
        let mut f = at.fields();
        let strips_any = matches!(mode, Some(StripPortMode::StripAnyHostPort(true)));
        if strips_any && is_matching {
            f.reject("strip_any_host_port", "must not be set together with 'strip_matching_host_port'");
        }
        f.finish(|| match (strips_any, is_matching) {
            (true, _) => Self::Any,
            (false, true) => Self::Matching,
            (false, false) => Self::Never,
        })
    }
}

impl HostRules {
    /// The new authority; nothing when it stays. `port` is the listener's.
    pub(super) fn apply(&self, authority: &[u8], port: Option<u16>) -> Option<Vec<u8>> {
        if *self == Self::default() {
            return None;
        }
        let mut host = authority.to_vec();
        if self.strips_trailing_dot {
            strip_dot(&mut host);
        }
        let stripped = match self.strips_port {
            StripPort::Never => None,
            StripPort::Matching => {
                port_of(&host).filter(|(_, written)| port.is_some_and(|port| *written == u32::from(port)))
            }
            StripPort::Any => port_of(&host),
        };
        if let Some((at, _)) = stripped {
            host.truncate(at);
        }
        (host != authority).then_some(host)
    }
}

/// Takes off a dot at the end, or before the port.
fn strip_dot(host: &mut Vec<u8>) {
    let Some(dot) = host.iter().rposition(|&b| b == b'.') else { return };
    if host.get(dot + 1).is_none_or(|&b| b == b':') {
        host.remove(dot);
    }
}

/// Where the colon of the port is, and the port.
fn port_of(host: &[u8]) -> Option<(usize, u32)> {
    let colon = host.iter().rposition(|&b| b == b':' || b == b']').filter(|&at| host[at] == b':')?;
    let port = std::str::from_utf8(&host[colon + 1..]).ok()?.parse().ok()?;
    Some((colon, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(strips_port: StripPort, strips_trailing_dot: bool, cases: &[(&str, &str)]) {
        let rules = HostRules { strips_port, strips_trailing_dot };
        for (host, expected) in cases {
            let left = rules.apply(host.as_bytes(), Some(8008)).unwrap_or_else(|| host.as_bytes().to_vec());
            assert_eq!(String::from_utf8_lossy(&left), *expected, "{host} by {rules:?}");
        }
    }

    #[test]
    fn any_port_is_stripped() {
        check(
            StripPort::Any,
            false,
            &[
                ("a.test:80", "a.test"),
                ("a.test", "a.test"),
                ("a.test:", "a.test:"),
                ("a.test:abc", "a.test:abc"),
                ("[::1]:80", "[::1]"),
                ("[::1]", "[::1]"),
                ("a:99999999999", "a:99999999999"),
                ("a:0080", "a"),
                ("a:+80", "a"),
                ("a:-1", "a:-1"),
            ],
        );
    }

    #[test]
    fn only_the_port_of_the_listener_is_stripped() {
        check(StripPort::Matching, false, &[("a.test:80", "a.test:80"), ("a.test:8008", "a.test"), ("a.", "a.")]);
    }

    #[test]
    fn a_trailing_dot_is_stripped_before_the_port() {
        let cases = [("a.test.", "a.test"), ("a.test.:80", "a.test:80"), ("a.:", "a:"), (".", ""), ("..", ".")];
        check(StripPort::Never, true, &cases);
        check(StripPort::Any, true, &[("a.test.:80", "a.test"), ("1.2.3.4.:5", "1.2.3.4")]);
    }
}
