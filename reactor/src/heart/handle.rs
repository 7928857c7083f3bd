use std::any::{Any, TypeId};
use std::cell::Cell;
use std::fmt;
use std::rc::{Rc, Weak};

use crate::heart::channel::Channel;
use crate::values::panic::{catch_panic, log_panic};
use crate::{
    Address, Clock, ConnectionId, Producer, ProducerKind, ProducerRegistered, ProtocolRef, Reading,
    Reason, Transport, TransportRef,
};

/// The transport that a protocol holds: a weak hold on a channel, good for one seating.
///
/// What holds on every kind of transport (a revoked handle is deaf, a closed transport takes
/// nothing more, a close comes once) is checked here, once, before the channel hears of it.
pub(crate) struct Handle<C> {
    channel: Weak<C>,
    seating: Cell<Seating>,
    /// Noted here by the seat, since it is asked before each unit of a delivery.
    reading: Reading,
}

/// Whether the protocol that a handle was given to still sits in the seat.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Seating {
    Current,
    /// Switched out in a callback that is still running: what that protocol did not use may still
    /// be given back.
    Leaving,
    Revoked,
}

/// A handle, whatever its channel, as the seat that it was made for sees it. Code outside cannot name
/// this, and so [`Handle`] stays the only transport.
pub trait SeatHandle {
    fn channel(&self) -> Option<Rc<dyn Channel>>;
    /// A handle on the same channel, for the protocol that sits there next.
    fn for_next(&self) -> TransportRef;
    /// The protocol that this handle was given to; `None` if it sits there no more.
    fn own_protocol(&self) -> Option<ProtocolRef>;
    /// The channel, whatever its type.
    fn weak_channel(&self) -> Weak<dyn Any>;
    /// See [`Channel::unread_limit`].
    fn unread_limit(&self) -> usize;
    /// Whether a write through this handle would be taken.
    fn takes_writes(&self) -> bool;
    /// Whether more may be delivered, as long as its protocol sits there.
    fn set_reading(&self, reading: bool);
    /// Its protocol has been switched out, in a callback that is still running.
    fn leave(&self);
    /// Its protocol has been switched out.
    fn revoke(&self);
}

impl<C: Channel> SeatHandle for Handle<C> {
    fn channel(&self) -> Option<Rc<dyn Channel>> {
        self.channel.upgrade().map(|channel| channel as Rc<_>)
    }

    fn for_next(&self) -> TransportRef {
        TransportRef::new(Handle::new(self.channel.clone()))
    }

    fn own_protocol(&self) -> Option<ProtocolRef> {
        let channel = self.channel.upgrade()?;
        let seat = channel.seat();
        let (occupant, transport) = match self.seating.get() {
            Seating::Current => seat.share()?,
            Seating::Leaving => seat.share_leaving()?,
            Seating::Revoked => return None,
        };
        occupant.shared(&transport);
        Some(ProtocolRef(occupant))
    }

    fn weak_channel(&self) -> Weak<dyn Any> {
        self.channel.clone()
    }

    fn unread_limit(&self) -> usize {
        self.ask(|channel| channel.unread_limit()).unwrap_or(0)
    }

    fn takes_writes(&self) -> bool {
        self.seating.get() == Seating::Current
            && self.ask(|channel| channel.seat().takes_writes(|| channel.has_producer()))
                == Some(true)
    }

    fn set_reading(&self, reading: bool) {
        self.reading.set(reading);
    }

    fn leave(&self) {
        self.seating.set(Seating::Leaving);
        self.reading.set(false);
    }

    fn revoke(&self) {
        self.seating.set(Seating::Revoked);
        self.reading.set(false);
    }
}

impl<C: Channel> Handle<C> {
    pub(crate) fn new(channel: Weak<C>) -> Rc<Self> {
        Rc::new(Handle {
            channel,
            seating: Cell::new(Seating::Current),
            reading: Reading::new(),
        })
    }

