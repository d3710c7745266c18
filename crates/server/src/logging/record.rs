//! One entry of the log, before it has a form.

use std::fmt;
use std::fmt::Write;
use std::time::Duration;

use nuncio_admin::pages::Level;
use tracing::field::{Field, Visit};

use super::escape::json;
use super::local_time::LocalTime;

/// One entry of the log.
#[derive(Debug)]
pub(super) struct Record<'a> {
    pub(super) level: Level,
    /// Envoy's name of what logs.
    pub(super) component: &'a str,
    pub(super) file: &'a str,
    pub(super) line: u32,
    /// What stands for the function, which is not known here.
    pub(super) module: &'a str,
    /// The system's id of the thread.
    pub(super) thread: u64,
    pub(super) time: LocalTime,
    /// Since the entry before.
    pub(super) elapsed: Duration,
    pub(super) message: &'a str,
    pub(super) tags: &'a [(&'static str, String)],
}

impl Record<'_> {
    /// `[Tags: "name":"value"] `, as Envoy writes what an entry is about before its text.
    pub(super) fn tag_prefix(&self) -> String {
        match self.tag_members().strip_prefix(',') {
            Some(members) => format!("[Tags: {members}] "),
            None => String::new(),
        }
    }

    /// `,"name":"value"` for each tag.
    pub(super) fn tag_members(&self) -> String {
        let mut members = String::new();
        for (name, value) in self.tags {
            // Writing to a string cannot fail.
            let _ = write!(members, ",\"{name}\":\"{}\"", json(value));
        }
        members
    }
}

/// What an event says.
#[derive(Default)]
pub(super) struct Said {
    pub(super) message: String,
    pub(super) tags: Vec<(&'static str, String)>,
}

impl Visit for Said {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.take(field, value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.take(field, format!("{value:?}"));
    }
}

impl Said {
    fn take(&mut self, field: &Field, value: String) {
        if field.name() == "message" {
            self.message = value;
        } else {
            self.tags.push((field.name(), value));
        }
    }
}
