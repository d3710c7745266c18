//! Callbacks outside of a direction's walk: what a filter says to them stops nothing.

use std::task::{Context, Poll};

use nuncio_message::Headers;

use super::plan::Callback;
use super::walk::Leg;
use super::{Chain, StreamCx};
use crate::connection_manager::Core;
use crate::filter::{Direction, HttpFilter, LocalReply, Resume};

impl Chain {
    /// Takes a 1xx response through the filters that look at response heads; nobody can stop it.
    pub(crate) fn informational(&mut self, headers: &mut Headers, core: &mut Core) {
        let direction = Direction::Response;
        self.notify_all(direction, Callback::Headers, core, |filter, cx| filter.response_informational(cx, headers));
    }

    /// Tells the filters of a local reply before it runs through them.
    pub(crate) fn announce(&mut self, reply: &LocalReply, core: &mut Core) {
        let direction = Direction::Request;
        self.notify_all(direction, Callback::Lifecycle, core, |filter, cx| filter.local_reply(cx, reply));
    }

    /// Tells the filters that the stream is over, and drops them.
    pub(crate) fn complete(&mut self, core: &mut Core) {
        let direction = Direction::Request;
        self.notify_all(direction, Callback::Lifecycle, core, |filter, cx| filter.complete(cx));
        self.clear();
    }

    /// Calls filters outside of a walk: what they add where they hold nothing goes on by itself.
    fn notify_all(
        &mut self,
        direction: Direction,
        callback: Callback,
        core: &mut Core,
        mut notify: impl FnMut(&mut dyn HttpFilter, &mut StreamCx<'_>),
    ) {
        let mut leg = Leg { direction, callback, from: 0, end_stream: false };
        while let Some((position, ())) = self.walk(leg, core, &mut notify) {
            self.inject_added(direction, self.index(direction, position), core);
            leg.from = position + 1;
        }
    }

    /// As [`Self::notify_all`] for one filter.
    fn notify<R>(
        &mut self,
        index: u8,
        core: &mut Core,
        callback: impl FnOnce(&mut dyn HttpFilter, &mut StreamCx<'_>) -> R,
    ) -> Option<R> {
        let result = self.call(Direction::Request, usize::from(index), core, callback);
        self.inject_added(Direction::Request, usize::from(index), core);
        result
    }

    /// Polls the asynchronous work of the filter with this index; the direction that it lets go of, if any.
    pub(crate) fn poll(&mut self, index: u8, core: &mut Core) -> Option<Direction> {
        let waker = core.filter_waker(self.id, index);
        let mut task = Context::from_waker(&waker);
        let resumed = self.notify(index, core, |filter, cx| filter.poll_resume(cx, &mut task));
        match resumed {
            Some(Poll::Ready(Resume::Continue(direction))) => Some(direction),
            Some(Poll::Ready(Resume::Nothing) | Poll::Pending) | None => None,
        }
    }
}
