//! Typed configurations: a mapping whose `@type` says how to read the rest.

use prost::Message;
use prost_reflect::{DynamicMessage, MessageDescriptor, Value};

use crate::at::{At, type_name};
use crate::bind::Binder;
use crate::bind::well_known::Form;
use crate::diagnostic::code;
use crate::rules::{Payloads, Stage};
use crate::tree::{Node, Scalar};

/// The messages that carry a typed configuration as a free structure.
pub(crate) const TYPED_STRUCTS: [&str; 2] = ["xds.type.v3.TypedStruct", "udpa.type.v1.TypedStruct"];

/// The key that names the type.
const TYPE: &str = "@type";

impl Binder<'_> {
    pub(super) fn any(&self, descriptor: &MessageDescriptor, node: &Node<'_>, at: &At<'_>) -> Option<DynamicMessage> {
        let Some(entries) = node.as_map() else {
            return self.mismatch(node, "a mapping with an '@type'", at);
        };
        if entries.is_empty() {
            return Some(DynamicMessage::new(descriptor.clone()));
        }
        let Some((_, url_node)) = node.entry(TYPE) else {
            return self.missing_type(node, at);
        };
        let Some(Scalar::Text(url)) = url_node.as_scalar() else {
            return self.mismatch(url_node, "a type URL", at);
        };
        let message = self.descriptor_of(url, url_node, at)?;
        if TYPED_STRUCTS.contains(&message.full_name())
            && let Some(unwrapped) = self.typed_struct(descriptor, &message, node, at)
        {
            return unwrapped;
        }
        let payload = match Form::of(&message) {
            Form::Plain => self.message(&message, node, at, &[TYPE])?,
            _ => self.wrapped_value(&message, node, at)?,
        };
        self.check(&payload, Payloads::Skip, Stage::Runtime, at);
        Some(pack(descriptor, url, &payload))
    }

    /// Types with a JSON form of their own stand in `value`.
    fn wrapped_value(&self, message: &MessageDescriptor, node: &Node<'_>, at: &At<'_>) -> Option<DynamicMessage> {
        let Some((_, value)) = node.entry("value") else {
            return Some(DynamicMessage::new(message.clone()));
        };
        match self.message_value(message, value, at)? {
            Value::Message(payload) => Some(payload),
            _ => None,
        }
    }

    /// Replaces a `TypedStruct` by the message that it describes, so that nothing behind this has to know of it.
    ///
    /// The outer `None` means that it names no known message: then it stays what it is, and whoever looks for an extension
    /// of that type says that there is none.
    fn typed_struct(
        &self,
        descriptor: &MessageDescriptor,
        carrier: &MessageDescriptor,
        node: &Node<'_>,
        at: &At<'_>,
    ) -> Option<Option<DynamicMessage>> {
        let (_, url_node) = node.entry("type_url").or_else(|| node.entry("typeUrl"))?;
        let url = url_node.as_text()?;
        let message = self.pool.message(type_name(url))?;
        let known = [TYPE, "type_url", "typeUrl", "value"];
        if node.as_map()?.iter().any(|(key, _)| !known.contains(&&*key.text)) {
            let errors = at.sink().errors();
            self.message(carrier, node, at, &[TYPE]); // reports the unknown field
            if at.sink().errors() > errors {
                return Some(None);
            }
        }
        let payload = match node.entry("value") {
            Some((_, value)) => self.message(&message, value, at, &[]),
            None => Some(DynamicMessage::new(message)),
        };
        Some(payload.map(|payload| {
            self.check(&payload, Payloads::Skip, Stage::Runtime, at);
            pack(descriptor, url, &payload)
        }))
    }

    fn descriptor_of(&self, url: &str, node: &Node<'_>, at: &At<'_>) -> Option<MessageDescriptor> {
        if url.rfind('/').is_none_or(|slash| slash == 0) {
            let message = format!("type URL '{url}' must have a host in front of the type");
            let help = format!("write type.googleapis.com/{}", url.trim_start_matches('/'));
            return self.error_with_help(node.span, code::BAD_TYPE_URL, at, message, Some(help));
        }
        let name = type_name(url);
        let found = self.pool.message(name);
        if found.is_none() {
            let mut help = self.type_hint(name).map(|t| format!("did you mean type.googleapis.com/{t}?"));
            if name.contains(".v2.") || name.contains(".v2alpha.") {
                help = Some(format!("Envoy's v2 API was removed; {}", help.unwrap_or_default()));
            }
            return self.error_with_help(node.span, code::UNKNOWN_TYPE, at, format!("unknown type '{name}'"), help);
        }
        found
    }

    fn missing_type(&self, node: &Node<'_>, at: &At<'_>) -> Option<DynamicMessage> {
        let similar =
            ["type", "type_url", "typeUrl", "@Type", "@type_url"].into_iter().find(|k| node.entry(k).is_some());
        let help = match similar {
            Some(key) => format!("'{key}' should be '@type'"),
            None => "add \"@type\": type.googleapis.com/<full name of the message>".to_owned(),
        };
        let span = crate::diagnostic::Span::at(node.span.start);
        self.error_with_help(span, code::MISSING_TYPE, at, "a typed configuration must have a '@type'", Some(help))
    }
}

fn pack(descriptor: &MessageDescriptor, url: &str, payload: &DynamicMessage) -> DynamicMessage {
    let mut any = DynamicMessage::new(descriptor.clone());
    any.set_field_by_number(1, Value::String(url.to_owned()));
    any.set_field_by_number(2, Value::Bytes(payload.encode_to_vec().into()));
    any
}
