//! Parse functions for the small types that fields have everywhere, for use with [`Fields`](crate::Fields).
//!
//! `UInt32Value`, `BoolValue` and the other wrappers need none: they are `Option<u32>`, `Option<bool>` in the messages.

use std::time::Duration;

use nuncio_proto::envoy::r#type::v3 as pb;

use crate::at::{At, Invalid};
use crate::diagnostic::code;

/// Beyond this Envoy's clock arithmetic overflows: 292 years.
const MAX_SECONDS: u64 = i64::MAX as u64 / 1_000_000_000;

/// `google.protobuf.Duration` that is not negative.
///
/// # Errors
/// When it is negative, or longer than 292 years (Envoy: `Duration out-of-range`).
pub fn duration(proto: prost_types::Duration, at: &At<'_>) -> Result<Duration, Invalid> {
    let prost_types::Duration { seconds, nanos } = proto;
    let (Ok(seconds), Ok(nanos)) = (u64::try_from(seconds), u32::try_from(nanos)) else {
        return Err(at.error(code::DURATION, "a duration must not be negative"));
    };
    if seconds > MAX_SECONDS || nanos >= 1_000_000_000 {
        return Err(at.error(code::DURATION, format!("the duration is out of range: {seconds}s and {nanos}ns")));
    }
    Ok(Duration::new(seconds, nanos))
}

/// `google.protobuf.Duration` above zero.
///
/// # Errors
/// When it is zero, negative or longer than 292 years.
pub fn positive_duration(proto: prost_types::Duration, at: &At<'_>) -> Result<Duration, Invalid> {
    let value = duration(proto, at)?;
    if value.is_zero() {
        return Err(at.error(code::DURATION, "a duration must be above 0s here"));
    }
    Ok(value)
}

/// A string that says something.
///
/// # Errors
/// When it is empty.
pub fn non_empty(text: String, at: &At<'_>) -> Result<String, Invalid> {
    if text.is_empty() {
        return Err(at.invalid("must not be empty"));
    }
    Ok(text)
}

/// A port from a 32-bit field.
///
/// # Errors
/// When it is above 65535.
pub fn port(value: u32, at: &At<'_>) -> Result<u16, Invalid> {
    u16::try_from(value).map_err(|_| at.invalid(format!("must be at most 65535, is {value}")))
}

/// An enum of a generated message, whose fields hold the number.
///
/// # Errors
/// When the enum has no such number.
pub fn enumeration<E: TryFrom<i32>>(number: i32, at: &At<'_>) -> Result<E, Invalid> {
    let unknown = |_| at.error(code::UNKNOWN_ENUM, format!("{number} is not a value of this enum"));
    E::try_from(number).map_err(unknown)
}

/// `envoy.type.v3.Percent`: from 0 to 100.
///
/// # Errors
/// When it is not in that range, or not a number.
pub fn percent(proto: pb::Percent, at: &At<'_>) -> Result<f64, Invalid> {
    let pb::Percent { value } = proto;
    if (0.0..=100.0).contains(&value) {
        return Ok(value);
    }
    let at = at.field("value");
    Err(at.invalid(format!("must be a percentage from 0 to 100, is {value}")))
}

/// `envoy.type.v3.FractionalPercent`: a share of events, such as requests to trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fraction {
    numerator: u32,
    denominator: u32,
}

impl Fraction {
    /// All events.
    pub const ALL: Self = Self { numerator: 100, denominator: 100 };

    /// No event.
    pub const NONE: Self = Self { numerator: 0, denominator: 100 };

    /// Parses the message. A numerator above the denominator means all events, as in Envoy.
    ///
    /// # Errors
    /// When the denominator is not a value of its enum.
    pub fn parse(proto: pb::FractionalPercent, at: &At<'_>) -> Result<Self, Invalid> {
        use pb::fractional_percent::DenominatorType;
        let pb::FractionalPercent { numerator, denominator } = proto;
        let mut f = at.fields();
        let denominator = f.value("denominator", denominator, enumeration);
        f.finish(|| {
            let denominator = match denominator.take() {
                DenominatorType::Hundred => 100,
                DenominatorType::TenThousand => 10_000,
                DenominatorType::Million => 1_000_000,
            };
            Self { numerator, denominator }
        })
    }

    /// The number of events chosen of every [`denominator`](Self::denominator).
    pub fn numerator(self) -> u32 {
        self.numerator
    }

    /// 100, 10,000 or 1,000,000.
    pub fn denominator(self) -> u32 {
        self.denominator
    }

    /// The same with a numerator that is not above `numerator`.
    #[must_use]
    pub fn at_most(self, numerator: u32) -> Self {
        Self { numerator: self.numerator.min(numerator), ..self }
    }

    /// Whether the event with this random number is chosen.
    pub fn selects(self, random: u64) -> bool {
        random % u64::from(self.denominator) < u64::from(self.numerator)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use nuncio_proto::envoy::r#type::v3 as pb;

    use super::{Fraction, duration, percent};
    use crate::{At, Diagnostics};

    #[test]
    fn a_duration_is_neither_negative_nor_beyond_the_clock() {
        let check = |seconds, nanos, expected: Option<Duration>| {
            let found = Diagnostics::new();
            let parsed = duration(prost_types::Duration { seconds, nanos }, &At::root(&found));
            assert_eq!(parsed.ok(), expected, "{seconds} {nanos}");
            assert_eq!(found.has_errors(), expected.is_none());
        };
        check(1, 500_000_000, Some(Duration::from_millis(1500)));
        check(0, 0, Some(Duration::ZERO));
        check(-1, 0, None);
        check(0, -1, None);
        check(5, 1_000_000_000, None);
        check(315_576_000_000, 0, None);
        check(9_223_372_036, 0, Some(Duration::from_secs(9_223_372_036)));
    }

    #[test]
    fn a_fraction_selects_its_share_of_random_numbers() {
        let found = Diagnostics::new();
        let check = |numerator, denominator: pb::fractional_percent::DenominatorType, random, expected| {
            let proto = pb::FractionalPercent { numerator, denominator: denominator.into() };
            let fraction = Fraction::parse(proto, &At::root(&found)).expect("valid");
            assert_eq!(fraction.selects(random), expected, "{fraction:?} {random}");
        };
        use pb::fractional_percent::DenominatorType::{Hundred, Million, TenThousand};
        check(30, Hundred, 29, true);
        check(30, Hundred, 30, false);
        check(30, Hundred, 129, true);
        check(30, TenThousand, 100, false);
        check(1, Million, 1_000_000, true);
        check(200, Hundred, 99, true);
        assert!(!Fraction::NONE.selects(0));
        assert_eq!((Fraction::ALL.at_most(7).numerator(), Fraction::NONE.at_most(7).numerator()), (7, 0));
        assert!(Fraction::ALL.selects(u64::MAX));
    }

    #[test]
    fn a_percentage_is_a_number_from_0_to_100() {
        let check = |value, is_valid| {
            let found = Diagnostics::new();
            let parsed = percent(pb::Percent { value }, &At::root(&found));
            assert_eq!(parsed.is_ok(), is_valid, "{value}");
        };
        check(0.0, true);
        check(100.0, true);
        check(100.1, false);
        check(-0.1, false);
        check(f64::NAN, false);
    }
}
