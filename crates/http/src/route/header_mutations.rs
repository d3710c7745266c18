//! Headers that a level of the route configuration adds and removes.

use nuncio_config::At;
use nuncio_config::Invalid;
use nuncio_message::HeaderMapKind;
use nuncio_message::Headers;
use nuncio_proto::envoy::config::core::v3 as core;

/// `headers_to_add` and `headers_to_remove` of one level.
#[derive(Debug, Default)]
pub struct HeaderMutations {
    removals: Box<[Box<[u8]>]>,
    additions: Box<[Addition]>,
}

#[derive(Debug)]
struct Addition {
    name: Box<[u8]>,
    value: Box<[u8]>,
    action: Append,
}

/// `envoy.config.core.v3.HeaderValueOption.HeaderAppendAction`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Append {
    Always,
    IfAbsent,
    Overwrite,
    OverwriteIfExists,
}

impl HeaderMutations {
    /// Parses the request's two fields, which are named alike at every level.
    ///
    /// # Errors
    /// When a pseudo header or the host would be changed, or a value has an operator.
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
    /// Whether a header exists is asked after the removals, before anything of this level is written, as Envoy does.
    pub fn apply(&self, headers: &mut Headers, kind: HeaderMapKind) {
        for name in &self.removals {
            headers.remove_by_name(name);
        }
        let mut skipped = Skipped::default();
        for (at, addition) in self.additions.iter().enumerate() {
            if addition.is_skipped(headers) {
                skipped.add(at);
            }
        }
        for (_, addition) in self.additions.iter().enumerate().filter(|(at, _)| !skipped.has(*at)) {
            if matches!(addition.action, Append::Overwrite | Append::OverwriteIfExists) {
                // Envoy moves an overwritten header to the end.
                headers.remove_by_name(&addition.name);
                headers.push_name(&addition.name, &addition.value);
            }
        }
        for (_, addition) in self.additions.iter().enumerate().filter(|(at, _)| !skipped.has(*at)) {
            if matches!(addition.action, Append::Always | Append::IfAbsent) {
                headers.add(kind, &addition.name, &addition.value);
            }
        }
    }
}

/// The most additions of one level, as in Envoy.
const MAX_ADDITIONS: usize = 1000;

/// Additions whose condition did not hold. Two additions to one absent header are both made: neither sees the other.
#[derive(Default)]
struct Skipped([u64; MAX_ADDITIONS.div_ceil(64)]);

impl Skipped {
    fn add(&mut self, at: usize) {
        self.0[at / 64] |= 1 << (at % 64);
    }

    fn has(&self, at: usize) -> bool {
        self.0[at / 64] & (1 << (at % 64)) != 0
    }
}

impl Addition {
    fn is_skipped(&self, headers: &Headers) -> bool {
        match self.action {
            Append::IfAbsent => headers.get_by_name(&self.name).is_some(),
            Append::OverwriteIfExists => headers.get_by_name(&self.name).is_none(),
            Append::Always | Append::Overwrite => false,
        }
    }

    /// Parses one addition; nothing when it would add nothing.
    fn parse(proto: core::HeaderValueOption, at: &At<'_>) -> Result<Option<Self>, Invalid> {
        let core::HeaderValueOption { header, append, append_action, keep_empty_value } = proto;
        let mut f = at.fields();
        let header = f.required("header", header, |core::HeaderValue { key, value, raw_value }, at| {
            let mut f = at.fields();
            let name = f.value("key", key, |name, at| header_name(&name, "modified", at));
            let value = f.value("value", value, |text, at| plain_value(&text, at));
            // Envoy takes no raw value here: the header is not added.
            f.unsupported("raw_value", raw_value);
            f.finish(|| (name.take(), value.take()))
        });
        let action = f.value("append_action", append_action, |number, at| Append::parse(append, number, at));
        f.finish(|| {
            let (name, value) = header.take();
            (keep_empty_value || !value.is_empty()).then(|| Self { name, value, action: action.take() })
        })
    }
}

impl Append {
    fn parse(append: Option<bool>, number: i32, at: &At<'_>) -> Result<Self, Invalid> {
        use core::header_value_option::HeaderAppendAction as A;
        let action: A = nuncio_config::scalar::enumeration(number, at)?;
        match (append, action) {
            (None, A::AppendIfExistsOrAdd) | (Some(true), A::AppendIfExistsOrAdd) => Ok(Self::Always),
            (None, A::AddIfAbsent) => Ok(Self::IfAbsent),
            (None, A::OverwriteIfExistsOrAdd) | (Some(false), A::AppendIfExistsOrAdd) => Ok(Self::Overwrite),
            (None, A::OverwriteIfExists) => Ok(Self::OverwriteIfExists),
            (Some(_), _) => Err(at.invalid("Both append and append_action are set and it's not allowed")),
        }
    }
}

fn header_name(name: &str, verb: &str, at: &At<'_>) -> Result<Box<[u8]>, Invalid> {
    if name.starts_with(':') || name.eq_ignore_ascii_case("host") {
        return Err(at.invalid(format!(":-prefixed or host headers may not be {verb}")));
    }
    Ok(name.to_ascii_lowercase().into_bytes().into())
}

/// A value without operators; `%%` is a percent sign.
fn plain_value(text: &str, at: &At<'_>) -> Result<Box<[u8]>, Invalid> {
    let mut value = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(percent) = rest.find('%') {
        value.extend_from_slice(&rest.as_bytes()[..percent]);
        let after = &rest[percent + 1..];
        let Some(end) = after.find('%') else {
            let position = text.len() - after.len() - 1;
            let message =
                format!("Incorrect configuration: {text}. Couldn't find valid command at position {position}");
            return Err(at.invalid(message));
        };
        if end > 0 {
            return Err(at.not_implemented(&format!("the operator '%{}%'", &after[..end])));
        }
        value.push(b'%');
        rest = &after[1..];
    }
    value.extend_from_slice(rest.as_bytes());
    Ok(value.into())
}
