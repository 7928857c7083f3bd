use std::any::{Any, TypeId};
use std::rc::Rc;

use crate::{
    Address, Clock, ConnectionId, Producer, ProducerKind, ProducerRegistered, Reason, Seat,
    TransportRef,
};

/// The requests that go down: a transport, or a layer, implements what the protocol above it asks for.
///
/// An implementer of a transport writes it. An application never calls it: a protocol holds a
/// [`TransportRef`](crate::TransportRef), which checks each call before it passes it on. So an
/// implementation may rely on this: nothing is written after the close (except by a registered
/// producer), no empty writes come, each close comes once, and nothing is called after
/// [`Seat::lost`].
///
/// In return, no method here calls a protocol. A method changes state, and asks for a
/// [`flush`](Channel::flush) or a [`turn`](Channel::turn) through its seat. The turn calls the
/// protocol.
///
/// A channel is either a *bottom*, which speaks to the system, or a [`Layer`](crate::Layer), which
/// sits on another transport. Each method but `seat` has a default that passes the wish on to the
/// transport below, which the seat knows. A bottom has no transport below, so it overrides all of
/// them but `turn`, `flush` and `extension`. Most implementers want less than this: a byte stream
/// of the operating system is a wire for the reactor's own stream.
pub trait Channel: 'static {
    /// The seat of the protocol above.
    fn seat(&self) -> &Seat;

    /// Whether its methods may panic, as those of a layer of an application may. A panic then costs
    /// the connection of the channel, and not that of the code which calls the transport.
    #[doc(hidden)]
    fn may_panic() -> bool
    where
        Self: Sized,
    {
        true
    }

    /// Makes the callbacks that are due, and hands on what they wrote. Called once for each
    /// [`Seat::wants_turn`], and for a layer after each callback from below. Who overrides it does
    /// both, as the default does.
    fn turn(&self) {
        self.seat().settle();
        self.flush();
    }

    /// Hands on what was written. Calls neither a protocol nor a producer: what follows from it
    /// waits for a turn. Called for each [`Seat::wants_flush`] before the pass of the loop ends.
    fn flush(&self) {}

    /// Takes `data`, to be sent at the next flush. Outside a callback of its own seat it asks for
    /// one ([`Seat::wants_flush`]).
    fn write(&self, data: &[u8]) {
        self.seat().with_lower(|lower| lower.write(data));
    }

    /// [`write`](Channel::write) for several pieces that are one unit: the output limit is looked at
    /// before the first of them. A layer that passes writes on as they are can pass these on
    /// without the copy.
    fn write_sequence(&self, data: &[&[u8]]) {
        self.write(&data.concat());
    }

    /// [`write`](Channel::write) for bytes of a layer above: they count against no output limit, and
    /// keep their place in the order. A layer that holds back more than a flush passes on puts them
    /// into its queue.
    fn write_control(&self, data: &[u8]) {
        self.flush();
        self.seat().with_lower(|lower| lower.write_control(data));
    }

    /// What a transport calls: [`write`](Channel::write), if there are bytes and a write has any
    /// meaning now. A channel overrides it only if it can tell that at a glance.
    #[doc(hidden)]
    #[inline]
    fn write_if_open(&self, data: &[u8]) {
        if !data.is_empty() && self.seat().takes_writes(|| self.has_producer()) {
            self.write(data);
        }
    }

    /// Closes in order, under a deadline, and then says [`Seat::lost`] with this reason, which is
    /// [`Reason::Done`] unless the close has a reason of its own.
    fn lose_connection(&self, reason: Reason) {
        self.seat()
            .with_lower(|lower| lower.lose_connection_because(reason));
    }

    /// Sends what was written, under the deadline of a close, and then ends uncleanly: the peer
    /// sees that the connection broke. [`Seat::lost`] is said with this reason.
    fn fail_connection(&self, reason: Reason) {
        self.flush();
        self.seat()
            .with_lower(|lower| lower.fail_connection(reason));
    }

    /// Closes the write half in order, and then says [`Seat::write_connection_lost`].
    fn lose_write_connection(&self) {
        self.seat()
            .with_lower(|lower| lower.lose_write_connection());
    }

    /// Ends now, without waiting, and [`Seat::lost`] is said with this reason.
    fn abort_connection(&self, reason: Reason) {
        self.seat().fail(reason);
        self.seat().with_lower(|lower| lower.abort_connection());
    }

    /// Makes `call` in a turn, once all that was written so far has been handed to the system. Calls
    /// are made in order, and dropped if the connection ends before. A layer that holds back more
    /// than a flush passes on keeps the call until that has gone.
    fn when_sent(&self, call: Box<dyn FnOnce()>) {
        self.flush();
        self.seat().with_lower(|lower| lower.when_sent(call));
    }

    /// [`Seat::is_paused`] has changed: stop reading, or go on.
    fn reading_changed(&self) {
        self.seat().pass_on_reading();
    }

    /// See [`Transport::register_producer`](crate::Transport::register_producer).
    fn register_producer(
        &self,
        producer: Rc<dyn Producer>,
        kind: ProducerKind,
    ) -> Result<(), ProducerRegistered> {
        self.seat()
            .with_lower(|lower| lower.register_producer(producer, kind))
            .unwrap_or(Ok(()))
    }

    /// See [`Transport::unregister_producer`](crate::Transport::unregister_producer).
    fn unregister_producer(&self) -> Option<(Rc<dyn Producer>, ProducerKind)> {
        self.seat()
            .with_lower(|lower| lower.unregister_producer())?
    }

    /// See [`Transport::has_producer`](crate::Transport::has_producer).
    fn has_producer(&self) -> bool {
        self.seat().with_lower(|lower| lower.has_producer()) == Some(true)
    }

    /// See [`Transport::waits_for_producer`](crate::Transport::waits_for_producer).
    fn waits_for_producer(&self) -> bool {
        self.seat().with_lower(|lower| lower.waits_for_producer()) == Some(true)
    }

    /// See [`Transport::peer`](crate::Transport::peer).
    fn peer(&self) -> Address {
        self.seat()
            .with_lower(|lower| lower.peer())
            .unwrap_or(Address::Unknown)
    }

    /// See [`Transport::connection_id`](crate::Transport::connection_id).
    fn connection_id(&self) -> Option<ConnectionId> {
        self.seat().with_lower(|lower| lower.connection_id())?
    }

    /// See [`Transport::host`](crate::Transport::host).
    fn host(&self) -> Address {
        self.seat()
            .with_lower(|lower| lower.host())
            .unwrap_or(Address::Unknown)
    }

    /// The clock of the reactor that this connection lives in.
    fn clock(&self) -> Clock {
        self.seat()
            .with_lower(|lower| lower.clock())
            .unwrap_or_else(Clock::new)
    }

    /// See [`Transport::is_draining`](crate::Transport::is_draining).
    fn is_draining(&self) -> bool {
        self.seat().with_lower(|lower| lower.is_draining()) == Some(true)
    }

    /// Bytes that were accepted and not yet handed to the system, here and below.
    fn buffered(&self) -> usize {
        self.seat()
            .with_lower(|lower| lower.buffered())
            .unwrap_or(0)
    }

    /// See [`Transport::unacknowledged`](crate::Transport::unacknowledged). The default counts what
    /// this layer holds itself, by [`buffered`](Channel::buffered).
    fn unacknowledged(&self) -> usize {
        let ask = |lower: &TransportRef| (lower.buffered(), lower.unacknowledged());
        let (buffered, unacknowledged) = self.seat().with_lower(ask).unwrap_or_default();
        self.buffered().saturating_sub(buffered) + unacknowledged
    }

    /// The most bytes that may be given back with [`unread`](crate::Transport::unread) and not be
    /// delivered yet: see [`StreamSettings::unread_limit`](crate::StreamSettings::unread_limit).
    fn unread_limit(&self) -> usize {
        self.seat()
            .with_lower(|lower| lower.of_seat().unread_limit())
            .unwrap_or(usize::MAX)
    }

    /// This channel's own offer to the protocols above it, if it is of the type wanted. The
    /// transport asks the channels below by itself: see
    /// [`Transport::extension`](crate::Transport::extension).
    #[allow(unused_variables, reason = "the name is documentation")]
    fn extension(&self, wanted: TypeId) -> Option<Rc<dyn Any>> {
        None
    }
}
