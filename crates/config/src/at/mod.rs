//! The cursor that every parser takes beside its proto: it knows where it is, and where findings go.
//!
//! A parser takes one message apart by name, hands each field on, and is given typed values back:
//!
//! ```
//! use nuncio_config::{At, Diagnostics, Invalid, scalar};
//! use nuncio_proto::envoy::config::core::v3::KeepaliveSettings;
//! use std::time::Duration;
//!
//! struct Keepalive {
//!     interval: Duration,
//!     timeout: Duration,
//! }
//!
//! fn parse(proto: KeepaliveSettings, at: &At<'_>) -> Result<Keepalive, Invalid> {
//!     let KeepaliveSettings { interval, timeout, interval_jitter, connection_idle_interval } = proto;
//!     let mut f = at.fields();
//!     let interval = f.required("interval", interval, scalar::duration);
//!     let timeout = f.required("timeout", timeout, scalar::duration);
//!     f.unsupported("interval_jitter", interval_jitter);
//!     f.unsupported("connection_idle_interval", connection_idle_interval);
//!     f.finish(|| Keepalive { interval: interval.take(), timeout: timeout.take() })
//! }
//!
//! let found = Diagnostics::new();
//! assert!(parse(KeepaliveSettings::default(), &At::root(&found)).is_err());
//! assert_eq!(found.errors(), 2);
//! ```

mod any;
mod fields;
mod is_set;

pub use any::{AnyConfig, Extension};
pub(crate) use any::{decode, type_name};
pub use fields::{Fields, Slot};
pub use is_set::IsSet;

use crate::diagnostic::{Diagnostic, Diagnostics, Path, Segment, code};

/// A place in a configuration, and the sink for what is found there. Cheap: nothing is allocated until something is
/// wrong.
#[derive(Clone, Copy, Debug)]
pub struct At<'a> {
    sink: &'a Diagnostics,
    link: Link<'a>,
}

/// How a place is reached from the one above it.
#[derive(Clone, Copy, Debug)]
enum Link<'a> {
    Root,
    Path(&'a Path),
    Field(&'a At<'a>, &'a str),
    Index(&'a At<'a>, usize),
    Key(&'a At<'a>, &'a str),
}

/// Something here was wrong and has been reported to the sink.
///
/// There is nothing in it: whoever receives it has nothing to report, and passes it on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Invalid(());

impl Invalid {
    /// For errors that are known to be in the sink, having been reported by other means.
    pub(crate) fn reported() -> Self {
        Self(())
    }
}

impl<'a> At<'a> {
    /// The whole configuration.
    pub fn root(sink: &'a Diagnostics) -> Self {
        let link = Link::Root;
        Self { sink, link }
    }

    /// A resource inside a larger configuration, or a resource with a name of its own.
    pub fn path(sink: &'a Diagnostics, path: &'a Path) -> Self {
        let link = Link::Path(path);
        Self { sink, link }
    }

    /// The field `name` of the message here.
    pub fn field<'b>(&'b self, name: &'b str) -> At<'b> {
        self.below(Link::Field(self, name))
    }

    /// An element of the repeated field here.
    pub fn index(&self, index: usize) -> At<'_> {
        self.below(Link::Index(self, index))
    }

    /// An entry of the map field here.
    pub fn key<'b>(&'b self, key: &'b str) -> At<'b> {
        self.below(Link::Key(self, key))
    }

    fn below<'b>(&self, link: Link<'b>) -> At<'b>
    where
        'a: 'b,
    {
        At { sink: self.sink, link }
    }

    /// Starts to parse the fields of the message here.
    pub fn fields(&self) -> Fields<'_> {
        Fields::new(self)
    }

    /// Reports that the value here has no meaning: what was expected, and what was found.
    pub fn invalid(&self, message: impl Into<String>) -> Invalid {
        self.error(code::INVALID, message)
    }

    /// Reports that the feature here does not exist in this proxy yet.
    pub fn not_implemented(&self, what: &str) -> Invalid {
        self.error(code::NOT_IMPLEMENTED, format!("{what} is not supported yet"))
    }

    /// Reports that something must be set here and is not.
    pub fn missing(&self, message: impl Into<String>) -> Invalid {
        self.error(code::REQUIRED, message)
    }

    /// That there is no value here because of something else, about which an error was reported.
    pub fn already_refused(&self) -> Invalid {
        debug_assert!(self.sink.has_errors(), "there is an error");
        Invalid(())
    }

    /// Reports that the name here refers to nothing.
    pub fn dangling(&self, message: impl Into<String>) -> Invalid {
        self.error(code::REFERENCE, message)
    }

    /// Reports an error with a code of [`code`].
    pub fn error(&self, code: &'static str, message: impl Into<String>) -> Invalid {
        self.report(Diagnostic::error(code, self.to_path(), message))
    }

    /// Reports something that the operator should know.
    pub fn warning(&self, code: &'static str, message: impl Into<String>) {
        self.sink.push(Diagnostic::warning(code, self.to_path(), message));
    }

    /// Reports an error that was made elsewhere.
    pub fn report(&self, error: Diagnostic) -> Invalid {
        self.sink.push(error);
        Invalid(())
    }

    /// Whether an error about this place was found by an earlier step: its value is not what the operator wrote.
    pub fn is_settled(&self) -> bool {
        self.sink.is_settled(&self.to_path())
    }

    /// Where findings go.
    pub fn sink(&self) -> &'a Diagnostics {
        self.sink
    }

    /// This place as a path of its own.
    pub fn to_path(&self) -> Path {
        let mut path = match self.link {
            Link::Root => return Path::root(),
            Link::Path(path) => return path.clone(),
            Link::Field(parent, _) | Link::Index(parent, _) | Link::Key(parent, _) => parent.to_path(),
        };
        match self.link {
            Link::Root | Link::Path(_) => {}
            Link::Field(_, name) => path.push(Segment::Field(name.into())),
            Link::Index(_, index) => path.push(Segment::Index(index)),
            Link::Key(_, key) => path.push(Segment::Key(key.into())),
        }
        path
    }
}

#[cfg(test)]
mod tests;
