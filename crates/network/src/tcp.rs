//! A TCP socket in tokio's reactor.

use std::io;
use std::io::IoSlice;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

use crate::Transport;

/// A connected TCP socket. Owner: the worker whose reactor it is registered with.
pub struct TcpTransport {
    stream: TcpStream,
}

impl TcpTransport {
    /// Takes over a connected socket and switches Nagle's algorithm off.
    pub fn new(stream: TcpStream) -> Self {
        // Fails only on a socket that the peer has reset already; reading will tell.
        let _ = stream.set_nodelay(true);
        Self { stream }
    }
}

impl Transport for TcpTransport {
    fn poll_read(&mut self, task: &mut Context<'_>, target: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(target);
        // poll_read clears readiness on a short read, so that no second call is needed to see that nothing is left.
        Pin::new(&mut self.stream).poll_read(task, &mut buffer).map_ok(|()| buffer.filled().len())
    }

    fn poll_write(&mut self, task: &mut Context<'_>, slices: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        match slices {
            [slice] => Pin::new(&mut self.stream).poll_write(task, slice),
            slices => Pin::new(&mut self.stream).poll_write_vectored(task, slices),
        }
    }

    fn shut_down_write(&mut self) {
        // Fails only when the peer has gone already.
        let _ = SockRef::from(&self.stream).shutdown(std::net::Shutdown::Write);
    }

    fn reset_on_close(&mut self) {
        let _ = SockRef::from(&self.stream).set_linger(Some(Duration::ZERO));
    }
}
