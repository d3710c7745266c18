//! What the clients of a world ask, what origins shall do with it, and what came of it.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use super::executor::Sim;

/// One request, known to its client and to the origins.
#[derive(Clone, Debug)]
pub(crate) struct Exchange {
    pub(crate) id: u32,
    pub(crate) method: &'static str,
    /// The first part of its path: which route it takes.
    pub(crate) route: &'static str,
    pub(crate) request: Message,
    pub(crate) answer: Answer,
    /// Answered well when it is tried again.
    pub(crate) recovers: bool,
    /// A reset may end its response early unseen: as in Envoy, it ends a body that has no other end.
    pub(crate) may_be_short: bool,
    /// Where a filter panics over it.
    pub(crate) panics: Option<&'static str>,
}

/// A body and how it is sent.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Message {
    pub(crate) body: u64,
    pub(crate) framing: BodyFraming,
    /// Longest pause between two pieces, in microseconds.
    pub(crate) max_pause: u64,
    /// The sender ends the connection after that many bytes of the body, or before any.
    pub(crate) cut: Option<(u64, Cut)>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) enum BodyFraming {
    #[default]
    Length,
    Chunked,
    ChunkedWithTrailers,
    /// Responses on HTTP/1 only.
    Close,
}

/// How a sender gives up.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Cut {
    Fin,
    /// Of the connection; of the stream on HTTP/2.
    Reset,
    /// It just stops, for very long.
    Stall,
    /// It goes on with something that is not HTTP.
    Garbage,
}

/// What an origin does with a request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) message: Message,
    pub(crate) informational: u32,
    /// Pause before the head.
    pub(crate) delay: u64,
    pub(crate) timing: AnswerTiming,
    /// `connection: close`, or GOAWAY.
    pub(crate) closes: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum AnswerTiming {
    AfterRequest,
    /// As soon as the head is there; the request is read on.
    Early,
    Never,
    /// The connection ends when the head is there.
    CloseAtOnce,
    ResetAtOnce,
}

/// What a client got.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Outcome {
    /// A whole response.
    Complete { status: u16, from_origin: bool },
    /// The connection or the stream ended visibly before the response was complete.
    Ended,
    /// The client gave it up.
    GivenUp,
}

/// All exchanges of a world. Cloning is cheap. Owner: the world.
#[derive(Clone)]
pub(crate) struct Ledger {
    inner: Rc<Inner>,
}

#[derive(Default)]
struct Inner {
    exchanges: RefCell<Vec<Entry>>,
    failures: RefCell<Vec<String>>,
    unsolicited: Cell<u64>,
}

struct Entry {
    exchange: Exchange,
    is_sent: bool,
    outcome: Option<Outcome>,
    heads_at_origin: u32,
    complete_at_origin: u32,
    /// Body bytes sent and received, of the request and of the response.
    moved: [Moved; 2],
}

/// Bytes of one body.
#[derive(Clone, Copy, Default)]
struct Moved {
    sent: u64,
    received: u64,
}

impl Ledger {
    pub(crate) fn new() -> Self {
        Self { inner: Rc::default() }
    }

    /// Adds an exchange; `make` gets its number.
    pub(crate) fn add(&self, make: impl FnOnce(u32) -> Exchange) -> u32 {
        let mut exchanges = self.inner.exchanges.borrow_mut();
        let id = exchanges.len() as u32;
        let exchange = make(id);
        exchanges.push(Entry {
            exchange,
            is_sent: false,
            outcome: None,
            heads_at_origin: 0,
            complete_at_origin: 0,
            moved: Default::default(),
        });
        id
    }

    pub(crate) fn exchange(&self, id: u32) -> Option<Exchange> {
        self.inner.exchanges.borrow().get(id as usize).map(|entry| entry.exchange.clone())
    }

    /// A sender has given bytes of a body to its connection.
    pub(crate) fn body_sent(&self, id: u32, part: Part, bytes: u64) {
        self.inner.exchanges.borrow_mut()[id as usize].moved[part as usize].sent += bytes;
    }

    /// A receiver has read bytes of a body.
    pub(crate) fn body_received(&self, id: u32, part: Part, bytes: u64) {
        self.inner.exchanges.borrow_mut()[id as usize].moved[part as usize].received += bytes;
    }

    /// The most bytes of one body that are between sender and receiver now.
    pub(crate) fn most_under_way(&self) -> u64 {
        let exchanges = self.inner.exchanges.borrow();
        let moved = exchanges.iter().filter(|entry| entry.outcome.is_none()).flat_map(|entry| entry.moved);
        moved.map(|moved| moved.sent.saturating_sub(moved.received)).max().unwrap_or(0)
    }