    /// The channel, if this handle may change anything there.
    #[inline]
    fn current(&self, wish: &str) -> Option<Rc<C>> {
        if self.seating.get() != Seating::Current {
            refuse(wish, &self.channel);
            return None;
        }
        self.channel.upgrade()
    }

    /// The same, if the connection has not ended.
    fn live(&self, wish: &str) -> Option<Rc<C>> {
        self.current(wish)
            .filter(|channel| !channel.seat().is_lost())
    }

    /// What the channel answers; `None` if it has gone, or panics.
    fn ask<R>(&self, question: impl FnOnce(&C) -> R) -> Option<R> {
        guard(&*self.channel.upgrade()?, question)
    }
}

/// Calls a method of the channel. That of a layer is code of an application, and the caller may have
/// nothing to do with its connection: a panic costs the layer's connection alone.
#[inline(always)]
fn guard<C: Channel, R>(channel: &C, method: impl FnOnce(&C) -> R) -> Option<R> {
    if !C::may_panic() {
        return Some(method(channel));
    }
    match catch_panic(|| method(channel)) {
        Ok(answer) => Some(answer),
        Err(message) => {
            channel.seat().panicked(&message);
            None
        }
    }
}

#[cold]
#[inline(never)]
fn refuse<C: Channel>(wish: &str, channel: &Weak<C>) {
    let channel = channel.upgrade();
    let id = channel.and_then(|channel| guard(&*channel, C::connection_id)?);
    let of = id.map_or(String::new(), |id| format!(" of connection {id}"));
    log::warn!(
        "{wish} through a revoked transport{of} was ignored: another protocol sits there now; keep the transport that \
         connection_made and transport_switched hand over"
    );
}

impl<C: Channel> Transport for Handle<C> {
    #[inline]
    fn seat_handle(&self) -> &dyn SeatHandle {
        self
    }

    fn write(&self, data: &[u8]) {
        if let Some(channel) = self.current("write") {
            guard(&*channel, |channel| channel.write_if_open(data));
        }
    }

    fn write_sequence(&self, data: &[&[u8]]) {
        if let Some(channel) = self.current("write_sequence")
            && data.iter().any(|piece| !piece.is_empty())
        {
            guard(&*channel, |channel| {
                if channel.seat().takes_writes(|| channel.has_producer()) {
                    channel.write_sequence(data);
                }
            });
        }
    }

    fn write_control(&self, data: &[u8]) {
        if let Some(channel) = self.current("write_control")
            && !data.is_empty()
        {
            guard(&*channel, |channel| {
                if channel.seat().takes_writes(|| channel.has_producer()) {
                    channel.write_control(data);
                }
            });
        }
    }

    fn lose_connection(&self) {
        self.lose_connection_because(Reason::Done);
    }

    fn lose_connection_because(&self, reason: Reason) {
        if let Some(channel) = self.live("lose_connection")
            && channel.seat().begin_close()
        {
            guard(&*channel, |channel| channel.lose_connection(reason));
        }
    }

    fn fail_connection(&self, reason: Reason) {
        if let Some(channel) = self.live("fail_connection") {
            channel.seat().begin_close();
            guard(&*channel, |channel| channel.fail_connection(reason));
        }
    }

    fn when_sent(&self, call: Box<dyn FnOnce()>) {
        if let Some(channel) = self.live("when_sent") {
            guard(&*channel, |channel| channel.when_sent(call));
        }
    }

    fn lose_write_connection(&self) {
        if let Some(channel) = self.live("lose_write_connection")
            && channel.seat().begin_close_write()
        {
            guard(&*channel, |channel| channel.lose_write_connection());
        }
    }

    fn abort_connection(&self) {
        if let Some(channel) = self.live("abort_connection") {
            channel.seat().begin_close();
            guard(&*channel, |channel| {
                channel.abort_connection(Reason::Aborted)
            });
        }
    }

    fn unread(&self, data: &[u8]) {
        let channel = match self.seating.get() {
            Seating::Leaving => self.channel.upgrade(),
            _ => self.live("unread"),
        };
        if let Some(channel) = channel {
            guard(&*channel, |channel| channel.seat().unread(data, channel));
        }
    }

