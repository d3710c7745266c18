//! What the runtime says of deprecated fields. Only its static layers can say anything this early.

use std::collections::BTreeMap;

use nuncio_proto::envoy::config::bootstrap::v3::LayeredRuntime;
use nuncio_proto::envoy::config::bootstrap::v3::runtime_layer::LayerSpecifier;
use prost_types::Struct;
use prost_types::value::Kind;

/// Allows, and forbids, deprecated fields and enum values.
#[derive(Debug, Default)]
pub(crate) struct Features {
    /// `envoy.deprecated_features:<full name>`
    single: BTreeMap<String, bool>,
    /// `envoy.features.enable_all_deprecated_features`: allows those that Envoy refuses by default.
    is_all_enabled: bool,
    /// `envoy.features.fail_on_any_deprecated_feature`: forbids all.
    is_all_refused: bool,
}

impl Features {
    /// Reads the static layers; a later one counts more.
    pub(crate) fn read(runtime: &LayeredRuntime) -> Self {
        let mut features = Self::default();
        for layer in &runtime.layers {
            if let Some(LayerSpecifier::StaticLayer(values)) = &layer.layer_specifier {
                features.read_values("", values);
            }
        }
        features
    }

    /// A key is written whole, or in nested parts that dots join.
    fn read_values(&mut self, prefix: &str, values: &Struct) {
        for (name, value) in &values.fields {
            let key = format!("{prefix}{name}");
            match value.kind.as_ref() {
                Some(Kind::BoolValue(value)) => self.set(&key, *value),
                Some(Kind::NumberValue(value)) => self.set(&key, *value != 0.0),
                Some(Kind::StructValue(nested)) => self.read_values(&format!("{key}."), nested),
                // Envoy takes no text for a flag.
                Some(Kind::StringValue(_) | Kind::ListValue(_) | Kind::NullValue(_)) | None => {}
            }
        }
    }

    fn set(&mut self, key: &str, value: bool) {
        match key.strip_prefix("envoy.deprecated_features:") {
            Some(name) => drop(self.single.insert(name.to_owned(), value)),
            None if key == "envoy.features.enable_all_deprecated_features" => self.is_all_enabled = value,
            None if key == "envoy.features.fail_on_any_deprecated_feature" => self.is_all_refused = value,
            None => {}
        }
    }

    /// Whether a deprecated field or value may be used.
    pub(super) fn allows(&self, full_name: &str, is_disallowed: bool) -> bool {
        let by_default = !self.is_all_refused && (self.is_all_enabled || !is_disallowed);
        self.single.get(full_name).copied().unwrap_or(by_default)
    }
}
