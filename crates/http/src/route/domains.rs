//! Which virtual host a request's authority belongs to.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use nuncio_config::At;
use nuncio_config::Invalid;

/// Authorities longer than this are lower-cased on the heap.
const STACK_BYTES: usize = 256;

type ByName = HashMap<Box<[u8]>, u32, RandomState>;

/// The domains of all virtual hosts: exact ones first, then the longest suffix, the longest prefix, and `*`.
#[derive(Debug, Default)]
pub(super) struct Domains {
    exact: ByName,
    /// What follows the asterisk of `*.foo`.
    suffixes: ByLength,
    /// What precedes the asterisk of `foo.*`.
    prefixes: ByLength,
    any: Option<u32>,
}

/// Names by their length, the longest first.
#[derive(Debug, Default)]
struct ByLength(Vec<(usize, ByName)>);

impl Domains {
    /// Adds a domain of the virtual host with this index. `table` is the name of the route configuration.
    ///
    /// # Errors
    /// When the domain is there already.
    pub(super) fn add(&mut self, domain: String, virtual_host: u32, table: &str, at: &At<'_>) -> Result<(), Invalid> {
        let domain = domain.to_ascii_lowercase();
        let bytes = domain.as_bytes();
        let previous = match bytes {
            b"*" => {
                if self.any.replace(virtual_host).is_some() {
                    return Err(at.invalid(format!("Only a single wildcard domain is permitted in route {table}")));
                }
                return Ok(());
            }
            [b'*', suffix @ ..] => self.suffixes.insert(suffix, virtual_host),
            [prefix @ .., b'*'] => self.prefixes.insert(prefix, virtual_host),
            exact => self.exact.insert(exact.into(), virtual_host),
        };
        match previous {
            None => Ok(()),
            Some(_) => Err(at.invalid(format!(
                "Only unique values for domains are permitted. Duplicate entry of domain {domain} in route {table}"
            ))),
        }
    }

    /// The virtual host of an authority in any letter case.
    pub(super) fn find(&self, authority: &[u8]) -> Option<u32> {
        if self.exact.is_empty() && self.suffixes.0.is_empty() && self.prefixes.0.is_empty() {
            return self.any;
        }
        if !authority.iter().any(u8::is_ascii_uppercase) {
            return self.find_lower(authority);
        }
        let mut stack = [0; STACK_BYTES];
        match stack.get_mut(..authority.len()) {
            Some(lower) => {
                lower.copy_from_slice(authority);
                lower.make_ascii_lowercase();
                self.find_lower(lower)
            }
            None => self.find_lower(&authority.to_ascii_lowercase()),
        }
    }

    fn find_lower(&self, authority: &[u8]) -> Option<u32> {
        let longest = authority.len().saturating_sub(1);
        self.exact
            .get(authority)
            .copied()
            .or_else(|| self.suffixes.find(longest, |length| &authority[authority.len() - length..]))
            .or_else(|| self.prefixes.find(longest, |length| &authority[..length]))
            .or(self.any)
    }
}

impl ByLength {
    fn insert(&mut self, name: &[u8], virtual_host: u32) -> Option<u32> {
        let at = self.0.partition_point(|(length, _)| *length > name.len());
        if self.0.get(at).is_none_or(|(length, _)| *length != name.len()) {
            self.0.insert(at, (name.len(), ByName::default()));
        }
        self.0[at].1.insert(name.into(), virtual_host)
    }

    /// The longest name of at most `longest` bytes, so that the asterisk stands for one byte or more.
    fn find<'a>(&self, longest: usize, part: impl Fn(usize) -> &'a [u8]) -> Option<u32> {
        self.0
            .iter()
            .filter(|(length, _)| *length <= longest)
            .find_map(|(length, names)| names.get(part(*length)).copied())
    }
}

/// The authority without what follows its last colon, unless that colon belongs to an IPv6 address in brackets. Envoy does
/// not look whether a port follows.
pub(super) fn without_port(authority: &[u8]) -> &[u8] {
    match authority.iter().rposition(|&b| b == b':' || b == b']') {
        Some(at) if authority[at] == b':' => &authority[..at],
        _ => authority,
    }
}
