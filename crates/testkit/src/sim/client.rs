//! A client that speaks HTTP/1.1: keep-alive, pipelining, and giving up.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use super::executor::Sim;
use super::http1::{Framing, Gone, Head, Reader};
use super::ledger::{BodyFraming, Cut, Exchange, Ledger, Outcome, Part, content};
use super::notify::Notify;
use super::origin::{STALL, give_up, send_body};
use super::panicker;
use super::pipe::{Broken, End};

/// How a client uses its connections.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Habits {
    /// Requests that may wait for their responses.
    pub(crate) pipelined: usize,
    /// Longest pause before a request, in microseconds.
    pub(crate) max_pause: u64,
    /// Longest pause before each read, in microseconds.
    pub(crate) reads_slowly: u64,
    /// Bytes of responses after which it stops reading for very long.
    pub(crate) stops_reading: Option<u64>,
    /// Whether it ends its direction after the last request.
    pub(crate) half_closes: bool,
    /// Bytes of responses after which it cuts the connection.
    pub(crate) leaves_after: Option<u64>,
}

#[derive(Clone)]
struct Connection {
    sim: Sim,
    ledger: Ledger,
    end: Rc<End>,
    habits: Habits,
    /// Requests sent and not answered.
    waiting: Rc<RefCell<VecDeque<u32>>>,
    is_over: Rc<Cell<bool>>,
    all_sent: Rc<Cell<bool>>,
    has_stopped: Rc<Cell<bool>>,
    changed: Notify,
}

/// Sends `requests` on one connection until they are answered or it ends; those not sent stay in the list.
pub(crate) async fn run(sim: Sim, ledger: Ledger, end: End, habits: Habits, requests: Rc<RefCell<VecDeque<u32>>>) {
    let connection = Connection {
        sim: sim.clone(),
        ledger,
        end: Rc::new(end),
        habits,
        waiting: Rc::default(),
        is_over: Rc::default(),
        all_sent: Rc::default(),
        has_stopped: Rc::default(),
        changed: Notify::default(),
    };
    let writer = connection.clone();
    sim.start(async move { writer.write(&requests).await });
    connection.read().await;
    connection.is_over.set(true);
    connection.end.close();
    // What was sent and not answered ended with the connection.
    let left = connection.waiting.take();
    left.into_iter().for_each(|id| connection.ledger.ended(&sim, id, Outcome::Ended));
    connection.changed.notify();
}

impl Connection {
    async fn write(self, requests: &Rc<RefCell<VecDeque<u32>>>) {
        while let Some(id) = { requests.borrow().front().copied() } {
            let room = self.habits.pipelined;
            self.changed.until(|| self.is_over.get() || self.waiting.borrow().len() < room).await;
            if self.habits.max_pause > 0 {
                self.sim.sleep(self.sim.below(self.habits.max_pause)).await;
            }
            if self.is_over.get() {
                return;
            }
            requests.borrow_mut().pop_front();
            let Some(exchange) = self.ledger.exchange(id) else { return };
            self.ledger.sent(id);
            self.waiting.borrow_mut().push_back(id);
            self.changed.notify();
            self.sim.trace(|| format!("client: request {id} {} {:?}", exchange.method, exchange.request));
            match self.send(&exchange).await {
                Ok(None) => {}
                Ok(Some(Cut::Fin)) | Err(Broken) => return,
                Ok(Some(Cut::Reset | Cut::Garbage | Cut::Stall)) => return,
            }
        }
        self.all_sent.set(true);
        self.changed.notify();
        if self.habits.half_closes {
            self.sim.trace(|| "client: half-closes".to_owned());
            self.end.finish();
        }
    }

    async fn send(&self, exchange: &Exchange) -> Result<Option<Cut>, Broken> {
        let Exchange { id, method, route, request, .. } = exchange;
        let mut head = format!("{method} /{route}/{id} HTTP/1.1\r\nhost: sim\r\nx-sim-id: {id}\r\n");
        match request.framing {
            BodyFraming::Chunked | BodyFraming::ChunkedWithTrailers => head.push_str("transfer-encoding: chunked\r\n"),
            BodyFraming::Length | BodyFraming::Close if request.body > 0 => {
                head.push_str(&format!("content-length: {}\r\n", request.body));
            }
            BodyFraming::Length | BodyFraming::Close => {}
        }
        if let Some(place) = exchange.panics {
            head.push_str(&format!("{}: {place}\r\n", panicker::HEADER));
        }
        head.push_str("\r\n");
        if let Some((0, cut)) = request.cut {
            let half = 1 + self.sim.below(head.len() as u64 - 1) as usize;
            self.end.send(&head.as_bytes()[..half]).await?;
            give_up(&self.sim, &self.end, cut).await?;
            return Ok(Some(cut));
        }
        self.end.send(head.as_bytes()).await?;
        let cut = send_body(&self.sim, &self.ledger, &self.end, *id, Part::Request, *request).await?;
        if let Some(cut) = cut {
            give_up(&self.sim, &self.end, cut).await?;
        }
        Ok(cut)
    }

