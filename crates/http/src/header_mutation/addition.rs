//! One header to add.

use nuncio_config::{At, Invalid, scalar};
use nuncio_message::{HeaderMapKind, Headers};
use nuncio_proto::envoy::config::core::v3 as core;
use nuncio_telemetry::Line;

use super::{Subject, Value};

/// `envoy.config.core.v3.HeaderValueOption`.
#[derive(Debug)]
pub(crate) struct Addition {
    pub(crate) name: Box<[u8]>,
    pub(crate) value: Value,
    pub(crate) action: Append,
    /// `keep_empty_value`: an empty value is added too.
    keeps_empty: bool,
}

/// `envoy.config.core.v3.HeaderValueOption.HeaderAppendAction`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Append {
    Always,
    IfAbsent,
    Overwrite,
    OverwriteIfExists,
}

impl Addition {
    /// Parses the message; nothing when it would never add anything.
    ///
    /// # Errors
    /// When a pseudo header or the host would be changed, or the value is not a format.
    pub(crate) fn parse(proto: core::HeaderValueOption, at: &At<'_>) -> Result<Option<Self>, Invalid> {
        let core::HeaderValueOption { header, append, append_action, keep_empty_value } = proto;
        let mut f = at.fields();
        let header = f.required("header", header, |core::HeaderValue { key, value, raw_value }, at| {
            let mut f = at.fields();
            let name = f.value("key", key, |name, at| header_name(&name, "modified", at));
            let value = f.value("value", value, |text, at| Value::parse(&text, at));
            f.without_effect("raw_value", raw_value, "only 'value' is looked at here, as in Envoy");
            f.finish(|| (name.take(), value.take()))
        });
        let action = f.value("append_action", append_action, |number, at| Append::parse(append, number, at));
        f.finish(|| {
            let (name, value) = header.take();
            let adds = keep_empty_value || value.constant() != Some(b"");
            adds.then(|| Self { name, value, action: action.take(), keeps_empty: keep_empty_value })
        })
    }

    /// Whether a header with this value is to be set at all.
    pub(crate) fn wants(&self, value: &[u8], headers: &Headers) -> bool {
        if value.is_empty() && !self.keeps_empty {
            return false;
        }
        match self.action {
            Append::IfAbsent => headers.get_by_name(&self.name).is_none(),
            Append::OverwriteIfExists => headers.get_by_name(&self.name).is_some(),
            Append::Always | Append::Overwrite => true,
        }
    }

    /// Sets the header, whatever its condition.
    pub(crate) fn put(&self, value: &[u8], kind: HeaderMapKind, headers: &mut Headers) {
        match self.action {
            Append::Always | Append::IfAbsent => {
                headers.add(kind, &self.name, value);
            }
            Append::Overwrite | Append::OverwriteIfExists => {
                // Envoy moves an overwritten header to the end.
                headers.remove_by_name(&self.name);
                headers.push_name(&self.name, value);
            }
        }
    }

    /// Makes the value and sets the header.
    pub(super) fn apply(&self, subject: &mut Subject<'_>, line: &mut Line) {
        let value = match self.value.constant() {
            Some(constant) => constant,
            None => {
                line.clear();
                self.value.append(subject, line);
                line.as_bytes()
            }
        };
        let kind = subject.kind();
        let Some(headers) = subject.headers_mut() else { return };
        if self.wants(value, headers) {
            self.put(value, kind, headers);
        }
    }
}

impl Append {
    /// Whether what is there goes.
    pub(crate) fn overwrites(self) -> bool {
        match self {
            Self::Overwrite | Self::OverwriteIfExists => true,
            Self::Always | Self::IfAbsent => false,
        }
    }

    /// Parses `append_action`, and `append`, which it replaces.
    fn parse(append: Option<bool>, number: i32, at: &At<'_>) -> Result<Self, Invalid> {
        use core::header_value_option::HeaderAppendAction as A;
        let action: A = scalar::enumeration(number, at)?;
        match (append, action) {
            (None | Some(true), A::AppendIfExistsOrAdd) => Ok(Self::Always),
            (None, A::AddIfAbsent) => Ok(Self::IfAbsent),
            (None, A::OverwriteIfExistsOrAdd) | (Some(false), A::AppendIfExistsOrAdd) => Ok(Self::Overwrite),
            (None, A::OverwriteIfExists) => Ok(Self::OverwriteIfExists),
            (Some(_), _) => Err(at.invalid("Both append and append_action are set and it's not allowed")),
        }
    }
}

/// The lower-case name of a header that may be `verb`.
pub(crate) fn header_name(name: &str, verb: &str, at: &At<'_>) -> Result<Box<[u8]>, Invalid> {
    if name.starts_with(':') || name.eq_ignore_ascii_case("host") {
        return Err(at.invalid(format!(":-prefixed or host headers may not be {verb}")));
    }
    Ok(name.to_ascii_lowercase().into_bytes().into())
}
