//! What can be wrong with a format.

/// Why a format is refused. Where Envoy refuses it too, its words come first.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum FormatError {
    /// A `%` that begins no command.
    #[error("Incorrect configuration: {format}. Couldn't find valid command at position {position}")]
    Syntax {
        /// The whole format.
        format: String,
        /// Where the `%` stands, in bytes.
        position: usize,
    },
    /// No such operator.
    #[error("Not supported field in StreamInfo: {name} (at position {position})")]
    Unknown {
        /// The operator.
        name: String,
        /// Where it stands, in bytes.
        position: usize,
    },
    /// Envoy has the operator, or this form of it, we do not.
    #[error("{what} is not supported yet (at position {position})")]
    Unsupported {
        /// The operator and its argument.
        what: String,
        /// Where it stands, in bytes.
        position: usize,
    },
    /// The operator's arguments are wrong.
    #[error("{reason} (%{name}% at position {position})")]
    Arguments {
        /// The operator.
        name: String,
        /// What is wrong.
        reason: String,
        /// Where it stands, in bytes.
        position: usize,
    },
}
