//! What filters asked for in their callbacks is done here, once the callback is over.
//!
//! Before: an event was handled, and callbacks left their wishes in `core.actions`. What ends the stream is done first.

use nuncio_codec::ErrorCode;

use super::Stream;
use super::respond::ToDownstream;
use crate::chain::{Action, ChainId, Injected};
use crate::filter::Direction;

impl Stream {
    /// Carries out what callbacks asked for, until nothing is left to be done.
    pub(super) fn carry_out(&mut self) {
        while !self.core.is_over()
            && let Some(action) = self.core.actions.next()
        {
            match action {
                Action::Reply(reply) => self.send_local_reply(reply),
                Action::Respond(response) => self.respond(*response),
                Action::Piece(piece, end_stream) => {
                    let (chain, core) = (&mut self.chain, &mut self.core);
                    chain.data(Direction::Response, 0, piece, end_stream, core, &mut ToDownstream);
                }
                Action::Reset => {
                    self.router.abandon(&mut self.core, ErrorCode::INTERNAL_ERROR);
                    self.core.reset_downstream();
                }
                Action::Inject(injected) => self.inject(injected),
                Action::Resume(chain, filter, direction) => self.resume(chain, filter, direction),
                Action::Poll(chain, filter) => self.poll(chain, filter),
            }
        }
        let credit = self.core.take_response_credit();
        self.router.release(credit);
    }

    /// A filter's asynchronous work is polled, and lets go of a direction if it is done.
    pub(super) fn poll(&mut self, chain: ChainId, filter: u8) {
        let resumed = match chain {
            ChainId::Downstream => self.chain.poll(filter, &mut self.core),
            ChainId::Upstream => self.router.poll(filter, &mut self.core),
        };
        if let Some(direction) = resumed {
            // What it injected in the same call goes first.
            self.core.actions.resume(chain, filter, direction);
        }
    }

    fn resume(&mut self, chain: ChainId, filter: u8, direction: Direction) {
        let core = &mut self.core;
        match (chain, direction) {
            (ChainId::Downstream, Direction::Request) => self.chain.resume(direction, filter, core, &mut self.router),
            (ChainId::Downstream, Direction::Response) => {
                self.chain.resume(direction, filter, core, &mut ToDownstream);
            }
            (ChainId::Upstream, _) => {
                self.router.resume(direction, filter, core);
                self.pass_filtered();
            }
        }
    }

    fn inject(&mut self, injected: Injected) {
        let Injected { chain, filter, direction, data, end_stream } = injected;
        let core = &mut self.core;
        match (chain, direction) {
            (ChainId::Downstream, Direction::Request) => {
                self.chain.inject(direction, filter, data, end_stream, core, &mut self.router);
            }
            (ChainId::Downstream, Direction::Response) => {
                self.chain.inject(direction, filter, data, end_stream, core, &mut ToDownstream);
            }
            (ChainId::Upstream, _) => {
                self.router.inject(direction, filter, data, end_stream, core);
                self.pass_filtered();
            }
        }
    }

    /// What has passed the attempt's filters goes on.
    fn pass_filtered(&mut self) {
        while !self.core.is_interrupted()
            && let Some(frame) = self.router.passed(&mut self.core)
        {
            self.pass_response(frame);
        }
    }
}
