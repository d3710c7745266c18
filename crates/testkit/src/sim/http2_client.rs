//! A client that speaks HTTP/2: streams at once, windows of its own mind, and giving up.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use super::client::{Habits, check_complete};
use super::executor::Sim;
use super::http2::{Http2, Incoming, Manners, Part};
use super::ledger::{BodyFraming, Cut, Exchange, Ledger, Message, Outcome, Part as BodyPart, content};
use super::notify::Notify;
use super::origin::{STALL, piece_size};
use super::panicker;
use super::pipe::{Broken, End};

#[derive(Clone)]
struct Connection {
    sim: Sim,
    ledger: Ledger,
    http2: Http2,
    habits: Habits,
    /// Body bytes of responses so far.
    seen: Rc<Cell<u64>>,
    has_stopped: Rc<Cell<bool>>,
    has_left: Rc<Cell<bool>>,
    under_way: Rc<Cell<usize>>,
    changed: Notify,
}

/// Sends `requests` on one connection until they are answered or it ends; those not sent stay in the list.
pub(crate) async fn run(
    sim: Sim,
    ledger: Ledger,
    end: End,
    habits: Habits,
    manners: Manners,
    requests: Rc<RefCell<VecDeque<u32>>>,
) {
    let http2 = Http2::start(&sim, &ledger, end, Part::Client, manners);
    let connection = Connection {
        sim: sim.clone(),
        ledger,
        http2,
        habits,
        seen: Rc::default(),
        has_stopped: Rc::default(),
        has_left: Rc::default(),
        under_way: Rc::default(),
        changed: Notify::default(),
    };
    while !requests.borrow().is_empty() {
        connection.changed.until(|| connection.under_way.get() < habits.pipelined).await;
        if habits.max_pause > 0 {
            sim.sleep(sim.below(habits.max_pause)).await;
        }
        let Some(stream) = connection.http2.open().await else { break };
        let Some(id) = requests.borrow_mut().pop_front() else { break };
        connection.ledger.sent(id);
        connection.under_way.set(connection.under_way.get() + 1);
        let this = connection.clone();
        sim.start(async move { this.exchange(stream, id).await });
    }
    connection.changed.until(|| connection.under_way.get() == 0).await;
    connection.http2.close();
}

impl Connection {
    async fn exchange(self, stream: u32, id: u32) {
        if let Some(exchange) = self.ledger.exchange(id) {
            self.sim.trace(|| format!("client: request {id} on {stream} {} {:?}", exchange.method, exchange.request));
            let (sender, copy) = (self.clone(), exchange.clone());
            self.sim.start(async move {
                let _ = sender.send(stream, &copy).await;
            });
            let outcome = self.receive(stream, &exchange).await;
            let outcome = if self.has_left.get() { Outcome::GivenUp } else { outcome };
            self.ledger.ended(&self.sim, id, outcome);
        }
        self.http2.forget(stream);
        self.under_way.set(self.under_way.get() - 1);
        self.changed.notify();
    }

    async fn send(&self, stream: u32, exchange: &Exchange) -> Result<(), Broken> {
        let Exchange { id, method, route, request, .. } = exchange;
        let (path, number, length) = (format!("/{route}/{id}"), id.to_string(), request.body.to_string());
        let mut fields = vec![
            (":method", *method),
            (":scheme", "http"),
            (":authority", "sim"),
            (":path", &path),
            ("x-sim-id", &number),
        ];
        if request.framing == BodyFraming::Length && request.body > 0 {
            fields.push(("content-length", &length));
        }
        if let Some(place) = exchange.panics {
            fields.push((panicker::HEADER, place));
        }
        let ends = request.body == 0 && request.cut.is_none() && request.framing == BodyFraming::Length;
        self.http2.send_head(stream, &fields, ends);
        if !ends
            && let Some(cut) =
                send_body(&self.sim, &self.ledger, &self.http2, stream, *id, BodyPart::Request, *request).await?
        {
            match cut {
                Cut::Fin | Cut::Reset => self.http2.reset(stream, 8),
                Cut::Stall => {}
                Cut::Garbage => self.http2.put(b"\xff\xff\xff garbage that is no frame"),
            }
        }
        Ok(())
    }

    async fn receive(&self, stream: u32, exchange: &Exchange) -> Outcome {
        let id = exchange.id;
        let (mut status, mut from_origin, mut offset) = (0, false, 0);
        loop {
            let end = match self.http2.next(stream).await {
                Incoming::Reset => return Outcome::Ended,
                Incoming::Head { fields, end } => {
                    if status < 200 {
                        let field =
                            |name| fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
                        status = field(":status").and_then(|status| status.parse().ok()).unwrap_or(0);
                        let named = field("x-sim-id");
                        from_origin = named.is_some();
                        if named.is_some_and(|named| named != id.to_string()) {
                            self.ledger
                                .fail(&self.sim, format!("request {id} got the response of another: {fields:?}"));
                        }
                    }
                    end
                }
                Incoming::Data { bytes, end } => {
                    let length = bytes.len() as u64;
                    if from_origin && bytes != content(id, BodyPart::Response, offset, length) {
                        let what = format!("the body of response {id} arrived changed after {offset} bytes");
                        self.ledger.fail(&self.sim, what);
                    }
                    self.ledger.body_received(id, BodyPart::Response, length);
                    offset += length;
                    self.seen.set(self.seen.get() + length);
                    self.lose_patience();
                    end
                }
            };
            if end {
                if status == 0 {
                    self.ledger.fail(&self.sim, format!("response {id} has no status"));
                }
                check_complete(&self.sim, &self.ledger, exchange, status, from_origin, offset);
                return Outcome::Complete { status, from_origin };
            }
        }
    }

    fn lose_patience(&self) {
        let seen = self.seen.get();
        if self.habits.leaves_after.is_some_and(|limit| seen >= limit) {
            self.sim.trace(|| "client: leaves".to_owned());
            self.has_left.set(true);
            self.http2.cut();
        }
        if self.habits.stops_reading.is_some_and(|limit| seen >= limit) && !self.has_stopped.replace(true) {
            self.sim.trace(|| "client: stops reading".to_owned());
            self.http2.set_paused(true);
            let http2 = self.http2.clone();
            self.sim.after(STALL, move || http2.set_paused(false));
        }
    }
}

/// Sends a body, up to where it is cut.
pub(crate) async fn send_body(
    sim: &Sim,
    ledger: &Ledger,
    http2: &Http2,
    stream: u32,
    id: u32,
    part: BodyPart,
    message: Message,
) -> Result<Option<Cut>, Broken> {
    let has_trailers = message.framing == BodyFraming::ChunkedWithTrailers;
    let stop = message.cut.map_or(message.body, |(at, _)| at.min(message.body));
    let mut offset = 0;
    while offset < stop {
        let most = piece_size(sim, message.body);
        let n = sim.between(1, most).min(stop - offset);
        // The end comes with the last piece or in an empty one of its own.
        let ends = offset + n == message.body && message.cut.is_none() && !has_trailers && id.is_multiple_of(2);
        http2.send_data(stream, &content(id, part, offset, n), ends).await?;
        offset += n;
        ledger.body_sent(id, part, n);
        if ends {
            return Ok(None);
        }
        if message.max_pause > 0 {
            sim.sleep(sim.below(message.max_pause)).await;
        }
    }
    if let Some((_, cut)) = message.cut {
        return Ok(Some(cut));
    }
    if has_trailers {
        http2.send_head(stream, &[("x-trailer", "t")], true);
    } else {
        http2.send_data(stream, &[], true).await?;
    }
    Ok(None)
}
