//! The value of a header or query parameter that is added.

use nuncio_config::{At, Invalid};
use nuncio_telemetry::formatter::Empty;
use nuncio_telemetry::{Formatter, Line};

use super::Subject;

/// A text that may hold operators such as `%REQ(x)%`; `%%` is a percent sign. What has no value is left out.
#[derive(Debug)]
pub struct Value(Form);

#[derive(Debug)]
enum Form {
    Constant(Box<[u8]>),
    Format(Formatter),
}

impl Value {
    /// Compiles the text.
    ///
    /// # Errors
    /// When an operator is malformed, unknown or not supported.
    pub fn parse(text: &str, at: &At<'_>) -> Result<Self, Invalid> {
        let formatter = Formatter::parse(text, Empty::Nothing).map_err(|error| at.invalid(error.to_string()))?;
        Ok(Self(match formatter.constant() {
            Some(constant) => Form::Constant(constant.into()),
            None => Form::Format(formatter),
        }))
    }

    /// The text, if it is the same for all streams.
    pub fn constant(&self) -> Option<&[u8]> {
        match &self.0 {
            Form::Constant(text) => Some(text),
            Form::Format(_) => None,
        }
    }

    /// Appends the value for one message.
    pub fn append(&self, subject: &Subject<'_>, line: &mut Line) {
        match &self.0 {
            Form::Constant(text) => line.append(text),
            Form::Format(formatter) => formatter.append(&subject.inputs(), line),
        }
    }
}
