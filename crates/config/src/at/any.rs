//! Typed configurations: `google.protobuf.Any` and the extensions that carry one.

use nuncio_proto::envoy::config::core::v3::TypedExtensionConfig;
use prost::{Message, Name};
use prost_types::Any;

use crate::at::{At, Invalid};
use crate::diagnostic::code;
use crate::registered::{Registered, registered};
use crate::suggest;

/// A typed configuration whose type is not looked at yet.
///
/// A `TypedStruct` in a file or resource has been replaced by what it stands for before a parser sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnyConfig {
    type_url: String,
    bytes: Vec<u8>,
}

/// A named extension: `name` and `typed_config`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Extension {
    /// The name the operator gave it.
    pub name: String,
    /// Its configuration.
    pub config: AnyConfig,
}

impl At<'_> {
    /// Unpacks the typed configuration here, which can only be an `M`.
    ///
    /// # Errors
    /// When it is of another type, or its bytes do not decode.
    pub fn any<M: Message + Name + Default>(&self, any: &Any) -> Result<M, Invalid> {
        let found = type_name(&any.type_url);
        if found != M::full_name() {
            let message = format!("expected type {}, found {}", M::full_name(), or_none(found));
            return Err(self.error(code::UNKNOWN_TYPE, message));
        }
        decode(&any.value, self)
    }
}

impl AnyConfig {
    /// Takes an `Any` as it is.
    ///
    /// # Errors
    /// When it has no type.
    pub fn parse(any: Any, at: &At<'_>) -> Result<Self, Invalid> {
        let Any { type_url, value } = any;
        if type_name(&type_url).is_empty() {
            return Err(at.error(code::MISSING_TYPE, "a typed configuration must have a '@type'"));
        }
        Ok(Self { type_url, bytes: value })
    }

    /// The full name of the type, such as `envoy.extensions.filters.http.router.v3.Router`.
    pub fn type_name(&self) -> &str {
        type_name(&self.type_url)
    }

    /// The type URL as it was given.
    pub fn type_url(&self) -> &str {
        &self.type_url
    }

    /// The encoded message.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Decodes the message, whose type the caller has looked at.
    ///
    /// # Errors
    /// When the bytes are not an `M`.
    pub fn decode<M: Message + Default>(&self, at: &At<'_>) -> Result<M, Invalid> {
        decode(&self.bytes, at)
    }

    /// Reports that no extension of the wanted kind has this type: Envoy has one, or it is a mistake. `known` are the type
    /// names that there are.
    pub fn unknown<'k>(&self, at: &At<'_>, kind: &str, known: impl Iterator<Item = &'k str>) -> Invalid {
        let name = self.type_name();
        let help = match registered(kind, name) {
            Registered::Here => return at.not_implemented(&format!("the {kind} '{name}'")),
            Registered::Elsewhere(category) => Some(format!("it is an extension of the category {category}")),
            Registered::Nowhere => {
                suggest::closest(name, known).map(|known| format!("did you mean type.googleapis.com/{known}?"))
            }
        };
        let message = format!("there is no {kind} of type '{name}'");
        let error = crate::Diagnostic::error(code::UNKNOWN_TYPE, at.to_path(), message);
        at.report(error.with_help(help))
    }
}

impl Extension {
    /// Parses `envoy.config.core.v3.TypedExtensionConfig`.
    ///
    /// # Errors
    /// When there is no configuration, or it has no type.
    pub fn parse(proto: TypedExtensionConfig, at: &At<'_>) -> Result<Self, Invalid> {
        let TypedExtensionConfig { name, typed_config } = proto;
        let mut f = at.fields();
        let config = f.required("typed_config", typed_config, AnyConfig::parse);
        f.finish(|| Self { name, config: config.take() })
    }
}

/// Decodes a message at its place. Both ways into this crate check the bytes before, so what is left to go wrong is
/// depth.
pub(crate) fn decode<M: Message + Default>(bytes: &[u8], at: &At<'_>) -> Result<M, Invalid> {
    M::decode(bytes).map_err(|error| {
        let text = error.to_string();
        // The whole chain of messages would follow, a hundred of them.
        match text.contains("recursion limit") {
            true => at.error(code::TOO_DEEP, "a free structure may be nested 30 levels at the most"),
            false => at.error(code::BAD_WIRE, format!("cannot decode the message: {text}")),
        }
    })
}

/// What follows the last slash of a type URL.
pub(crate) fn type_name(url: &str) -> &str {
    url.rsplit('/').next().unwrap_or(url)
}

fn or_none(name: &str) -> &str {
    if name.is_empty() { "none" } else { name }
}
