//! When what happened to a stream.

use std::time::Duration;

use nuncio_message::Tick;

/// A point in a stream's life, with the name `COMMON_DURATION` gives it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum Moment {
    /// `DS_CX_BEG`: the downstream connection was accepted.
    DownstreamConnectBegin,
    /// `DS_RX_BEG`: the first byte of the request arrived; the stream's start.
    DownstreamReceiveBegin,
    /// `DS_RX_END`: the last byte of the request arrived.
    DownstreamReceiveEnd,
    /// `US_CX_BEG`: connecting upstream began.
    UpstreamConnectBegin,
    /// `US_CX_END`: the upstream connection stood.
    UpstreamConnectEnd,
    /// `US_HS_END`: the upstream TLS handshake was done.
    UpstreamHandshakeEnd,
    /// `US_TX_BEG`: the first byte of the request was sent upstream.
    UpstreamSendBegin,
    /// `US_TX_END`: the last byte of the request was sent upstream.
    UpstreamSendEnd,
    /// `US_RX_BEG`: the first byte of the response arrived.
    UpstreamReceiveBegin,
    /// `US_RX_BODY_BEG`: the first byte of the response's body arrived.
    UpstreamReceiveBodyBegin,
    /// `US_RX_END`: the last byte of the response arrived.
    UpstreamReceiveEnd,
    /// `DS_TX_BEG`: the first byte of the response was sent downstream.
    DownstreamSendBegin,
    /// `DS_TX_END`: the last byte of the response was sent downstream.
    DownstreamSendEnd,
    /// `DS_CX_END`: the downstream connection was closed.
    DownstreamConnectEnd,
    /// The pool had a connection for the request.
    UpstreamPoolReady,
    /// The stream was complete: what `DURATION` counts to.
    Complete,
}

const MOMENTS: usize = Moment::Complete as usize + 1;

/// The ticks of a stream's moments.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Timing {
    at: [Tick; MOMENTS],
}

impl Timing {
    /// Notes that `moment` is now; the last call counts.
    #[inline]
    pub fn mark(&mut self, moment: Moment, now: Tick) {
        self.at[moment as usize] = now;
    }

    /// Notes that `moment` is now unless it was before.
    #[inline]
    pub fn mark_first(&mut self, moment: Moment, now: Tick) {
        let at = &mut self.at[moment as usize];
        if *at == Tick::NEVER {
            *at = now;
        }
    }

    /// When it was, if it was.
    #[inline]
    pub fn at(&self, moment: Moment) -> Option<Tick> {
        Some(self.at[moment as usize]).filter(|&at| at != Tick::NEVER)
    }

    /// The time between two moments, if both were and in this order.
    pub fn between(&self, begin: Moment, end: Moment) -> Option<Duration> {
        let (begin, end) = (self.at(begin)?, self.at(end)?);
        (begin <= end).then(|| end.since(begin))
    }

    /// Forgets the upstream side: a new attempt begins.
    pub fn forget_upstream(&mut self) {
        self.at[Moment::UpstreamConnectBegin as usize..=Moment::UpstreamReceiveEnd as usize].fill(Tick::NEVER);
        self.at[Moment::UpstreamPoolReady as usize] = Tick::NEVER;
    }
}

impl Default for Timing {
    fn default() -> Self {
        Self { at: [Tick::NEVER; MOMENTS] }
    }
}

impl Moment {
    /// Finds the moment that `COMMON_DURATION` calls `name`.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "DS_CX_BEG" => Self::DownstreamConnectBegin,
            "DS_RX_BEG" => Self::DownstreamReceiveBegin,
            "DS_RX_END" => Self::DownstreamReceiveEnd,
            "US_CX_BEG" => Self::UpstreamConnectBegin,
            "US_CX_END" => Self::UpstreamConnectEnd,
            "US_HS_END" => Self::UpstreamHandshakeEnd,
            "US_TX_BEG" => Self::UpstreamSendBegin,
            "US_TX_END" => Self::UpstreamSendEnd,
            "US_RX_BEG" => Self::UpstreamReceiveBegin,
            "US_RX_BODY_BEG" => Self::UpstreamReceiveBodyBegin,
            "US_RX_END" => Self::UpstreamReceiveEnd,
            "DS_TX_BEG" => Self::DownstreamSendBegin,
            "DS_TX_END" => Self::DownstreamSendEnd,
            "DS_CX_END" => Self::DownstreamConnectEnd,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_needs_both_moments_in_order() {
        let mut timing = Timing::default();
        assert_eq!(timing.between(Moment::DownstreamReceiveBegin, Moment::Complete), None);
        timing.mark(Moment::DownstreamReceiveBegin, Tick(10));
        timing.mark(Moment::Complete, Tick(14));
        timing.mark_first(Moment::Complete, Tick(20));
        assert_eq!(timing.between(Moment::DownstreamReceiveBegin, Moment::Complete), Some(Duration::from_millis(4)));
        assert_eq!(timing.between(Moment::Complete, Moment::DownstreamReceiveBegin), None);
    }

    #[test]
    fn a_new_attempt_forgets_upstream_only() {
        let mut timing = Timing::default();
        for moment in [Moment::DownstreamReceiveEnd, Moment::UpstreamConnectBegin, Moment::UpstreamReceiveEnd] {
            timing.mark(moment, Tick(1));
        }
        timing.mark(Moment::UpstreamPoolReady, Tick(1));
        timing.mark(Moment::DownstreamSendBegin, Tick(1));
        timing.forget_upstream();
        assert_eq!(timing.at(Moment::DownstreamReceiveEnd), Some(Tick(1)));
        assert_eq!(timing.at(Moment::DownstreamSendBegin), Some(Tick(1)));
        assert_eq!(timing.at(Moment::UpstreamConnectBegin), None);
        assert_eq!(timing.at(Moment::UpstreamReceiveEnd), None);
        assert_eq!(timing.at(Moment::UpstreamPoolReady), None);
    }
}
