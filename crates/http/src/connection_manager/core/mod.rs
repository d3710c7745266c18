//! What a stream knows: the part of it that filters see and every step works on.

mod begin;
mod chosen_route;
mod credit;
mod deadlines;
mod finish;
mod received;

use std::rc::Rc;
use std::task::Waker;

use nuncio_codec::StreamId;
use nuncio_message::{HeaderMapKind, Headers, Tick};
use nuncio_stats::GaugeGuard;
use nuncio_telemetry::StreamInfo;

use super::flow::Flow;
use super::stats::ManagerStats;
use super::timeouts::Deadlines;
use super::{Connection, Manager};
use crate::chain::{Actions, Chain, ChainId, Held};
use crate::client::Exchange;
use crate::filter::{Direction, LocalReply};
use crate::header_mutation::Subject;
use crate::http_worker::HttpWorker;
use crate::streams::StreamKey;
use crate::wake::FilterKey;
use chosen_route::RouteState;

/// Where a request comes from and its response goes to.
pub(crate) enum Source {
    /// A downstream connection.
    Connection { connection: Rc<Connection>, id: StreamId },
    /// A call of our own.
    Call(Rc<Exchange>),
    /// Nowhere: the stream is between two uses.
    None,
}

/// How far the response is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stage {
    /// Nothing of it has met the filters.
    Waiting,
    /// Its head is with the filters: a local reply must not run through them once more.
    Filtering,
    /// Its head has gone to the downstream codec: it can only be cut off.
    Started,
}

pub(crate) struct Core {
    pub(crate) key: StreamKey,
    pub(crate) http: Rc<HttpWorker>,
    pub(crate) manager: Rc<Manager>,
    pub(crate) source: Source,
    pub(crate) info: StreamInfo,
    pub(crate) request: Headers,
    pub(crate) request_trailers: Option<Headers>,
    pub(crate) response: Option<Headers>,
    pub(crate) response_trailers: Option<Headers>,
    /// The bodies that the filter which is being called holds; empty between callbacks.
    pub(crate) held: Held,
    pub(crate) actions: Actions,
    /// An attempt's chain between two attempts, for its memory; it has no filters.
    pub(crate) spare_chain: Option<Box<Chain>>,
    pub(crate) deadlines: Deadlines,
    route: RouteState,
    /// Request body bytes that were received and whose credit has not been given back.
    unreleased: u32,
    /// The whole request has been received.
    pub(crate) is_request_complete: bool,
    /// The request's framing is lost: the connection cannot be used on.
    pub(crate) is_request_broken: bool,
    pub(crate) is_head_request: bool,
    /// The request is an upgrade that came as an extended CONNECT.
    pub(crate) is_extended_connect: bool,
    /// Held while an upgrade is under way.
    pub(crate) upgrade: Option<GaugeGuard<ManagerStats>>,
    /// Filters or the route have had the request's head in their hands: it may not be fit to be sent any more.
    pub(crate) is_request_changed: bool,
    /// A local reply has ended the request direction: what still comes of the request goes nowhere.
    pub(crate) is_request_refused: bool,
    pub(crate) stage: Stage,
    is_over: bool,
    flows: [Flow; 2],
    /// Filters that are to be polled when a direction is below its watermark again.
    drained: Vec<(Direction, ChainId, u8)>,
    /// Credit for response bytes that filters took, to be given back at the end of this event.
    response_credit: u32,
    /// Bytes of body that filters may hold back; zero is no limit.
    buffer_limit: usize,
}

impl Core {
    pub(crate) fn now(&self) -> Tick {
        self.http.worker().now()
    }

    /// Whether there are trailers in a direction, received or added.
    pub(crate) fn has_trailers(&self, direction: Direction) -> bool {
        match direction {
            Direction::Request => self.request_trailers.is_some(),
            Direction::Response => self.response_trailers.is_some(),
        }
    }

    pub(crate) fn reply(&mut self, reply: LocalReply) {
        if self.actions.reply.is_none() {
            self.actions.reply = Some(reply);
        }
    }

    /// Whether a walk through the filters must stop, because something else has to be done first.
    pub(crate) fn is_interrupted(&self) -> bool {
        self.actions.reply.is_some() || self.actions.response.is_some() || self.actions.is_reset || self.is_over
    }

    pub(crate) fn filter_waker(&self, chain: ChainId, index: u8) -> Waker {
        self.http.woken().waker(FilterKey { key: self.key, chain, index })
    }

    /// The message of `kind`, to be changed.
    pub(crate) fn subject(&mut self, kind: HeaderMapKind) -> Subject<'_> {
        self.is_request_changed |= kind == HeaderMapKind::Request;
        Subject {
            info: &self.info,
            request: &mut self.request,
            request_trailers: self.request_trailers.as_mut(),
            response: self.response.as_mut(),
            response_trailers: self.response_trailers.as_mut(),
            kind,
            scratch: self.http.scratch(),
        }
    }

    /// Whether the request is a call of our own.
    pub(crate) fn is_call(&self) -> bool {
        matches!(self.source, Source::Call(_))
    }
}
