use std::io;

use super::*;
use crate::values::panic::log_panic;

/// The way to the end: see the table of phases.
impl<W: Wire> Stream<W> {
    pub(super) fn begin_close(&self) {
        if self.waiting() > 0 {
            // Last words: what the peer still sends must not destroy them.
            self.clear(Facts::SKIP_LINGER);
        }
        match self.phase.get() {
            Phase::Open | Phase::ClosingWrite => self.set_phase(Phase::Closing),
            Phase::WriteClosed => self.set_phase(Phase::Lingering),
            Phase::Broken => self.end_if_broken(),
            _ => return,
        }
        self.close_begins();
    }

    pub(super) fn begin_close_write(&self) {
        if self.phase.get() == Phase::Open {
            self.set_phase(Phase::ClosingWrite);
            self.close_begins();
        }
    }

    pub(super) fn begin_failing(&self) {
        match self.phase.get() {
            Phase::Open | Phase::ClosingWrite | Phase::Closing => self.set_phase(Phase::Failing),
            Phase::WriteClosed | Phase::Lingering => self.set_phase(Phase::Acknowledging),
            Phase::Broken => self.end_if_broken(),
            _ => return,
        }
        self.stop_watch();
        self.close_begins();
    }

    fn close_begins(&self) {
        if self.is(Facts::PRODUCER) {
            self.cold(|cold| cold.flow.close_begins());
        }
        self.read_if_ready();
        self.seat.wants_turn();
    }

    /// The connection has broken, and is not read, so no read would ever tell.
    #[cold]
    pub(super) fn fault(&self) {
        if !self.phase.get().is_dead() {
            self.break_off(self.wire.take_error());
        }
    }

    /// The wire takes nothing more. What the peer said before that is still read, if it is only for
    /// us to read it.
    pub(super) fn break_off(&self, error: io::Error) {
        self.drop_output();
        self.relieve();
        if !self.phase.get().delivers() || !self.wants_input() {
            return self.finish(error.into(), true);
        }
        self.set_phase(Phase::Broken);
        self.set(Facts::READABLE);
        self.cold(|cold| cold.broken = Some(error));
        self.look_again();
    }

    /// All that came before a failed send has been read, or is not wanted.
    pub(super) fn end_if_broken(&self) {
        if let Some(error) = self.take_broken() {
            self.finish(error.into(), true);
        }
    }

    pub(super) fn take_broken(&self) -> Option<io::Error> {
        match self.phase.get() {
            Phase::Broken => self.cold(|cold| cold.broken.take()),
            _ => None,
        }
    }

    /// Takes the end a step further, if it is time for one.
    pub(super) fn progress(&self) {
        let phase = self.phase.get();
        let input_ended = self.is(Facts::INPUT_ENDED);
        match phase {
            _ if self.has_lost_its_reader() => {
                if self.wire.ends_with_peer() && self.waiting() == 0 {
                    self.end_in_order();
                } else {
                    self.break_off(io::ErrorKind::BrokenPipe.into());
                }
            }
            Phase::ClosingWrite | Phase::Closing => {
                let pending = self.has_more_to_send();
                if self.phase.get() != phase {
                    // The producer, when it was asked, has done more than answer.
                } else if !pending {
                    self.end_output();
                } else if phase == Phase::Closing {
                    self.watch();
                }
                // Half closed, it may take its time, like any connection that is open.
            }
            Phase::Failing if self.is(Facts::QUEUED) => self.watch(),
            Phase::Failing => {
                self.stop_watch();
                self.set_phase(Phase::Acknowledging);
                self.watch();
            }
            Phase::Acknowledging => self.watch(),
            Phase::WriteClosed | Phase::Lingering if input_ended => self.end_in_order(),
            Phase::Lingering if self.is(Facts::SKIP_LINGER) => self.finish(Reason::Done, false),
            Phase::Lingering => self.watch(),
            Phase::Broken if self.seat.is_paused() => self.end_if_broken(),
            _ => {}
        }
    }

    /// Both directions are closed.
    fn end_in_order(&self) {
        match self.wire.outcome() {
            Some(reason) => self.finish(reason, false),
            None => {
                // What is about to end may wait for the end of its input.
                let _ = self.wire.shutdown_write();
                self.set_phase(Phase::Lingering);
                self.watch();
            }
        }
    }