    fn reading(&self) -> &Reading {
        &self.reading
    }

    fn register_producer(
        &self,
        producer: Rc<dyn Producer>,
        kind: ProducerKind,
    ) -> Result<(), ProducerRegistered> {
        match self.live("register_producer") {
            Some(channel) => {
                let register = |channel: &C| channel.register_producer(producer, kind);
                guard(&*channel, register).unwrap_or(Ok(()))
            }
            None => {
                log_panic("stop_producing", || producer.stop_producing());
                Ok(())
            }
        }
    }

    fn unregister_producer(&self) -> Option<(Rc<dyn Producer>, ProducerKind)> {
        let channel = self.live("unregister_producer")?;
        guard(&*channel, |channel| channel.unregister_producer())?
    }

    fn has_producer(&self) -> bool {
        self.ask(|channel| channel.has_producer()) == Some(true)
    }

    fn waits_for_producer(&self) -> bool {
        self.ask(|channel| channel.waits_for_producer()) == Some(true)
    }

    fn protocol(&self) -> Option<ProtocolRef> {
        let (occupant, transport) = self.ask(|channel| channel.seat().share())??;
        occupant.shared(&transport);
        Some(ProtocolRef(occupant))
    }

    fn switch_protocol(&self, next: ProtocolRef) -> ProtocolRef {
        match self.live("switch_protocol") {
            Some(channel) => channel.seat().switch_protocol(next, &*channel),
            None => next,
        }
    }

    fn connection_id(&self) -> Option<ConnectionId> {
        self.ask(|channel| channel.connection_id())?
    }

    fn peer(&self) -> Address {
        self.ask(|channel| channel.peer())
            .unwrap_or(Address::Unknown)
    }

    fn host(&self) -> Address {
        self.ask(|channel| channel.host())
            .unwrap_or(Address::Unknown)
    }

    fn clock(&self) -> Clock {
        self.ask(|channel| channel.clock()).unwrap_or_else(|| {
            log::warn!("a transport that has gone was asked for its clock: nothing will be called by the one that it returns");
            Clock::new()
        })
    }

    fn is_draining(&self) -> bool {
        self.ask(|channel| channel.is_draining()) == Some(true)
    }

    fn buffered(&self) -> usize {
        self.ask(|channel| channel.buffered()).unwrap_or(0)
    }

    fn unacknowledged(&self) -> usize {
        self.ask(|channel| channel.unacknowledged()).unwrap_or(0)
    }

    fn is_connected(&self) -> bool {
        self.seating.get() == Seating::Current
            && self.ask(|channel| channel.seat().is_connected()) == Some(true)
    }

    fn extension(&self, wanted: TypeId) -> Option<Rc<dyn Any>> {
        self.ask(|channel| {
            let own = channel.extension(wanted);
            own.or_else(|| channel.seat().with_lower(|lower| lower.extension(wanted))?)
        })?
    }
}

impl<C: Channel> Producer for Handle<C> {
    fn resume_producing(&self) {
        if let Some(channel) = self.live("resume_producing") {
            guard(&*channel, |channel| {
                channel.seat().set_paused(false, channel)
            });
        }
    }

    fn pause_producing(&self) {
        if let Some(channel) = self.live("pause_producing") {
            guard(&*channel, |channel| {
                channel.seat().set_paused(true, channel)
            });
        }
    }

    fn stop_producing(&self) {
        self.lose_connection();
    }

    fn has_finished(&self) -> Option<bool> {
        let finished = |channel: &C| {
            let seat = channel.seat();
            seat.is_closing()
                || seat.is_lost()
                || seat.with_lower(|lower| lower.has_finished()).flatten() == Some(true)
        };
        let is_closed = self.ask(finished) != Some(false);
        is_closed.then_some(true)
    }
}

impl<C: Channel> fmt::Debug for Handle<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Transport")
            .field("id", &self.connection_id())
            .field("peer", &self.peer())
            .field("connected", &self.is_connected())
            .finish()
    }
}
