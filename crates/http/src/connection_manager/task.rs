//! The task that a connection's driver runs in. It owns the connection: when it is dropped, the connection is over.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use super::{Connection, Phase};

/// Drives `connection` until it is closed.
pub(crate) fn run(connection: Rc<Connection>) -> impl Future<Output = ()> {
    Driver { connection }
}

struct Driver {
    connection: Rc<Connection>,
}

impl Future for Driver {
    type Output = ();

    fn poll(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<()> {
        let connection = &self.connection;
        connection.http.worker().clock().refresh();
        connection.set_waker(task.waker());
        connection.poll(task)
    }
}

impl Drop for Driver {
    /// The runtime drops its tasks at the end, and a panic unwinds through here: either way nothing is left behind.
    fn drop(&mut self) {
        if self.connection.phase() != Phase::Closed {
            if std::thread::panicking() {
                self.connection.http.note_panic();
            }
            self.connection.close_locally();
        }
    }
}
