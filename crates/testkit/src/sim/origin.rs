//! An origin that speaks HTTP/1.1 and does with each request what the ledger says.

use std::rc::Rc;

use super::executor::Sim;
use super::http1::{Gone, Head, Reader, chunk};
use super::ledger::{Answer, AnswerTiming, BodyFraming, Cut, Exchange, Ledger, Part, content};
use super::notify::Notify;
use super::pipe::{Broken, End};

/// Longer than every timeout of a world: three hours in microseconds.
pub(crate) const STALL: u64 = 3 * 3600 * 1_000_000;

/// Serves one connection until it ends; `leaves` percent of the times it has answered it closes soon, whatever may be
/// on its way by then.
pub(crate) async fn serve(sim: Sim, ledger: Ledger, end: End, leaves: u64, max_pause: u64) {
    let end = Rc::new(end);
    let mut reader = Reader::new(&sim, &end, max_pause);
    loop {
        let head = match reader.head().await {
            Ok(head) => head,
            Err(Gone::Garbage) => {
                ledger.fail(&sim, "an origin was sent something that is not HTTP/1.1".to_owned());
                return;
            }
            Err(Gone::Fin) if reader.left() > 0 => {
                sim.trace(|| "origin: the connection ended within a head".to_owned());
                return;
            }
            Err(_) => return,
        };
        let Some(exchange) = find(&sim, &ledger, &head) else { return };
        let keeps = answer(&sim, &ledger, &end, &mut reader, &head, &exchange).await;
        if !keeps {
            return;
        }
        if sim.chance(leaves) {
            sim.sleep(sim.below(100_000)).await;
            return;
        }
    }
}

fn find(sim: &Sim, ledger: &Ledger, head: &Head) -> Option<Exchange> {
    let id = head.field("x-sim-id").and_then(|id| id.parse().ok());
    let exchange = id.and_then(|id| ledger.exchange(id));
    let Some(mut exchange) = exchange else {
        ledger.fail(sim, format!("an origin was sent a request that no client made: {}", head.start));
        return None;
    };
    exchange.answer = ledger.reached_origin(exchange.id);
    sim.trace(|| format!("origin: request {} {:?}", exchange.id, exchange.answer));
    if head.method() != exchange.method {
        ledger.fail(sim, format!("request {} arrived as {}, not {}", exchange.id, head.method(), exchange.method));
    }
    Some(exchange)
}

/// Whether the connection can be used on.
async fn answer(
    sim: &Sim,
    ledger: &Ledger,
    end: &Rc<End>,
    reader: &mut Reader,
    head: &Head,
    exchange: &Exchange,
) -> bool {
    match exchange.answer.timing {
        AnswerTiming::CloseAtOnce => false,
        AnswerTiming::ResetAtOnce => {
            end.reset();
            false
        }
        AnswerTiming::Never => {
            let _ = read_body(sim, ledger, reader, head, exchange).await;
            // Reads on, so that it learns of the end.
            let _ = reader.head().await;
            false
        }
        AnswerTiming::AfterRequest => {
            if read_body(sim, ledger, reader, head, exchange).await.is_err() {
                return false;
            }
            send_answer(sim, ledger, end, exchange).await == Ok(Sent::Whole)
        }
        AnswerTiming::Early => {
            // Both at once: the answer is sent by a task of its own.
            let done = Notify::default();
            let result = Rc::new(std::cell::Cell::new(None));
            let (s, l, e, x) = (sim.clone(), ledger.clone(), Rc::clone(end), exchange.clone());
            let (told, place) = (done.clone(), Rc::clone(&result));
            sim.start(async move {
                place.set(Some(send_answer(&s, &l, &e, &x).await));
                told.notify();
            });
            let read = read_body(sim, ledger, reader, head, exchange).await;
            done.until(|| result.get().is_some()).await;
            read.is_ok() && result.get() == Some(Ok(Sent::Whole))
        }
    }
}

