//! One exchange through scripted filters: what they were called with, and what both sides saw.

use std::sync::Arc;
use std::time::Duration;

use nuncio_http::FilterFactory;
use nuncio_testkit::filters::{Log, Step, new_log, script};
use nuncio_testkit::rig::{A, End, Message, Rig, Setup};

pub(crate) const GET: &str = "GET / HTTP/1.1\r\nhost: h\r\n\r\n";
pub(crate) const POST: &str = "POST / HTTP/1.1\r\nhost: h\r\ncontent-length: 3\r\n\r\nabc";
pub(crate) const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
/// A response without a body.
pub(crate) const NO_BODY: &str = "HTTP/1.1 204 No Content\r\n\r\n";
pub(crate) const NAMES: [&str; 3] = ["A", "B", "C"];

/// One exchange under way.
pub(crate) struct Exchange {
    pub(crate) rig: Rig,
    pub(crate) client: End,
    pub(crate) origin: Option<End>,
    log: Log,
    up: Vec<u8>,
    down: Vec<u8>,
}

impl Exchange {
    /// Filters A, B, C with these steps.
    pub(crate) fn new(steps: [&[Step]; 3]) -> Self {
        Self::with(Setup::default(), steps)
    }

    pub(crate) fn with(setup: Setup, steps: [&[Step]; 3]) -> Self {
        let log = new_log();
        let filters = scripts(&log, steps);
        Self::of(Setup { filters, ..setup }, log)
    }

    pub(crate) fn of(setup: Setup, log: Log) -> Self {
        let rig = Rig::new(&setup);
        let client = rig.client();
        Self { rig, client, origin: None, log, up: Vec::new(), down: Vec::new() }
    }

    /// The client sends.
    pub(crate) fn ask(&mut self, bytes: &str) -> &mut Self {
        self.rig.send(&self.client, bytes);
        self
    }

    /// The origin sends.
    pub(crate) fn answer(&mut self, bytes: &str) -> &mut Self {
        self.collect();
        self.rig.send(self.origin.as_ref().expect("the proxy has connected"), bytes);
        self
    }

    pub(crate) fn wait(&mut self, millis: u64) -> &mut Self {
        self.rig.advance(Duration::from_millis(millis));
        self
    }

    /// The calls since the last look.
    pub(crate) fn calls(&self) -> String {
        std::mem::take(&mut *self.log.lock().expect("nobody panicked")).join(" ")
    }

    /// What the origin has been sent.
    pub(crate) fn up(&mut self) -> Message {
        self.collect();
        Message::parse(&self.up)
    }

    /// What the client has been sent.
    pub(crate) fn down(&mut self) -> Message {
        self.down.extend(self.client.take());
        Message::parse(&self.down)
    }

    /// Both, in short.
    pub(crate) fn seen(&mut self) -> (String, String) {
        (self.up().to_string(), self.down().to_string())
    }

    fn collect(&mut self) {
        if self.origin.is_none() {
            self.origin = self.rig.try_origin(A);
        }
        self.up.extend(self.origin.as_ref().map(End::take).unwrap_or_default());
    }
}

pub(crate) fn scripts(log: &Log, steps: [&[Step]; 3]) -> Vec<Arc<dyn FilterFactory>> {
    NAMES.into_iter().zip(steps).map(|(name, steps)| script(name, log, steps)).collect()
}

/// Steps for the filter at one place, none for the others.
pub(crate) fn at(place: usize, steps: &[Step]) -> [&[Step]; 3] {
    let mut all: [&[Step]; 3] = [&[], &[], &[]];
    all[place] = steps;
    all
}

/// The calls with `what` of the request at the places `from` to `to`, the last not included.
pub(crate) fn request(from: usize, to: usize, what: &str) -> String {
    NAMES[from..to].iter().map(|name| format!("{name}>{what}")).collect::<Vec<_>>().join(" ")
}

/// As [`request`] for the response, which goes from the last filter to the first.
pub(crate) fn response(from: usize, to: usize, what: &str) -> String {
    NAMES[to..=from].iter().rev().map(|name| format!("{name}<{what}")).collect::<Vec<_>>().join(" ")
}

/// The parts that are not empty.
pub(crate) fn join(parts: &[String]) -> String {
    parts.iter().filter(|part| !part.is_empty()).cloned().collect::<Vec<_>>().join(" ")
}

pub(crate) fn chunk(text: &str) -> String {
    format!("{:x}\r\n{text}\r\n", text.len())
}

/// The head of a message whose body comes in chunks.
pub(crate) fn chunked(start: &str) -> String {
    format!("{start}\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n")
}
