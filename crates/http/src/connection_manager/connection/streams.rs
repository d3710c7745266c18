//! The streams of a connection: ids grow, so that the list is sorted by them.

use nuncio_codec::StreamId;

use super::Connection;
use crate::streams::StreamKey;

impl Connection {
    pub(crate) fn attach(&self, id: StreamId, key: StreamKey) {
        self.streams.borrow_mut().push((id, key));
    }

    pub(crate) fn stream(&self, id: StreamId) -> Option<StreamKey> {
        let streams = self.streams.borrow();
        match streams.as_slice() {
            [(only, key)] => (*only == id).then_some(*key),
            list => list.binary_search_by_key(&id, |(id, _)| *id).ok().map(|at| list[at].1),
        }
    }

    pub(crate) fn detach(&self, id: StreamId) {
        let mut streams = self.streams.borrow_mut();
        if let Ok(at) = streams.binary_search_by_key(&id, |(id, _)| *id) {
            streams.remove(at);
        }
    }

    /// Takes all streams off.
    pub(crate) fn take_streams(&self) -> Vec<(StreamId, StreamKey)> {
        self.streams.take()
    }

    pub(crate) fn stream_count(&self) -> usize {
        self.streams.borrow().len()
    }
}