async fn read_body(
    sim: &Sim,
    ledger: &Ledger,
    reader: &mut Reader,
    head: &Head,
    exchange: &Exchange,
) -> Result<(), Gone> {
    let id = exchange.id;
    let (mut framing, mut offset) = (head.request_framing(), 0);
    loop {
        match reader.body(&mut framing).await {
            Ok(Some(piece)) => {
                let length = piece.len() as u64;
                if piece != content(id, Part::Request, offset, length) {
                    ledger.fail(sim, format!("the body of request {id} arrived changed after {offset} bytes"));
                }
                ledger.body_received(id, Part::Request, length);
                offset += length;
            }
            Ok(None) => {
                ledger.complete_at_origin(sim, id, offset);
                return Ok(());
            }
            Err(Gone::Garbage) => {
                ledger.fail(sim, format!("the body of request {id} is not framed as HTTP/1.1 ({framing:?})"));
                return Err(Gone::Garbage);
            }
            Err(gone) => return Err(gone),
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Sent {
    Whole,
    /// The connection has to end now.
    Cut,
}

async fn send_answer(sim: &Sim, ledger: &Ledger, end: &End, exchange: &Exchange) -> Result<Sent, Broken> {
    let Answer { status, message, informational, delay, timing: _, closes } = exchange.answer;
    sim.sleep(delay).await;
    for _ in 0..informational {
        end.send(b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n").await?;
    }
    let mut head = format!("HTTP/1.1 {status} Any\r\nx-sim-id: {}\r\n", exchange.id);
    let has_body = exchange.method != "HEAD" && !matches!(status, 204 | 304);
    match message.framing {
        _ if matches!(status, 204 | 304) => {}
        BodyFraming::Length => head.push_str(&format!("content-length: {}\r\n", message.body)),
        BodyFraming::Chunked | BodyFraming::ChunkedWithTrailers => head.push_str("transfer-encoding: chunked\r\n"),
        BodyFraming::Close => {}
    }
    if closes || message.framing == BodyFraming::Close {
        head.push_str("connection: close\r\n");
    }
    head.push_str("\r\n");
    if let Some((0, cut)) = message.cut {
        // Within the head.
        let half = 1 + sim.below(head.len() as u64 - 1) as usize;
        end.send(&head.as_bytes()[..half]).await?;
        return give_up(sim, end, cut).await;
    }
    end.send(head.as_bytes()).await?;
    if has_body {
        let is_cut = send_body(sim, ledger, end, exchange.id, Part::Response, message).await?;
        if let Some(cut) = is_cut {
            return give_up(sim, end, cut).await;
        }
    }
    let ends = closes || message.framing == BodyFraming::Close;
    Ok(if ends { Sent::Cut } else { Sent::Whole })
}

/// Sends a body with its framing, up to where it is cut.
pub(crate) async fn send_body(
    sim: &Sim,
    ledger: &Ledger,
    end: &End,
    id: u32,
    part: Part,
    message: super::ledger::Message,
) -> Result<Option<Cut>, Broken> {
    let is_chunked = matches!(message.framing, BodyFraming::Chunked | BodyFraming::ChunkedWithTrailers);
    let stop = message.cut.map_or(message.body, |(at, _)| at.min(message.body));
    let mut offset = 0;
    while offset < stop {
        let most = piece_size(sim, message.body);
        let n = sim.between(1, most).min(stop - offset);
        let piece = content(id, part, offset, n);
        if is_chunked {
            end.send(&chunk(&piece)).await?;
        } else {
            end.send(&piece).await?;
        }
        offset += n;
        ledger.body_sent(id, part, n);
        if message.max_pause > 0 {
            sim.sleep(sim.below(message.max_pause)).await;
        }
    }
    if let Some((_, cut)) = message.cut {
        return Ok(Some(cut));
    }
    match message.framing {
        BodyFraming::Chunked => end.send(b"0\r\n\r\n").await?,
        BodyFraming::ChunkedWithTrailers => end.send(b"0\r\nx-trailer: t\r\n\r\n").await?,
        BodyFraming::Length | BodyFraming::Close => {}
    }
    Ok(None)
}

/// The longest piece in which a sender gives a body to its connection next: large ones only of large bodies.
pub(crate) fn piece_size(sim: &Sim, body: u64) -> u64 {
    sim.pick(&[1, 100, 5_000, 50_000]).max(body / 100)
}

/// Ends a message as `cut` says.
pub(crate) async fn give_up(sim: &Sim, end: &End, cut: Cut) -> Result<Sent, Broken> {
    match cut {
        Cut::Fin => end.finish(),
        Cut::Reset => end.reset(),
        Cut::Stall => sim.sleep(STALL).await,
        Cut::Garbage => end.send(b"\x00\xffzzz\r\n\r\n\r\n").await?,
    }
    Ok(Sent::Cut)
}