    /// Something happened that must not.
    pub(crate) fn fail(&self, sim: &Sim, what: String) {
        sim.trace(|| format!("FAILURE {what}"));
        self.inner.failures.borrow_mut().push(what);
    }

    pub(crate) fn failures(&self) -> Vec<String> {
        self.inner.failures.borrow().clone()
    }

    /// The first byte of the request is sent.
    pub(crate) fn sent(&self, id: u32) {
        self.inner.exchanges.borrow_mut()[id as usize].is_sent = true;
    }

    /// The client knows what came of its request.
    pub(crate) fn ended(&self, sim: &Sim, id: u32, outcome: Outcome) {
        sim.trace(|| format!("request {id}: {outcome:?}"));
        let before = self.inner.exchanges.borrow_mut()[id as usize].outcome.replace(outcome);
        if let Some(before) = before {
            self.fail(sim, format!("request {id} has two outcomes: {before:?}, then {outcome:?}"));
        }
    }

    /// An origin has read the head of a request; how it is answered.
    pub(crate) fn reached_origin(&self, id: u32) -> Answer {
        let mut exchanges = self.inner.exchanges.borrow_mut();
        let entry = &mut exchanges[id as usize];
        entry.heads_at_origin += 1;
        let answer = &mut entry.exchange.answer;
        if entry.heads_at_origin > 1 && entry.exchange.recovers {
            (answer.status, answer.timing, answer.message.cut) = (200, AnswerTiming::AfterRequest, None);
        }
        *answer
    }

    /// An origin has read a request to its end: `bytes` of body.
    pub(crate) fn complete_at_origin(&self, sim: &Sim, id: u32, bytes: u64) {
        let (expected, is_cut) = {
            let mut exchanges = self.inner.exchanges.borrow_mut();
            let entry = &mut exchanges[id as usize];
            entry.complete_at_origin += 1;
            (entry.exchange.request.body, entry.exchange.request.cut.is_some())
        };
        if bytes != expected {
            let cut = if is_cut { " (which its client cut off)" } else { "" };
            self.fail(sim, format!("the origin took {bytes} bytes for the whole of request {id}{cut}, not {expected}"));
        }
    }

    /// Counts something that a peer was sent without having asked.
    pub(crate) fn note_unsolicited(&self) {
        self.inner.unsolicited.set(self.inner.unsolicited.get() + 1);
    }

    /// Number of requests whose first byte was sent.
    pub(crate) fn count_sent(&self) -> u64 {
        self.inner.exchanges.borrow().iter().filter(|entry| entry.is_sent).count() as u64
    }

    /// The rules about single requests; `may_repeat` tells how often a route's policy allows a request to be sent.
    pub(crate) fn judge(&self, sim: &Sim, may_repeat: impl Fn(&Exchange) -> u32) {
        let mut found = Vec::new();
        for entry in self.inner.exchanges.borrow().iter() {
            let id = entry.exchange.id;
            if entry.is_sent && entry.outcome.is_none() {
                found.push(format!("request {id} has no outcome: {:?}", entry.exchange));
            }
            let allowed = 1 + may_repeat(&entry.exchange);
            if entry.heads_at_origin > allowed {
                found.push(format!("request {id} was sent {} times to origins", entry.heads_at_origin));
            }
        }
        found.into_iter().for_each(|what| self.fail(sim, what));
    }

    /// All requests, and what came of them.
    pub(crate) fn outcomes(&self) -> Vec<(Exchange, Option<Outcome>)> {
        self.inner.exchanges.borrow().iter().map(|entry| (entry.exchange.clone(), entry.outcome)).collect()
    }

    /// How many requests were answered by an origin, answered otherwise, ended visibly, and given up.
    pub(crate) fn tally(&self) -> [u64; 4] {
        let mut tally = [0; 4];
        for entry in self.inner.exchanges.borrow().iter() {
            match entry.outcome {
                Some(Outcome::Complete { from_origin: true, .. }) => tally[0] += 1,
                Some(Outcome::Complete { from_origin: false, .. }) => tally[1] += 1,
                Some(Outcome::Ended) => tally[2] += 1,
                Some(Outcome::GivenUp) => tally[3] += 1,
                None => {}
            }
        }
        tally
    }
}

/// Which body.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Part {
    Request,
    Response,
}

/// `bytes` bytes of a body from `offset` on: different for each message, and known to both sides.
pub(crate) fn content(id: u32, part: Part, offset: u64, bytes: u64) -> Vec<u8> {
    let base = u64::from(id) * 31 + if part == Part::Request { 0 } else { 101 };
    (offset..offset + bytes).map(|at| (base + at + at / 251) as u8).collect()
}