    /// Reads responses until the connection ends or nothing more is expected.
    async fn read(&self) {
        let mut reader = Reader::new(&self.sim, &self.end, self.habits.reads_slowly);
        let mut seen = 0;
        loop {
            let is_idle = || self.waiting.borrow().is_empty();
            self.changed.until(|| !is_idle() || self.all_sent.get()).await;
            if is_idle() && !self.habits.half_closes {
                return;
            }
            let head = match reader.head().await {
                Ok(head) => head,
                Err(gone) => return self.gone(gone, "within a head"),
            };
            if matches!(head.status(), 100..200) {
                continue;
            }
            let Some(id) = self.waiting.borrow().front().copied() else {
                // Envoy answers a broken or slow request line before the client has one under way.
                if !matches!(head.status(), 400 | 408) {
                    self.fail(format!("a client got a response that it did not ask for: {}", head.start));
                }
                self.ledger.note_unsolicited();
                return;
            };
            if !self.response(&mut reader, id, &head, &mut seen).await {
                return;
            }
            self.changed.notify();
            if head.field("connection") == Some("close") {
                return;
            }
        }
    }

    /// Reads a body. Whether the connection can be used on.
    async fn response(&self, reader: &mut Reader, id: u32, head: &Head, seen: &mut u64) -> bool {
        let Some(exchange) = self.ledger.exchange(id) else { return false };
        let from_origin = head.field("x-sim-id").is_some();
        if head.field("x-sim-id").is_some_and(|named| named != id.to_string()) {
            self.fail(format!("request {id} got the response of another: {head:?}"));
        }
        let mut framing = head.response_framing(exchange.method == "HEAD");
        let ends_with_connection = framing == Framing::Close;
        let mut offset = 0;
        loop {
            match reader.body(&mut framing).await {
                Ok(Some(piece)) => {
                    let length = piece.len() as u64;
                    if from_origin && piece != content(id, Part::Response, offset, length) {
                        self.fail(format!("the body of response {id} arrived changed after {offset} bytes"));
                    }
                    self.ledger.body_received(id, Part::Response, length);
                    offset += length;
                    *seen += length;
                    if self.loses_patience(*seen).await {
                        return false;
                    }
                }
                Ok(None) => break,
                Err(gone) => {
                    self.gone(gone, "within a body");
                    return false;
                }
            }
        }
        self.complete(&exchange, head.status(), from_origin, offset);
        !ends_with_connection
    }

    fn complete(&self, exchange: &Exchange, status: u16, from_origin: bool, bytes: u64) {
        check_complete(&self.sim, &self.ledger, exchange, status, from_origin, bytes);
        self.waiting.borrow_mut().pop_front();
        self.ledger.ended(&self.sim, exchange.id, Outcome::Complete { status, from_origin });
    }

    /// Whether the client has left.
    async fn loses_patience(&self, seen: u64) -> bool {
        if self.habits.leaves_after.is_some_and(|limit| seen >= limit) {
            self.sim.trace(|| "client: leaves".to_owned());
            self.end.reset();
            let left = self.waiting.take();
            left.into_iter().for_each(|id| self.ledger.ended(&self.sim, id, Outcome::GivenUp));
            return true;
        }
        if !self.has_stopped.get() && self.habits.stops_reading.is_some_and(|limit| seen >= limit) {
            self.has_stopped.set(true);
            self.sim.trace(|| "client: stops reading".to_owned());
            self.sim.sleep(STALL).await;
        }
        false
    }

    fn gone(&self, gone: Gone, place: &str) {
        self.sim.trace(|| format!("client: {gone:?} {place}"));
        if gone == Gone::Garbage {
            self.fail(format!("a client was sent something that is not HTTP/1.1 {place}"));
        }
    }

    fn fail(&self, what: String) {
        self.ledger.fail(&self.sim, what);
    }
}

/// A response is complete: it must be what the origin sent, if it was the origin that sent it.
pub(crate) fn check_complete(
    sim: &Sim,
    ledger: &Ledger,
    exchange: &Exchange,
    status: u16,
    from_origin: bool,
    bytes: u64,
) {
    if !from_origin {
        return;
    }
    // As it was answered last.
    let Some(Exchange { id, answer, may_be_short, .. }) = ledger.exchange(exchange.id) else { return };
    let has_body = exchange.method != "HEAD" && !matches!(status, 204 | 304);
    let expected = if has_body { answer.message.body } else { 0 };
    let is_whole = bytes == expected || (may_be_short && bytes < expected);
    if !is_whole {
        ledger.fail(sim, format!("response {id} is complete after {bytes} bytes, not {expected}"));
    }
    if status != answer.status {
        ledger.fail(sim, format!("response {id} arrived as {status}, not {}", answer.status));
    }
}
