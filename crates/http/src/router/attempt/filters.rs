//! The filters that an attempt has of its own, and what passes them. They run at once; only the codec waits for a
//! connection.

use std::collections::VecDeque;
use std::rc::Rc;

use nuncio_message::Chunk;

use super::to_codec::{Head, State};
use super::{Attempt, Overflow};
use crate::chain::{Chain, ChainId, Plan, Terminal};
use crate::connection_manager::{Core, Frame};
use crate::filter::Direction;
use crate::router::Router;

impl Router {
    /// Whether the last attempt is on HTTP/1.
    pub(crate) fn is_http1(&self) -> bool {
        self.is_http1
    }

    /// Whether the attempt has filters of its own.
    pub(crate) fn has_filters(&self) -> bool {
        self.attempt.as_ref().is_some_and(Attempt::has_filters)
    }

    /// A frame of the response goes through the attempt's filters, in reverse.
    pub(in crate::router) fn filter_response(&mut self, frame: Frame, core: &mut Core) {
        let Some(chain) = self.attempt.as_mut().and_then(Attempt::chain) else { return };
        let mut passed = Passed(&mut self.passed);
        match frame {
            Frame::Informational(mut headers) => {
                chain.informational(&mut headers, core);
                passed.0.push_back(Frame::Informational(headers));
            }
            Frame::Head { headers, end_stream } => {
                core.response = Some(headers);
                chain.head(Direction::Response, 0, end_stream, core, &mut passed);
            }
            Frame::Data { data, end_stream } => chain.data(Direction::Response, 0, data, end_stream, core, &mut passed),
            Frame::Trailers(trailers) => {
                core.response_trailers = Some(trailers);
                chain.trailers(Direction::Response, 0, core, &mut passed);
            }
        }
    }

    /// The next frame of the response that has passed the attempt's filters.
    pub(crate) fn passed(&mut self, core: &mut Core) -> Option<Frame> {
        if core.is_interrupted() {
            return None;
        }
        let frame = self.passed.pop_front()?;
        self.received(frame, core)
    }

    /// Polls the asynchronous work of one of the attempt's filters.
    pub(crate) fn poll(&mut self, filter: u8, core: &mut Core) -> Option<Direction> {
        self.attempt.as_mut()?.chain()?.poll(filter, core)
    }

    /// One of the attempt's filters lets go of a direction.
    pub(crate) fn resume(&mut self, direction: Direction, filter: u8, core: &mut Core) {
        let Some(attempt) = &mut self.attempt else { return };
        match direction {
            Direction::Request => {
                attempt.resume_request(filter, core);
                self.advance(core);
            }
            Direction::Response => {
                if let Some(chain) = attempt.chain() {
                    chain.resume(direction, filter, core, &mut Passed(&mut self.passed));
                }
            }
        }
    }

    /// One of the attempt's filters sends a piece on.
    pub(crate) fn inject(&mut self, direction: Direction, filter: u8, data: Chunk, end_stream: bool, core: &mut Core) {
        let Some(attempt) = &mut self.attempt else { return };
        match direction {
            Direction::Request => {
                attempt.inject_request(filter, data, end_stream, core);
                self.advance(core);
            }
            Direction::Response => {
                if let Some(chain) = attempt.chain() {
                    chain.inject(direction, filter, data, end_stream, core, &mut Passed(&mut self.passed));
                }
            }
        }
    }

    /// Asks for a connection if the request's head has passed the attempt's filters and there is none.
    pub(in crate::router) fn advance(&mut self, core: &mut Core) {
        let Some(attempt) = self.attempt.as_mut().filter(|attempt| attempt.wants_connection()) else { return };
        if core.is_interrupted() {
            return;
        }
        match attempt.acquire(core) {
            Ok(Some(connection)) => self.connected(&connection, core),
            Ok(None) => {}
            Err(Overflow) => self.overflow(core),
        }
    }
}

impl Attempt {
    pub(in crate::router) fn has_filters(&self) -> bool {
        self.chain.is_some()
    }

    /// Whether the head has passed the filters after the connection was given away, or was never asked for.
    fn wants_connection(&self) -> bool {
        matches!((&self.codec.state, self.codec.head), (State::Idle, Head::Ready))
    }

    fn chain(&mut self) -> Option<&mut Chain> {
        self.chain.as_deref_mut()
    }

    fn resume_request(&mut self, filter: u8, core: &mut Core) {
        if let Some(chain) = &mut self.chain {
            chain.resume(Direction::Request, filter, core, &mut self.codec);
        }
    }

    fn inject_request(&mut self, filter: u8, data: Chunk, end_stream: bool, core: &mut Core) {
        if let Some(chain) = &mut self.chain {
            chain.inject(Direction::Request, filter, data, end_stream, core, &mut self.codec);
        }
    }

    /// Switches its filters on and off as the route says.
    pub(in crate::router) fn choose_filters(&mut self, core: &mut Core) {
        if let Some(chain) = &mut self.chain {
            chain.choose(core);
        }
    }
}

/// A chain for an attempt, in `spare` memory if there is any.
pub(super) fn renewed(spare: Option<Box<Chain>>, plan: &Rc<Plan>) -> Box<Chain> {
    match spare {
        Some(mut chain) => {
            chain.renew(plan);
            chain
        }
        None => Box::new(Chain::new(ChainId::Upstream, plan)),
    }
}

/// The end of an attempt's response direction.
struct Passed<'a>(&'a mut VecDeque<Frame>);

impl Terminal for Passed<'_> {
    fn head(&mut self, core: &mut Core, end_stream: bool) {
        if let Some(headers) = core.response.take() {
            self.0.push_back(Frame::Head { headers, end_stream });
        }
    }

    fn data(&mut self, _core: &mut Core, data: Chunk, end_stream: bool) {
        self.0.push_back(Frame::Data { data, end_stream });
    }

    fn trailers(&mut self, core: &mut Core) {
        if let Some(trailers) = core.response_trailers.take() {
            self.0.push_back(Frame::Trailers(trailers));
        }
    }
}
