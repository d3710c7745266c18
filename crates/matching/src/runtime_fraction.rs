//! Fractions of events that the runtime may change.

use nuncio_config::At;
use nuncio_config::Invalid;
use nuncio_config::scalar::Fraction;
use nuncio_proto::envoy::config::core::v3 as pb;

/// `envoy.config.core.v3.RuntimeFractionalPercent`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuntimeFraction {
    default: Fraction,
    runtime_key: Box<str>,
}

impl RuntimeFraction {
    /// Parses the fraction and its key.
    ///
    /// # Errors
    /// When there is no default value, or its denominator is not a known one.
    pub fn parse(proto: pb::RuntimeFractionalPercent, at: &At<'_>) -> Result<Self, Invalid> {
        let pb::RuntimeFractionalPercent { default_value, runtime_key } = proto;
        let mut f = at.fields();
        let default = f.required("default_value", default_value, Fraction::parse);
        f.finish(|| Self { default: default.take(), runtime_key: runtime_key.into() })
    }

    /// The runtime key that may override the default; empty when there is none.
    pub fn runtime_key(&self) -> &str {
        &self.runtime_key
    }

    /// The fraction when the runtime says nothing.
    pub fn default_value(&self) -> Fraction {
        self.default
    }

    /// Whether the random number falls into the fraction.
    pub fn is_enabled(&self, random: u64) -> bool {
        self.default.selects(random)
    }
}

#[cfg(test)]
mod tests {
    use nuncio_config::Diagnostics;
    use nuncio_proto::envoy::r#type::v3::FractionalPercent;

    use super::*;

    #[test]
    fn a_fraction_is_the_low_end_of_the_random_number_modulo_the_denominator() {
        let cases = [
            (0, 0, 0, false),
            (0, 100, 99, true),
            (0, 30, 29, true),
            (0, 30, 30, false),
            (0, 30, 129, true),
            (1, 30, 10_029, true),
            (1, 30, 30, false),
            (2, 1, 5_000_000, true),
            (2, 1, 5_000_001, false),
            (0, 200, 99, true),
        ];
        for (denominator, numerator, random, expected) in cases {
            let default_value = Some(FractionalPercent { numerator, denominator });
            let proto = pb::RuntimeFractionalPercent { default_value, runtime_key: "key".into() };
            let sink = Diagnostics::new();
            let fraction = RuntimeFraction::parse(proto, &At::root(&sink)).expect("a valid fraction");
            assert_eq!(fraction.is_enabled(random), expected, "{fraction:?} {random}");
            assert_eq!(fraction.runtime_key(), "key");
        }
    }

    #[test]
    fn a_fraction_needs_a_default_and_a_known_denominator() {
        for default_value in [None, Some(FractionalPercent { numerator: 1, denominator: 9 })] {
            let sink = Diagnostics::new();
            let proto = pb::RuntimeFractionalPercent { default_value, runtime_key: String::new() };
            assert!(RuntimeFraction::parse(proto, &At::root(&sink)).is_err());
            assert_eq!(sink.errors(), 1);
        }
    }
}
