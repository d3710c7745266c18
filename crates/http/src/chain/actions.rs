//! What callbacks asked for, until the walk or the stream carries it out.

use std::collections::VecDeque;

use nuncio_message::{Buffer, Chunk, Headers};

use super::ChainId;
use crate::filter::{Direction, LocalReply};

/// What callbacks asked for and the stream has still to do. Owner: the stream.
#[derive(Default)]
pub(crate) struct Actions {
    pub(crate) reply: Option<LocalReply>,
    pub(crate) response: Option<Box<Response>>,
    /// What follows of a response that a filter began, and whether it ends it.
    pub(crate) pieces: VecDeque<(Chunk, bool)>,
    pub(crate) is_reset: bool,
    injected: VecDeque<Injected>,
    resumes: VecDeque<(ChainId, u8, Direction)>,
    polls: Vec<(ChainId, u8)>,
}

/// A response that a filter made.
pub(crate) struct Response {
    pub(crate) head: Headers,
    pub(crate) rest: Rest,
}

/// What comes behind the head of a response that a filter made.
pub(crate) enum Rest {
    /// Nothing: the head ends the response.
    Nothing,
    /// This, and no more.
    Body(Buffer),
    /// Pieces, later.
    Later,
}

/// A piece that a filter sends on from its own place.
pub(crate) struct Injected {
    pub(crate) chain: ChainId,
    pub(crate) filter: u8,
    pub(crate) direction: Direction,
    pub(crate) data: Chunk,
    pub(crate) end_stream: bool,
}

/// The next thing to be done.
pub(crate) enum Action {
    Reply(LocalReply),
    Respond(Box<Response>),
    Piece(Chunk, bool),
    Reset,
    Inject(Injected),
    Resume(ChainId, u8, Direction),
    Poll(ChainId, u8),
}

impl Actions {
    /// What has to be done first: what ends the stream, then data before the resumption that may follow it.
    #[inline]
    pub(crate) fn next(&mut self) -> Option<Action> {
        if self.is_empty() { None } else { self.take_next() }
    }

    /// Whether nothing was asked for, as after most events.
    fn is_empty(&self) -> bool {
        self.reply.is_none()
            && self.response.is_none()
            && !self.is_reset
            && self.pieces.is_empty()
            && self.injected.is_empty()
            && self.resumes.is_empty()
            && self.polls.is_empty()
    }

    fn take_next(&mut self) -> Option<Action> {
        if let Some(reply) = self.reply.take() {
            return Some(Action::Reply(reply));
        }
        if let Some(response) = self.response.take() {
            return Some(Action::Respond(response));
        }
        if let Some((piece, end_stream)) = self.pieces.pop_front() {
            return Some(Action::Piece(piece, end_stream));
        }
        if std::mem::take(&mut self.is_reset) {
            return Some(Action::Reset);
        }
        if let Some(injected) = self.injected.pop_front() {
            return Some(Action::Inject(injected));
        }
        if let Some((chain, filter, direction)) = self.resumes.pop_front() {
            return Some(Action::Resume(chain, filter, direction));
        }
        self.polls.pop().map(|(chain, filter)| Action::Poll(chain, filter))
    }

    pub(crate) fn inject(&mut self, chain: ChainId, filter: u8, direction: Direction, data: Chunk, end_stream: bool) {
        self.injected.push_back(Injected { chain, filter, direction, data, end_stream });
    }

    pub(crate) fn inject_all(&mut self, chain: ChainId, filter: u8, direction: Direction, mut body: Buffer) {
        while let Some(data) = body.pop() {
            self.inject(chain, filter, direction, data, false);
        }
    }

    pub(super) fn has_injected(&self) -> bool {
        !self.injected.is_empty()
    }

    /// The next piece that the filter injected in this direction.
    pub(super) fn take_injected(&mut self, chain: ChainId, filter: u8, direction: Direction) -> Option<Injected> {
        if self.injected.is_empty() {
            return None;
        }
        let is_it = |it: &Injected| (it.chain, it.filter, it.direction) == (chain, filter, direction);
        let at = self.injected.iter().position(is_it)?;
        self.injected.remove(at)
    }

    pub(crate) fn resume(&mut self, chain: ChainId, filter: u8, direction: Direction) {
        self.resumes.push_back((chain, filter, direction));
    }

    pub(crate) fn poll(&mut self, chain: ChainId, filter: u8) {
        self.polls.push((chain, filter));
    }

    /// Forgets what was asked for in the request direction, which has ended.
    pub(crate) fn drop_request(&mut self) {
        self.injected.retain(|it| it.direction == Direction::Response);
        self.resumes.retain(|(_, _, direction)| *direction == Direction::Response);
    }

    /// Forgets what filters of an attempt asked for, which has ended.
    pub(crate) fn drop_upstream(&mut self) {
        self.injected.retain(|it| it.chain == ChainId::Downstream);
        self.resumes.retain(|(chain, _, _)| *chain == ChainId::Downstream);
        self.polls.retain(|(chain, _)| *chain == ChainId::Downstream);
    }

    pub(crate) fn clear(&mut self) {
        if self.is_empty() {
            return;
        }
        self.reply = None;
        self.response = None;
        self.pieces.clear();
        self.is_reset = false;
        self.injected.clear();
        self.resumes.clear();
        self.polls.clear();
    }
}
