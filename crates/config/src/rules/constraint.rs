//! The rules for one value, by kind.

use std::fmt::Display;

use prost_reflect::{DynamicMessage, EnumDescriptor, ReflectMessage, Value};

use crate::rules::plan::Rules;
use crate::rules::text::TextRules;

/// What a value, list or map has to satisfy.
#[derive(Debug)]
pub(super) enum Constraint {
    /// Integers of all sizes, exactly.
    Integer(Range<i128>),
    /// Floating-point numbers.
    Float(Range<f64>),
    /// `google.protobuf.Duration`, in nanoseconds.
    Duration(Range<i128>),
    /// `bool.const`.
    Bool(bool),
    Text(Box<TextRules>),
    /// The length of bytes.
    Bytes(Count),
    Enum(EnumRules),
    List {
        count: Count,
        is_unique: bool,
        items: Option<Box<Rules>>,
    },
    Map {
        count: Count,
        keys: Option<Box<Rules>>,
        values: Option<Box<Rules>>,
    },
}

/// A rule that is broken: its name, and what should be.
pub(super) type Violation = (&'static str, String);

impl Constraint {
    /// Reads one member of `validate.FieldRules`. `None` for kinds without rules beside `required`.
    pub(super) fn read(kind: &str, rules: &DynamicMessage) -> Option<Self> {
        Some(match kind {
            "float" | "double" => Self::Float(Range::read(rules, float)),
            "duration" => Self::Duration(Range::read(rules, integer)),
            "bool" => Self::Bool(written(rules, "const")?.as_bool()?),
            "string" => Self::Text(Box::new(TextRules::read(rules))),
            "bytes" => Self::Bytes(Count::read(rules, "min_len", "max_len")),
            "enum" => Self::Enum(EnumRules::read(rules)),
            "repeated" => Self::List {
                count: Count::read(rules, "min_items", "max_items"),
                is_unique: written(rules, "unique").and_then(|v| v.as_bool()).unwrap_or(false),
                items: nested(rules, "items"),
            },
            "map" => Self::Map {
                count: Count::read(rules, "min_pairs", "max_pairs"),
                keys: nested(rules, "keys"),
                values: nested(rules, "values"),
            },
            "any" | "timestamp" => return None,
            _ => Self::Integer(Range::read(rules, integer)),
        })
    }

    /// Judges a single value: the first rule that it breaks.
    pub(super) fn judge(&self, value: &Value, enumeration: Option<&EnumDescriptor>) -> Option<Violation> {
        match self {
            Self::Integer(range) => range.judge(integer(value)?, &NUMBER_CODES, |n| n.to_string()),
            Self::Float(range) => range.judge(float(value)?, &NUMBER_CODES, |n| n.to_string()),
            Self::Duration(range) => range.judge(integer(value)?, &DURATION_CODES, |n| seconds(*n)),
            Self::Bool(expected) => {
                (value.as_bool()? != *expected).then(|| ("bool.const", format!("must be {expected}")))
            }
            Self::Text(rules) => rules.judge(value.as_str()?),
            Self::Bytes(count) => count.judge(value.as_bytes()?.len(), &BYTES_CODES, "byte"),
            Self::Enum(rules) => rules.judge(value.as_enum_number()?, enumeration),
            Self::List { .. } | Self::Map { .. } => None,
        }
    }
}

/// Bounds of a value.
#[derive(Debug)]
pub(super) struct Range<T> {
    exactly: Option<T>,
    below: Option<T>,
    at_most: Option<T>,
    above: Option<T>,
    at_least: Option<T>,
    one_of: Vec<T>,
    none_of: Vec<T>,
    ignores_zero: bool,
}

/// The codes of a [`Range`]'s rules: const, lt, lte, gt, gte, in, not_in.
type RangeCodes = [&'static str; 7];

const NUMBER_CODES: RangeCodes =
    ["number.const", "number.lt", "number.lte", "number.gt", "number.gte", "number.in", "number.not_in"];
const DURATION_CODES: RangeCodes =
    ["duration.const", "duration.lt", "duration.lte", "duration.gt", "duration.gte", "duration.in", "duration.not_in"];

impl<T: PartialOrd + Copy + Default> Range<T> {
    fn read(rules: &DynamicMessage, convert: fn(&Value) -> Option<T>) -> Self {
        let one = |name| written(rules, name).and_then(|v| convert(&v));
        let many = |name| {
            let list = written(rules, name);
            let items = list.as_ref().and_then(|v| v.as_list()).unwrap_or_default();
            items.iter().filter_map(convert).collect()
        };
        let ignores = written(rules, "ignore_empty").and_then(|v| v.as_bool());
        Self {
            exactly: one("const"),
            below: one("lt"),
            at_most: one("lte"),
            above: one("gt"),
            at_least: one("gte"),
            one_of: many("in"),
            none_of: many("not_in"),
            ignores_zero: ignores.unwrap_or(false),
        }
    }

    /// As in Envoy, a value that cannot be compared (NaN) breaks no bound.
    fn judge(&self, value: T, codes: &RangeCodes, show: impl Fn(&T) -> String) -> Option<Violation> {
        if self.ignores_zero && value == T::default() {
            return None;
        }
        let is = show(&value);
        let broken = |code: usize, words: &str, bound: &T| {
            Some((codes[code], format!("must be {words}{}, is {is}", show(bound))))
        };
        match self {
            Self { exactly: Some(bound), .. } if value != *bound => broken(0, "", bound),
            Self { below: Some(bound), .. } if value >= *bound => broken(1, "below ", bound),
            Self { at_most: Some(bound), .. } if value > *bound => broken(2, "at most ", bound),
            Self { above: Some(bound), .. } if value <= *bound => broken(3, "above ", bound),
            Self { at_least: Some(bound), .. } if value < *bound => broken(4, "at least ", bound),
            Self { one_of, .. } if !one_of.is_empty() && !one_of.contains(&value) => {
                let all: Vec<String> = one_of.iter().map(&show).collect();
                Some((codes[5], format!("must be one of {}, is {is}", all.join(", "))))
            }
            Self { none_of, .. } if none_of.contains(&value) => Some((codes[6], format!("must not be {is}"))),
            Self { .. } => None,
        }
    }
}

/// How many there may be.
#[derive(Debug)]
pub(super) struct Count {
    min: u64,
    max: Option<u64>,
}

/// The codes of a [`Count`]'s rules: least and most.
pub(super) type CountCodes = [&'static str; 2];

pub(super) const LIST_CODES: CountCodes = ["repeated.min_items", "repeated.max_items"];
pub(super) const MAP_CODES: CountCodes = ["map.min_pairs", "map.max_pairs"];
const BYTES_CODES: CountCodes = ["bytes.min_len", "bytes.max_len"];

impl Count {
    pub(super) fn read(rules: &DynamicMessage, min: &str, max: &str) -> Self {
        let number = |name| written(rules, name).and_then(|v| v.as_u64());
        Self { min: number(min).unwrap_or(0), max: number(max) }
    }

    pub(super) fn judge(&self, count: usize, codes: &CountCodes, unit: &str) -> Option<Violation> {
        let count = count as u64;
        if count < self.min {
            let expected = plural(self.min, unit);
            return Some((codes[0], format!("must have at least {expected}, has {count}")));
        }
        let max = self.max.filter(|max| count > *max)?;
        Some((codes[1], format!("must have at most {}, has {count}", plural(max, unit))))
    }
}

fn plural(count: impl Into<u64> + Display + Copy, unit: &str) -> String {
    match (count.into(), unit) {
        (1, _) => format!("{count} {unit}"),
        (_, "entry") => format!("{count} entries"),
        (_, _) => format!("{count} {unit}s"),
    }
}

/// Rules of an enum field.
#[derive(Debug)]
pub(super) struct EnumRules {
    exactly: Option<i32>,
    is_defined_only: bool,
    one_of: Vec<i32>,
    none_of: Vec<i32>,
}

impl EnumRules {
    fn read(rules: &DynamicMessage) -> Self {
        let many = |name| {
            let list = written(rules, name);
            let items = list.as_ref().and_then(|v| v.as_list()).unwrap_or_default();
            items.iter().filter_map(Value::as_i32).collect()
        };
        Self {
            exactly: written(rules, "const").and_then(|v| v.as_i32()),
            is_defined_only: written(rules, "defined_only").and_then(|v| v.as_bool()).unwrap_or(false),
            one_of: many("in"),
            none_of: many("not_in"),
        }
    }

    fn judge(&self, number: i32, enumeration: Option<&EnumDescriptor>) -> Option<Violation> {
        let name = |number: i32| {
            let value = enumeration.and_then(|e| e.get_value(number));
            value.map_or_else(|| number.to_string(), |v| v.name().to_owned())
        };
        let is_defined = enumeration.is_none_or(|e| e.get_value(number).is_some());
        if self.is_defined_only && !is_defined {
            return Some(("enum.defined_only", format!("{number} is not a value of this enum")));
        }
        if let Some(exactly) = self.exactly.filter(|e| *e != number) {
            return Some(("enum.const", format!("must be {}, is {}", name(exactly), name(number))));
        }
        if self.none_of.contains(&number) {
            return Some(("enum.not_in", format!("must not be {}", name(number))));
        }
        if !self.one_of.is_empty() && !self.one_of.contains(&number) {
            let all: Vec<String> = self.one_of.iter().map(|n| name(*n)).collect();
            return Some(("enum.in", format!("must be one of {}, is {}", all.join(", "), name(number))));
        }
        None
    }
}

/// The value of an option's field, if it was written.
pub(super) fn written<'m>(rules: &'m DynamicMessage, name: &str) -> Option<std::borrow::Cow<'m, Value>> {
    rules.has_field_by_name(name).then(|| rules.get_field_by_name(name)).flatten()
}

fn nested(rules: &DynamicMessage, name: &str) -> Option<Box<Rules>> {
    let value = written(rules, name)?;
    Some(Box::new(Rules::read(value.as_message()?)))
}

/// An integer, or a duration in nanoseconds.
fn integer(value: &Value) -> Option<i128> {
    match value {
        Value::I32(n) => Some(i128::from(*n)),
        Value::I64(n) => Some(i128::from(*n)),
        Value::U32(n) => Some(i128::from(*n)),
        Value::U64(n) => Some(i128::from(*n)),
        Value::Message(duration) if duration.descriptor().full_name() == "google.protobuf.Duration" => {
            let seconds = duration.get_field_by_name("seconds")?.as_i64()?;
            let nanos = duration.get_field_by_name("nanos")?.as_i32()?;
            Some(i128::from(seconds) * NANOS + i128::from(nanos))
        }
        _ => None,
    }
}

fn float(value: &Value) -> Option<f64> {
    value.as_f64().or_else(|| value.as_f32().map(f64::from))
}

const NANOS: i128 = 1_000_000_000;

/// Nanoseconds as protobuf writes a duration: `0.25s`.
fn seconds(nanos: i128) -> String {
    let sign = if nanos < 0 { "-" } else { "" };
    let nanos = nanos.abs();
    let fraction = format!(".{:09}", nanos % NANOS);
    let fraction = fraction.trim_end_matches('0').trim_end_matches('.');
    format!("{sign}{}{fraction}s", nanos / NANOS)
}
