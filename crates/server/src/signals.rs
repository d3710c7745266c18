//! The signals that the process acts on.

use std::future::Future;
use std::pin::pin;
use std::task::{Context, Poll};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Notify;

/// The signals that the process acts on, from [`install`](Self::install) on. Owner: main.
pub(crate) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    /// SIGHUP: a terminal that goes away must not end the process.
    hang_up: Signal,
    /// SIGUSR1: log files were moved away.
    reopen: Signal,
}

impl Signals {
    /// Takes the signals over from the system, which would end the process.
    ///
    /// # Errors
    /// When the system refuses.
    pub(crate) fn install() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
            reopen: signal(SignalKind::user_defined1())?,
        })
    }

    /// Until one of them, or `quit`, ends the process. What is told is in Envoy's words.
    pub(crate) async fn wait(mut self, quit: &Notify, reopen: &dyn Fn()) {
        let mut quit = pin!(quit.notified());
        std::future::poll_fn(|cx| {
            self.answer(cx, reopen);
            let caught = [("ENVOY_SIGTERM", &mut self.terminate), ("SIGINT", &mut self.interrupt)]
                .into_iter()
                .find_map(|(name, signal)| signal.poll_recv(cx).is_ready().then_some(name));
            if let Some(name) = caught {
                tracing::warn!("caught {name}");
                return Poll::Ready(());
            }
            quit.as_mut().poll(cx)
        })
        .await;
    }

    /// Answers what does not end the process.
    fn answer(&mut self, cx: &mut Context<'_>, reopen: &dyn Fn()) {
        while let Poll::Ready(Some(())) = self.hang_up.poll_recv(cx) {
            tracing::warn!("caught and eating SIGHUP");
        }
        while let Poll::Ready(Some(())) = self.reopen.poll_recv(cx) {
            tracing::info!("caught SIGUSR1. Reopening access logs.");
            reopen();
        }
    }
}
