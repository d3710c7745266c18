//! Whether a field of a proto was written at all.

use std::collections::BTreeMap;

/// Implemented by the types that generated messages have as fields.
pub trait IsSet {
    /// Whether the value differs from an absent field's.
    fn is_set(&self) -> bool;
}

impl<T> IsSet for Option<T> {
    fn is_set(&self) -> bool {
        self.is_some()
    }
}

impl<T> IsSet for Vec<T> {
    fn is_set(&self) -> bool {
        !self.is_empty()
    }
}

impl<K, V> IsSet for BTreeMap<K, V> {
    fn is_set(&self) -> bool {
        !self.is_empty()
    }
}

impl IsSet for String {
    fn is_set(&self) -> bool {
        !self.is_empty()
    }
}

impl IsSet for bool {
    fn is_set(&self) -> bool {
        *self
    }
}

impl<T: IsSet + ?Sized> IsSet for &T {
    fn is_set(&self) -> bool {
        (**self).is_set()
    }
}

impl<T: IsSet + ?Sized> IsSet for Box<T> {
    fn is_set(&self) -> bool {
        (**self).is_set()
    }
}

macro_rules! numbers {
    ($($number:ty),*) => {$(
        impl IsSet for $number {
            fn is_set(&self) -> bool {
                *self != <$number>::default()
            }
        }
    )*};
}

numbers!(i32, i64, u32, u64, f32, f64);
