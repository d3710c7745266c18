//! Headers that a level of the route configuration adds and removes.

use nuncio_config::At;
use nuncio_config::Invalid;
use nuncio_proto::envoy::config::core::v3 as core;

use crate::header_mutation::Addition;
use crate::header_mutation::Scratch;
use crate::header_mutation::Span;
use crate::header_mutation::Subject;
use crate::header_mutation::header_name;

/// `headers_to_add` and `headers_to_remove` of one level.
#[derive(Debug, Default)]
pub struct HeaderMutations {
    removals: Box<[Box<[u8]>]>,
    additions: Box<[Addition]>,
}

/// Which level's header mutations come last, and win.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum MutationOrder {
    /// Route, virtual host, route configuration.
    LeastSpecificWins,
    /// Route configuration, virtual host, route: `most_specific_header_mutations_wins`.
    MostSpecificWins,
}

impl HeaderMutations {
    /// Parses the request's two fields, which are named alike at every level.
    ///
    /// # Errors
    /// When a pseudo header or the host would be changed, or a value is not a format.
    pub(super) fn parse_request(
        additions: Vec<core::HeaderValueOption>,
        removals: Vec<String>,
        at: &At<'_>,
    ) -> Result<Self, Invalid> {
        Self::parse(("request_headers_to_add", additions), ("request_headers_to_remove", removals), at)
    }

    /// Parses the response's two fields.
    ///
    /// # Errors
    /// As [`Self::parse_request`].
    pub(super) fn parse_response(
        additions: Vec<core::HeaderValueOption>,
        removals: Vec<String>,
        at: &At<'_>,
    ) -> Result<Self, Invalid> {
        Self::parse(("response_headers_to_add", additions), ("response_headers_to_remove", removals), at)
    }

    /// Parses a list of additions that has no removals beside it.
    ///
    /// # Errors
    /// As [`Self::parse_request`].
    pub(crate) fn parse_additions(
        field: &str,
        additions: Vec<core::HeaderValueOption>,
        at: &At<'_>,
    ) -> Result<Self, Invalid> {
        Self::parse((field, additions), ("", Vec::new()), at)
    }

    /// `to_add` and `to_remove` are the names of the fields.
    fn parse(
        (to_add, additions): (&str, Vec<core::HeaderValueOption>),
        (to_remove, removals): (&str, Vec<String>),
        at: &At<'_>,
    ) -> Result<Self, Invalid> {
        let mut f = at.fields();
        if additions.len() > MAX_ADDITIONS {
            f.reject(to_add, format!("must have at most {MAX_ADDITIONS} items, has {}", additions.len()));
        }
        let additions = f.each(to_add, additions, Addition::parse);
        let removals = f.each(to_remove, removals, |name, at| header_name(&name, "removed", at));
        f.finish(|| {
            // An empty value is only added when it is to be kept.
            let additions = additions.take().into_iter().flatten().collect();
            Self { additions, removals: removals.take().into() }
        })
    }

    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.removals.is_empty() && self.additions.is_empty()
    }

    /// Changes the headers: first all removals, then what overwrites, then what is added.
    ///
    /// Values are made, and it is asked whether a header exists, after the removals and before anything of this level is
    /// written, as Envoy does: two additions to one absent header are both made, neither sees the other.
    pub fn apply(&self, subject: &mut Subject<'_>) {
        if self.is_empty() {
            return;
        }
        let Some(headers) = subject.headers_mut() else { return };
        for name in &self.removals {
            headers.remove_by_name(name);
        }
        if !self.additions.is_empty() {
            subject.with_scratch(|subject, scratch| self.add(subject, scratch));
        }
    }

    fn add(&self, subject: &mut Subject<'_>, scratch: &mut Scratch) {
        for (index, addition) in (0..).zip(&self.additions) {
            let start = scratch.line.len();
            addition.value.append(subject, &mut scratch.line);
            let value = &scratch.line.as_bytes()[start..];
            if subject.headers_mut().is_some_and(|headers| addition.wants(value, headers)) {
                scratch.spans.push(Span { index, start: start as u32, end: scratch.line.len() as u32 });
            }
        }
        let kind = subject.kind();
        let Some(headers) = subject.headers_mut() else { return };
        for is_overwriting in [true, false] {
            for Span { index, start, end } in &scratch.spans {
                let addition = &self.additions[*index as usize];
                if addition.action.overwrites() == is_overwriting {
                    let value = &scratch.line.as_bytes()[*start as usize..*end as usize];
                    addition.put(value, kind, headers);
                }
            }
        }
    }
}

/// The most additions of one level, as in Envoy.
const MAX_ADDITIONS: usize = 1000;
