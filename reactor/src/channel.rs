use std::any::{Any, TypeId};
use std::rc::Rc;

use crate::{Address, Clock, Producer, ProducerKind, ProducerRegistered, Reason, Seat, Turn};

/// What a kind of transport supplies: how bytes are sent, how it closes, who it talks to.
///
/// Written by the implementer of a transport, never called by an application: what a protocol holds
/// is a [`TransportRef`](crate::TransportRef), which checks every call before it passes it on. So
/// an implementation may rely on this: nothing is written after the close (but by a registered
/// producer), no empty writes come, each close comes once, and nothing is called once it has said
/// [`Seat::lost`].
///
/// In return, no method here may call a protocol. It changes state, and asks for a
/// [`flush`](Turn::flush) or a [`turn`](Turn::turn) by way of its seat; in the turn it calls
/// [`Seat::settle`], which calls the protocol.
///
/// Most implementers want less than this: a byte stream of the operating system is a wire for the
/// reactor's own stream, and something that sits on another transport is a [`Layer`](crate::Layer).
pub trait Channel: Turn + 'static {
    /// Who listens.
    fn seat(&self) -> &Seat;

    /// Takes `data` to be sent at the next flush. Outside a callback of its own seat it asks for
    /// one ([`Seat::wants_flush`]).
    fn write(&self, data: &[u8]);

    /// [`write`](Channel::write) for several pieces that are one unit: the output limit is looked
    /// at before the first of them.
    fn write_sequence(&self, data: &[&[u8]]);

    /// [`write`](Channel::write) for bytes of a layer above: they count against no output limit.
    fn write_control(&self, data: &[u8]);

    /// What a transport calls: [`write`](Channel::write), if there is anything to write and a write
    /// has any meaning now. To be overridden only by who knows that at a glance.
    #[doc(hidden)]
    #[inline]
    fn write_if_open(&self, data: &[u8]) {
        if !data.is_empty() && self.seat().takes_writes(|| self.has_producer()) {
            self.write(data);
        }
    }

    /// Closes in order, under a deadline, and then says [`Seat::lost`] with this reason, which is
    /// [`Reason::Done`] unless the close has a reason of its own.
    fn lose_connection(&self, reason: Reason);

    /// Sends what was written, under the deadline of a close, and then ends uncleanly: the peer
    /// sees that the connection broke. [`Seat::lost`] is said with this reason.
    fn fail_connection(&self, reason: Reason);

    /// Closes the write half in order, and then says [`Seat::write_connection_lost`].
    fn lose_write_connection(&self);

    /// Ends now: nothing waits any more, and [`Seat::lost`] is said with this reason.
    fn abort_connection(&self, reason: Reason);

    /// Makes `call` in a turn, once all that was written so far has been handed to the system.
    /// Calls are made in order, and dropped if the connection ends before.
    fn when_sent(&self, call: Box<dyn FnOnce()>);

    /// [`Seat::is_paused`] has changed: stop or go on reading.
    fn reading_changed(&self);

    /// See [`Transport::register_producer`](crate::Transport::register_producer).
    fn register_producer(
        &self,
        producer: Rc<dyn Producer>,
        kind: ProducerKind,
    ) -> Result<(), ProducerRegistered>;

    /// See [`Transport::unregister_producer`](crate::Transport::unregister_producer).
    fn unregister_producer(&self) -> Option<(Rc<dyn Producer>, ProducerKind)>;

    /// See [`Transport::has_producer`](crate::Transport::has_producer).
    fn has_producer(&self) -> bool;

    /// Whether what is below has been closed, so that nothing will be delivered any more. Never so
    /// at the bottom.
    fn has_finished(&self) -> bool {
        false
    }

    /// See [`Transport::peer`](crate::Transport::peer).
    fn peer(&self) -> Address;

    /// See [`Transport::host`](crate::Transport::host).
    fn host(&self) -> Address;

    /// The clock of the reactor it lives in.
    fn clock(&self) -> Clock;

    /// Bytes accepted and not yet handed to the system, here and below.
    fn buffered(&self) -> usize;

    /// See [`Transport::extension`](crate::Transport::extension).
    fn extension(&self, wanted: TypeId) -> Option<Rc<dyn Any>>;
}
