//! Changes that are made one after the other.

use nuncio_config::{At, Invalid};
use nuncio_matching::StringMatcher;
use nuncio_message::{HeaderId, HeaderMapKind};
use nuncio_proto::envoy::config::common::mutation_rules::v3 as pb;
use nuncio_telemetry::Line;

use super::Subject;
use super::addition::Addition;

/// A list of `envoy.config.common.mutation_rules.v3.HeaderMutation`. Shared, immutable.
#[derive(Debug, Default)]
pub struct MutationList(Box<[Mutation]>);

#[derive(Debug)]
enum Mutation {
    Append(Addition),
    Remove(Box<[u8]>),
    RemoveOnMatch(StringMatcher),
}

impl MutationList {
    /// Parses the elements of a field, each at its index below `at`.
    ///
    /// # Errors
    /// When an element changes a pseudo header or the host, or has an invalid value or matcher.
    pub fn parse(protos: Vec<pb::HeaderMutation>, at: &At<'_>) -> Result<Self, Invalid> {
        let parsed: Vec<_> =
            protos.into_iter().enumerate().map(|(index, proto)| Mutation::parse(proto, &at.index(index))).collect();
        let mutations: Vec<_> = parsed.into_iter().collect::<Result<_, _>>()?;
        Ok(Self(mutations.into_iter().flatten().collect()))
    }

    /// Whether nothing changes.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Makes the changes in order; each sees those before it.
    pub fn apply(&self, subject: &mut Subject<'_>) {
        if !self.is_empty() {
            subject.with_line(|subject, line| self.0.iter().for_each(|mutation| mutation.apply(subject, line)));
        }
    }
}

impl Mutation {
    fn parse(proto: pb::HeaderMutation, at: &At<'_>) -> Result<Option<Self>, Invalid> {
        use pb::header_mutation::Action;
        let pb::HeaderMutation { action } = proto;
        match action {
            Some(Action::Append(option)) => Ok(Addition::parse(option, &at.field("append"))?.map(Self::Append)),
            // Envoy lets pseudo headers be removed here; the request or response is then refused where it is sent.
            Some(Action::Remove(name)) => Ok(Some(Self::Remove(name.to_ascii_lowercase().into_bytes().into()))),
            Some(Action::RemoveOnMatch(pb::header_mutation::RemoveOnMatch { key_matcher })) => {
                let at = at.field("remove_on_match");
                let mut f = at.fields();
                let matcher = f.required("key_matcher", key_matcher, StringMatcher::parse);
                f.finish(|| Some(Self::RemoveOnMatch(matcher.take())))
            }
            None => Err(at.invalid("one of 'append', 'remove' and 'remove_on_match' must be set")),
        }
    }

    fn apply(&self, subject: &mut Subject<'_>, line: &mut Line) {
        match self {
            Self::Append(addition) => addition.apply(subject, line),
            Self::Remove(name) => remove(name, subject),
            Self::RemoveOnMatch(matcher) => {
                if let Some(headers) = subject.headers_mut() {
                    headers.remove_if(|header| matcher.matches(header.name));
                }
            }
        }
    }
}

fn remove(name: &[u8], subject: &mut Subject<'_>) {
    let is_request = subject.kind() == HeaderMapKind::Request;
    let Some(headers) = subject.headers_mut() else { return };
    // A request keeps its host as the authority.
    if is_request && name == b"host" {
        headers.remove(HeaderId::AUTHORITY);
    } else {
        headers.remove_by_name(name);
    }
}
