//! A TCP socket in tokio's reactor.

use std::future::Future as _;
use std::io;
use std::io::{IoSlice, Read as _};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use socket2::SockRef;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;

use crate::Transport;

/// A connected TCP socket. Owner: the worker whose reactor it is registered with.
pub struct TcpTransport {
    stream: TcpStream,
    /// The reactor was told that there is nothing to read, to hear of the next change; there may be all the same.
    has_hidden_input: bool,
}

impl TcpTransport {
    /// Takes over a socket that we have connected, and switches Nagle's algorithm off.
    pub fn connected(stream: TcpStream) -> Self {
        // Fails only on a socket that the peer has reset already; reading will tell.
        let _ = stream.set_nodelay(true);
        Self { stream, has_hidden_input: false }
    }

    /// Takes over a socket that was accepted: Nagle's algorithm is off already, as with the one that it was accepted on.
    pub fn accepted(stream: TcpStream) -> Self {
        Self { stream, has_hidden_input: false }
    }
}

impl Transport for TcpTransport {
    fn poll_read(&mut self, task: &mut Context<'_>, target: &mut [u8]) -> Poll<io::Result<usize>> {
        if self.has_hidden_input {
            match (&*SockRef::from(&self.stream)).read(target) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.has_hidden_input = false,
                result => return Poll::Ready(result),
            }
        }
        let mut buffer = ReadBuf::new(target);
        // poll_read clears readiness on a short read, so that no second call is needed to see that nothing is left.
        Pin::new(&mut self.stream).poll_read(task, &mut buffer).map_ok(|()| buffer.filled().len())
    }

    fn poll_peer_gone(&mut self, task: &mut Context<'_>) -> Poll<()> {
        while self.stream.poll_read_ready(task).is_ready() {
            let ready = pin!(self.stream.ready(Interest::READABLE)).poll(&mut Context::from_waker(Waker::noop()));
            match ready {
                Poll::Ready(Ok(ready)) if !ready.is_read_closed() => {}
                Poll::Ready(_) => return Poll::Ready(()),
                Poll::Pending => continue,
            }
            self.has_hidden_input = true;
            // The socket is edge-triggered: with its readiness cleared, more input or the end is heard of.
            let _ = self.stream.try_io(Interest::READABLE, || Err::<(), _>(io::ErrorKind::WouldBlock.into()));
        }
        Poll::Pending
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

#[cfg(test)]
mod tests {
    use std::future::{Future, poll_fn};
    use std::io::Write as _;

    use super::*;

    /// A transport, and the peer's end of it.
    async fn pair() -> (TcpTransport, std::net::TcpStream) {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("loopback can be bound");
        let peer = std::net::TcpStream::connect(listener.local_addr().expect("it is bound")).expect("it listens");
        let (stream, _) = listener.accept().await.expect("somebody has connected");
        (TcpTransport::connected(stream), peer)
    }

    async fn read(transport: &mut TcpTransport) -> Vec<u8> {
        let mut target = [0; 64];
        let n = poll_fn(|task| transport.poll_read(task, &mut target)).await.expect("the connection is whole");
        target[..n].to_vec()
    }

    fn run(test: impl Future<Output = ()>) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
        runtime.expect("a reactor can be made").block_on(test);
    }

    #[test]
    fn a_peer_that_goes_is_noticed_behind_input_that_is_not_read() {
        run(noticed_behind_unread_input());
    }

    async fn noticed_behind_unread_input() {
        let (mut transport, mut peer) = pair().await;
        peer.write_all(b"unread").expect("there is room");
        transport.stream.readable().await.expect("it has come");
        let is_gone = poll_fn(|task| Poll::Ready(transport.poll_peer_gone(task).is_ready())).await;
        assert!(!is_gone);
        drop(peer);
        poll_fn(|task| transport.poll_peer_gone(task)).await;
        assert_eq!((read(&mut transport).await, read(&mut transport).await), (b"unread".to_vec(), Vec::new()));
    }

    #[test]
    fn input_that_was_hidden_is_read_and_later_input_too() {
        run(hidden_input_is_read());
    }

    async fn hidden_input_is_read() {
        let (mut transport, mut peer) = pair().await;
        peer.write_all(b"one").expect("there is room");
        transport.stream.readable().await.expect("it has come");
        assert!(poll_fn(|task| Poll::Ready(transport.poll_peer_gone(task).is_pending())).await);
        assert_eq!(read(&mut transport).await, b"one");
        peer.write_all(b"two").expect("there is room");
        assert_eq!(read(&mut transport).await, b"two");
    }
}