    /// Whether the peer has gone, all that it said is told, and this side would still write.
    fn has_lost_its_reader(&self) -> bool {
        let phase = self.phase.get();
        let is_gone = self.is(Facts::GONE) && self.is(Facts::INPUT_ENDED);
        is_gone
            && phase.takes_output()
            && !self.seat.owes_end_of_input()
            && (phase == Phase::Open || self.has_more_to_send())
    }

    fn has_more_to_send(&self) -> bool {
        // The producer may write when it is asked.
        self.is(Facts::QUEUED) || self.waits_for_producer() || self.is(Facts::QUEUED)
    }

    /// All is sent: the peer is told that this was all.
    fn end_output(&self) {
        self.stop_watch();
        let is_half = self.phase.get() == Phase::ClosingWrite;
        self.set_phase(if is_half {
            Phase::WriteClosed
        } else {
            Phase::Lingering
        });
        // Where the peer has closed too, the close of the wire says it as well.
        if (is_half || !self.is(Facts::INPUT_ENDED))
            && let Err(error) = self.wire.shutdown_write()
            && error.kind() != io::ErrorKind::NotConnected
        {
            return self.finish(error.into(), true);
        }
        if is_half {
            self.tell_output_end();
        } else if !self.wire.lingers() {
            self.set(Facts::SKIP_LINGER);
        }
        self.progress();
    }

    /// The peer takes nothing more, and may go on to send: a wire says so that has a way of its own
    /// for each direction.
    ///
    /// Nothing is lost yet if nothing was to be sent. Then the protocol hears that its output has
    /// ended, unless the input ends as well: a peer that closes both at once has closed in order. A
    /// write after that fails, as any write to a peer that has gone.
    #[cfg(unix)]
    #[cold]
    pub(crate) fn output_gone(&self, buffer: &mut ReadBuffer) {
        if self.phase.get().takes_output() && self.waiting() == 0 {
            self.set(Facts::GONE | Facts::GONE_UNTOLD);
            self.ready_further(Ready::READABLE, buffer);
        } else {
            self.fault();
            self.advance();
        }
    }

    /// The input has nothing more to say just now.
    pub(super) fn tell_gone(&self) {
        if self.is(Facts::GONE_UNTOLD) {
            self.clear(Facts::GONE_UNTOLD);
            self.tell_output_end();
        }
    }

    fn tell_output_end(&self) {
        if !self.is(Facts::OUTPUT_END_TOLD) {
            self.set(Facts::OUTPUT_END_TOLD);
            self.seat.write_connection_lost();
        }
    }

    /// The end, whatever the way: the wire is closed here and nowhere else. The protocol is told by
    /// a turn.
    pub(super) fn finish(&self, reason: Reason, reset: bool) {
        if self.phase.get().is_dead() {
            return;
        }
        self.set_phase(Phase::Dead);
        self.drop_output();
        self.stop_watch();
        self.wire.close(reset);
        self.seat.fail(reason);
        self.count_end(self.seat.close_reason().is_clean());
        self.seat.wants_turn();
    }

    /// Tells what waits for a connection that is dead: the producer and the calls here, the
    /// protocol when the seat settles.
    pub(super) fn tear_down(&self) {
        // First, so that a producer which is registered from here on is told at once.
        self.set_phase(Phase::TornDown);
        self.seat.lost(Reason::Done);
        if self.is(Facts::PRODUCER) {
            self.clear(Facts::PRODUCER);
            let producer = self.cold(|cold| cold.flow.unregister());
            if let Some((producer, _)) = producer {
                log_panic("stop_producing", || producer.stop_producing());
                log_panic("the drop of a producer", || drop(producer));
            }
        }
        self.drop_sent_calls();
    }

    /// Tells the owner.
    pub(super) fn report(&self) {
        self.set_phase(Phase::Reported);
        let owner = self.existing_cold(|cold| cold.owner.take()).flatten();
        if let (Some(owner), Some(reason)) = (owner, self.seat.reason()) {
            owner.stream_lost(&reason);
        }
    }
}
