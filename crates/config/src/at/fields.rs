//! Collects the results of all fields of one message, so that every error is reported, not the first.

use std::collections::BTreeMap;

use crate::at::{At, Invalid, IsSet};
use crate::diagnostic::code;

/// Parses the fields of one message. Each method takes a field's name, its value, and how to parse it.
///
/// A parse function has the form `fn(T, &At<'_>) -> Result<U, Invalid>`; it is given the place of the field.
#[derive(Debug)]
#[must_use = "errors are lost unless `finish` is called"]
pub struct Fields<'a> {
    at: &'a At<'a>,
    is_valid: bool,
}

/// The parsed value of a field, to be taken inside [`Fields::finish`].
#[derive(Debug)]
#[must_use = "take the value in `finish`"]
pub struct Slot<U>(Option<U>);

impl<'a> Fields<'a> {
    pub(super) fn new(at: &'a At<'a>) -> Self {
        let is_valid = true;
        Self { at, is_valid }
    }

    /// The place of the message.
    pub fn at(&self) -> &'a At<'a> {
        self.at
    }

    /// A value that is always there: a string, a number, an enum, the chosen member of a oneof.
    pub fn value<T, U>(
        &mut self,
        name: &str,
        value: T,
        parse: impl FnOnce(T, &At<'_>) -> Result<U, Invalid>,
    ) -> Slot<U> {
        let parsed = parse(value, &self.at.field(name));
        self.keep(parsed)
    }

    /// A message, wrapper or oneof that must be set.
    pub fn required<T, U>(
        &mut self,
        name: &str,
        value: Option<T>,
        parse: impl FnOnce(T, &At<'_>) -> Result<U, Invalid>,
    ) -> Slot<U> {
        match value {
            Some(value) => self.value(name, value, parse),
            None => {
                let missing = self.at.field(name).missing("must be set");
                self.keep(Err(missing))
            }
        }
    }

    /// A message, wrapper or oneof that may be absent.
    pub fn optional<T, U>(
        &mut self,
        name: &str,
        value: Option<T>,
        parse: impl FnOnce(T, &At<'_>) -> Result<U, Invalid>,
    ) -> Slot<Option<U>> {
        match value {
            Some(value) => {
                let parsed = parse(value, &self.at.field(name));
                self.keep(parsed.map(Some))
            }
            None => Slot(Some(None)),
        }
    }

    /// A message or wrapper with a default.
    pub fn optional_or<T, U>(
        &mut self,
        name: &str,
        value: Option<T>,
        default: U,
        parse: impl FnOnce(T, &At<'_>) -> Result<U, Invalid>,
    ) -> Slot<U> {
        match value {
            Some(value) => self.value(name, value, parse),
            None => Slot(Some(default)),
        }
    }

    /// Every element of a repeated field, each at its index.
    pub fn each<T, U>(
        &mut self,
        name: &str,
        values: Vec<T>,
        mut parse: impl FnMut(T, &At<'_>) -> Result<U, Invalid>,
    ) -> Slot<Vec<U>> {
        let at = self.at.field(name);
        let parsed = values.into_iter().enumerate().map(|(index, value)| parse(value, &at.index(index)));
        let kept = keep_all(parsed);
        self.keep(kept)
    }

    /// Every entry of a map field, each at its key. `parse` is given the key too.
    pub fn entries<T, U>(
        &mut self,
        name: &str,
        values: BTreeMap<String, T>,
        mut parse: impl FnMut(&str, T, &At<'_>) -> Result<U, Invalid>,
    ) -> Slot<BTreeMap<String, U>> {
        let at = self.at.field(name);
        let parsed = values.into_iter().map(|(key, value)| {
            let parsed = parse(&key, value, &at.key(&key))?;
            Ok((key, parsed))
        });
        let kept = keep_all(parsed);
        self.keep(kept)
    }

    /// A field that this proxy does not have yet: an error if it is set, never silence.
    pub fn unsupported(&mut self, name: &str, value: impl IsSet) {
        if value.is_set() {
            self.at.field(name).not_implemented(&format!("'{name}'"));
            self.is_valid = false;
        }
    }

    /// A field that may be set but changes nothing here: a warning that says why.
    pub fn without_effect(&mut self, name: &str, value: impl IsSet, why: &str) {
        if value.is_set() {
            let message = format!("'{name}' has no effect: {why}");
            self.at.field(name).warning(code::NO_EFFECT, message);
        }
    }

    /// An error about the field `name`.
    pub fn reject(&mut self, name: &str, message: impl Into<String>) {
        self.at.field(name).invalid(message);
        self.is_valid = false;
    }

    /// An error about the message as a whole, and the slot that stays empty for it: the arm of a `match` for which there
    /// is no value.
    pub fn absent<U>(&mut self, message: impl Into<String>) -> Slot<U> {
        let missing = self.at.missing(message);
        self.keep(Err(missing))
    }

    /// The result of a check made outside.
    pub fn keep<U>(&mut self, parsed: Result<U, Invalid>) -> Slot<U> {
        self.is_valid &= parsed.is_ok();
        Slot(parsed.ok())
    }

    /// Builds the typed value if every field was valid.
    ///
    /// # Errors
    /// When any field was not; all errors have been reported.
    pub fn finish<T>(self, build: impl FnOnce() -> T) -> Result<T, Invalid> {
        if self.is_valid { Ok(build()) } else { Err(Invalid(())) }
    }

    /// Like [`Fields::finish`], for a value whose last checks need all fields.
    ///
    /// # Errors
    /// When any field was not valid, or `build` fails.
    pub fn finish_with<T>(self, build: impl FnOnce(&At<'_>) -> Result<T, Invalid>) -> Result<T, Invalid> {
        let at = self.at;
        self.finish(|| build(at))?
    }
}

impl<U> Slot<U> {
    /// The value.
    ///
    /// # Panics
    /// When the field was not valid: only call this inside `finish`, which knows.
    pub fn take(self) -> U {
        self.0.expect("finish builds only when every slot is filled")
    }

    /// The value, if it is valid: for checks between fields before `finish`.
    pub fn as_ref(&self) -> Option<&U> {
        self.0.as_ref()
    }
}

/// All values, or `Invalid` after every element was tried.
fn keep_all<U, C: FromIterator<U>>(parsed: impl Iterator<Item = Result<U, Invalid>>) -> Result<C, Invalid> {
    let mut is_valid = true;
    let kept = parsed.filter_map(|result| {
        is_valid &= result.is_ok();
        result.ok()
    });
    let kept = kept.collect();
    if is_valid { Ok(kept) } else { Err(Invalid(())) }
}
