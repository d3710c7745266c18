//! An origin that speaks HTTP/2 and does with each request what the ledger says.

use std::cell::Cell;
use std::rc::Rc;

use super::executor::Sim;
use super::http2::{Http2, Incoming, Manners, Part};
use super::http2_client::send_body;
use super::ledger::{Answer, AnswerTiming, Cut, Exchange, Ledger, Part as BodyPart, content};
use super::notify::Notify;
use super::origin::STALL;
use super::pipe::{Broken, End};

#[derive(Clone)]
struct Origin {
    sim: Sim,
    ledger: Ledger,
    http2: Http2,
}

/// Serves one connection until it ends.
pub(crate) async fn serve(sim: Sim, ledger: Ledger, end: End, manners: Manners) {
    let http2 = Http2::start(&sim, &ledger, end, Part::Origin, manners);
    let origin = Origin { sim: sim.clone(), ledger, http2 };
    while let Some(stream) = origin.http2.accept().await {
        let this = origin.clone();
        sim.start(async move { this.stream(stream).await });
    }
}

impl Origin {
    async fn stream(self, stream: u32) {
        let Incoming::Head { fields, end } = self.http2.next(stream).await else {
            self.http2.forget(stream);
            return;
        };
        let field = |name| fields.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
        let id = field("x-sim-id").and_then(|id| id.parse().ok());
        let Some(mut exchange) = id.and_then(|id| self.ledger.exchange(id)) else {
            self.ledger.fail(&self.sim, format!("an origin was sent a request that no client made: {fields:?}"));
            return;
        };
        exchange.answer = self.ledger.reached_origin(exchange.id);
        self.sim.trace(|| format!("origin: request {} on {stream} {:?}", exchange.id, exchange.answer));
        self.answer(stream, &exchange, end).await;
        self.http2.forget(stream);
    }

    async fn answer(&self, stream: u32, exchange: &Exchange, is_ended: bool) {
        let id = exchange.id;
        match exchange.answer.timing {
            // By turns: the stream, or the connection with everything on it.
            AnswerTiming::ResetAtOnce if id.is_multiple_of(2) => self.http2.reset(stream, self.code()),
            AnswerTiming::ResetAtOnce => self.http2.cut(),
            AnswerTiming::CloseAtOnce if id.is_multiple_of(2) => {
                self.http2.go_away();
                self.http2.reset(stream, 7);
            }
            AnswerTiming::CloseAtOnce => self.http2.close(),
            AnswerTiming::Never => {
                if self.read(stream, id, is_ended).await.is_ok() {
                    while !matches!(self.http2.next(stream).await, Incoming::Reset) {}
                }
            }
            AnswerTiming::AfterRequest => {
                if self.read(stream, id, is_ended).await.is_ok() {
                    let _ = self.send(stream, exchange).await;
                }
            }
            AnswerTiming::Early => {
                let (done, is_sent) = (Notify::default(), Rc::new(Cell::new(false)));
                let (this, copy, told, place) = (self.clone(), exchange.clone(), done.clone(), Rc::clone(&is_sent));
                self.sim.start(async move {
                    let _ = this.send(stream, &copy).await;
                    place.set(true);
                    told.notify();
                });
                let _ = self.read(stream, id, is_ended).await;
                done.until(|| is_sent.get()).await;
            }
        }
    }

    fn code(&self) -> u32 {
        self.sim.pick(&[0, 1, 2, 7, 8, 11])
    }

    async fn read(&self, stream: u32, id: u32, mut is_ended: bool) -> Result<(), Broken> {
        let mut offset = 0;
        while !is_ended {
            match self.http2.next(stream).await {
                Incoming::Reset => return Err(Broken),
                Incoming::Head { end, .. } => is_ended = end,
                Incoming::Data { bytes, end } => {
                    let length = bytes.len() as u64;
                    if bytes != content(id, BodyPart::Request, offset, length) {
                        let what = format!("the body of request {id} arrived changed after {offset} bytes");
                        self.ledger.fail(&self.sim, what);
                    }
                    self.ledger.body_received(id, BodyPart::Request, length);
                    offset += length;
                    is_ended = end;
                }
            }
        }
        self.ledger.complete_at_origin(&self.sim, id, offset);
        Ok(())
    }

    async fn send(&self, stream: u32, exchange: &Exchange) -> Result<(), Broken> {
        let Answer { status, message, informational, delay, timing: _, closes } = exchange.answer;
        self.sim.sleep(delay).await;
        if self.sim.chance(5) {
            self.http2.allow_streams(self.sim.pick(&[0, 1, 2, 100]).max(1));
        }
        for _ in 0..informational {
            self.http2.send_head(stream, &[(":status", "103"), ("link", "</a>")], false);
        }
        let (status_text, id) = (status.to_string(), exchange.id.to_string());
        let has_body = exchange.method != "HEAD" && !matches!(status, 204 | 304);
        let ends = !has_body || (message.body == 0 && message.cut.is_none());
        self.http2.send_head(stream, &[(":status", &status_text), ("x-sim-id", &id)], ends);
        if closes {
            self.http2.go_away();
        }
        if ends {
            return Ok(());
        }
        let cut =
            send_body(&self.sim, &self.ledger, &self.http2, stream, exchange.id, BodyPart::Response, message).await?;
        match cut {
            Some(Cut::Fin) => self.http2.close(),
            Some(Cut::Reset) => self.http2.reset(stream, self.code()),
            Some(Cut::Stall) => self.sim.sleep(STALL).await,
            Some(Cut::Garbage) => self.http2.put(b"\xff\xff\xff garbage that is no frame"),
            None => {}
        }
        Ok(())
    }
}
