//! What can be wrong with a command line, in Envoy's words.

use std::fmt;

/// Something wrong with a command line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Fault {
    /// There is no such option.
    Unknown(String),
    /// The option needs a value and has none.
    NoValue(String),
    /// The option was given before.
    Twice(String),
    /// The option's value is not a number.
    Number {
        /// The option.
        option: String,
        /// What is wrong with it.
        wrong: NotANumber,
    },
    /// The values are read, but cannot be.
    Meaning(String),
}

/// Why a text is not a number.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum NotANumber {
    /// It is none, or too large.
    #[error("Couldn't read argument value from string '{0}'")]
    Unreadable(String),
    /// There is more than one.
    #[error("More than one valid value parsed from string '{0}'")]
    Several(String),
}

impl Fault {
    /// The option, and what is wrong with it; nothing of the kind for values.
    fn parts(&self) -> Option<(&str, String)> {
        match self {
            Self::Unknown(option) => Some((option, "Couldn't find match for argument".to_owned())),
            Self::NoValue(option) => Some((option, "Missing a value for this argument!".to_owned())),
            Self::Twice(option) => Some((option, "Argument already set!".to_owned())),
            Self::Number { option, wrong } => Some((option, wrong.to_string())),
            Self::Meaning(_) => None,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self, self.parts()) {
            (Self::Meaning(text), _) => write!(f, "error: {text}"),
            (_, Some((option, wrong))) => write!(f, "PARSE ERROR: Argument: {option}\n             {wrong}"),
            (_, None) => Ok(()),
        }
    }
}
