//! A connection pool: one a worker, host, priority and protocol. Pure bookkeeping; connections are made by its owner.
//!
//! Invariants:
//! 1. A connection stands in `ready` exactly while it can take one more stream.
//! 2. Requests wait in order of arrival, and only while no connection is ready.

use std::collections::VecDeque;

/// Connections of type `C`, and who waits for one (`W`). Owner: the worker.
pub struct Pool<C, W> {
    ready: Vec<C>,
    waiting: VecDeque<(u64, W)>,
    next_ticket: u64,
    connecting: u32,
    connections: u32,
}

/// A place in the queue, to leave it again.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Waiting(u64);

impl<C, W> Default for Pool<C, W> {
    fn default() -> Self {
        Self { ready: Vec::new(), waiting: VecDeque::new(), next_ticket: 0, connecting: 0, connections: 0 }
    }
}

impl<C: PartialEq, W> Pool<C, W> {
    /// Takes the connection used last out of the ready ones: it is warm, and the others may grow idle and close.
    pub fn take_ready(&mut self) -> Option<C> {
        self.ready.pop()
    }

    /// Puts a connection that can take a stream back.
    pub fn put_ready(&mut self, connection: C) {
        debug_assert!(!self.ready.contains(&connection), "a connection is ready once (invariant 1)");
        self.ready.push(connection);
    }

    /// Takes out a connection that is closing or full; returns whether it was ready.
    pub fn remove_ready(&mut self, connection: &C) -> bool {
        // Searched from the end: a connection that fills up was put there last.
        match self.ready.iter().rposition(|ready| ready == connection) {
            Some(at) => {
                self.ready.remove(at);
                true
            }
            None => false,
        }
    }

    /// Queues a request.
    pub fn wait(&mut self, request: W) -> Waiting {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        self.waiting.push_back((ticket, request));
        Waiting(ticket)
    }

    /// The request that has waited longest.
    pub fn next_waiting(&mut self) -> Option<W> {
        self.waiting.pop_front().map(|(_, request)| request)
    }

    /// Takes a request out of the queue, if it still waits.
    pub fn cancel(&mut self, place: Waiting) -> Option<W> {
        let at = self.waiting.iter().position(|(ticket, _)| *ticket == place.0)?;
        self.waiting.remove(at).map(|(_, request)| request)
    }

    /// Requests that wait.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// Connections being made.
    pub fn connecting(&self) -> u32 {
        self.connecting
    }

    /// Connections of this pool, those being made included.
    pub fn connections(&self) -> u32 {
        self.connections
    }

    /// A connection is being made.
    pub fn begin_connect(&mut self) {
        self.connecting += 1;
        self.connections += 1;
    }

    /// A connection is made, or could not be: see [`Pool::closed`] for the latter.
    pub fn end_connect(&mut self) {
        self.connecting -= 1;
    }

    /// A connection has gone.
    pub fn closed(&mut self) {
        self.connections -= 1;
    }

    /// The ready connections, for closing them all.
    pub fn drain_ready(&mut self) -> Vec<C> {
        std::mem::take(&mut self.ready)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_is_a_stack_and_waiting_a_queue() {
        let mut pool = Pool::default();
        (1..=3).for_each(|connection| pool.put_ready(connection));
        assert!(pool.remove_ready(&1) && !pool.remove_ready(&1));
        assert_eq!((pool.take_ready(), pool.take_ready(), pool.take_ready()), (Some(3), Some(2), None));
        let places: Vec<_> = ["a", "b", "c"].map(|request| pool.wait(request)).into();
        assert_eq!((pool.cancel(places[1]), pool.cancel(places[1])), (Some("b"), None));
        assert_eq!((pool.next_waiting(), pool.next_waiting(), pool.next_waiting()), (Some("a"), Some("c"), None));
    }
}
