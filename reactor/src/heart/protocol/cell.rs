use std::any::Any;
use std::cell::{Cell, RefCell};
use std::sync::Arc;

use crate::heart::occupant::Event;
use crate::values::panic::{catch_panic, log_panic};
use crate::{DelayedCall, Protocol, TransportRef};

/// A protocol in the one place where all that refer to it find it. It is busy while one of them
/// calls it.
///
/// What is evil here: code from outside wants to call the protocol at any moment, also from inside
/// one of its own callbacks. Such a call waits, and is made as soon as the callback returns, under
/// the same borrow, before anything else is delivered. A call that such a call asks for waits until
/// the end of the pass, so that none of them can keep the loop.
pub(crate) struct ProtocolCell<P> {
    /// Whether it has heard `connection_made`: decides what it hears from a new seat.
    connected_before: Cell<bool>,
    /// Whether it has heard `connection_lost`.
    over: Cell<bool>,
    has_late: Cell<bool>,
    /// The calls that waited are being made now.
    makes_late: Cell<bool>,
    /// What a protocol needs that is called from outside. Most never are, and are spared it.
    link: Cell<Option<Box<Link<P>>>>,
    protocol: RefCell<P>,
}

struct Link<P> {
    /// Where it sits now, or sat last.
    transport: Option<TransportRef>,
    /// Calls that came while it was busy.
    late: Vec<LateCall<P>>,
    /// Timers that end with the connection.
    timers: Vec<DelayedCall>,
}

pub(crate) type LateCall<P> = Box<dyn FnOnce(&mut P, Option<&TransportRef>)>;

/// What became of a callback.
pub(crate) enum Dispatch {
    /// It was made.
    Done,
    /// It was made, and something follows from it. Here that is a panic with this message; in a
    /// seat it is anything that the callback changed there.
    NeedsAttention(Option<Box<Arc<str>>>),
    /// It was not made: a call from outside is running in the protocol.
    Deferred,
}

impl Dispatch {
    #[cold]
    pub(crate) fn panicked(message: Arc<str>) -> Self {
        Dispatch::NeedsAttention(Some(Box::new(message)))
    }
}

/// A [`ProtocolCell`] whatever the type of its protocol, as a seat sees it.
pub(crate) trait ErasedProtocol: Any {
    fn connected_before(&self) -> &Cell<bool>;
    /// The protocol has been put in a seat, where this is its transport. It notes it if code
    /// outside may call the protocol.
    fn attached(&self, transport: &TransportRef, is_shared: bool);
    /// Code outside may call the protocol from now on: it has to know its transport, which is this
    /// one unless it has been put on another one already.
    fn shared(&self, transport: &TransportRef);
    fn is_busy(&self) -> bool;
    fn tell(&self, event: Event<'_>, transport: &TransportRef) -> Dispatch;
    /// `data_received`: the one callback that comes all the time.
    fn deliver(&self, data: &[u8], transport: &TransportRef) -> Dispatch;
}

impl<P> ProtocolCell<P> {
    pub(crate) fn new(protocol: P) -> Self {
        ProtocolCell {
            connected_before: Cell::new(false),
            over: Cell::new(false),
            has_late: Cell::new(false),
            makes_late: Cell::new(false),
            link: Cell::new(None),
            protocol: RefCell::new(protocol),
        }
    }

    pub(crate) fn is_connected_before(&self) -> bool {
        self.connected_before.get()
    }

    /// Whether it has heard of the end of its connection.
    pub(crate) fn is_over(&self) -> bool {
        self.over.get()
    }

    /// Where it sits now, or sat last. None before it was connected.
    pub(crate) fn transport(&self) -> Option<TransportRef> {
        let link = self.link.take();
        let transport = link.as_ref().and_then(|link| link.transport.clone());
        self.link.set(link);
        transport
    }

    /// Calls the protocol from outside its seat; none, and no call, if it is busy.
    pub(crate) fn try_call<R>(
        &self,
        call: impl FnOnce(&mut P, Option<&TransportRef>) -> R,
    ) -> Option<R> {
        let transport = self.transport();
        let mut protocol = self.protocol.try_borrow_mut().ok()?;
        let result = call(&mut protocol, transport.as_ref());
        self.make_late_calls(&mut protocol, transport.as_ref());
        Some(result)
    }

    /// [`try_call`](ProtocolCell::try_call), where a panic costs the connection of this protocol and
    /// not that of the caller. Gives `call` back if the protocol is busy.
    pub(crate) fn call<C>(&self, call: C) -> Result<(), C>
    where
        C: FnOnce(&mut P, Option<&TransportRef>),
    {
        if self.protocol.try_borrow_mut().is_err() {
            return Err(call);
        }
        if let Err(message) = catch_panic(|| self.try_call(call)) {
            self.makes_late.set(false);
            self.panicked(&message);
        }
        Ok(())
    }

    /// Has `call` made when the protocol is free. Gives it back if the calls that waited are being
    /// made now: then it has to wait for the end of the pass.
    pub(crate) fn call_late(&self, call: LateCall<P>) -> Result<(), LateCall<P>> {
        if self.makes_late.get() {
            return Err(call);
        }
        self.link(|link| link.late.push(call));
        self.has_late.set(true);
        Ok(())
    }

    /// Keeps a timer that ends with the connection.
    pub(crate) fn keep_timer(&self, timer: DelayedCall) {
        self.link(|link| {
            if link.timers.len() == link.timers.capacity() {
                link.timers.retain(DelayedCall::active);
            }
            link.timers.push(timer);
        });
    }

    /// Looks at what only a protocol needs that is called from outside.
    fn link<R>(&self, look: impl FnOnce(&mut Link<P>) -> R) -> R {
        let mut link = self.link.take().unwrap_or_default();
        let result = look(&mut link);
        self.link.set(Some(link));
        result
    }

    #[inline]
    fn dispatch(&self, transport: &TransportRef, callback: impl FnOnce(&mut P)) -> Dispatch {
        let Ok(mut protocol) = self.protocol.try_borrow_mut() else {
            return Dispatch::Deferred;
        };
        let outcome = catch_panic(|| {
            callback(&mut protocol);
            if self.has_late.get() {
                self.make_late_calls(&mut protocol, Some(transport));
            }
        });
        match outcome {
            Ok(()) => Dispatch::Done,
            Err(message) => {
                self.makes_late.set(false);
                Dispatch::panicked(message)
            }
        }
    }

    /// Makes the calls that waited until now.
    #[cold]
    fn make_late_calls(&self, protocol: &mut P, transport: Option<&TransportRef>) {
        if !self.has_late.replace(false) {
            return;
        }
        // A callback may have moved the protocol to another transport.
        let present = self.transport();
        let transport = present.as_ref().or(transport);
        self.makes_late.set(true);
        for call in self.take(|link| &mut link.late) {
            call(protocol, transport);
        }
        self.makes_late.set(false);
    }

    fn panicked(&self, message: &Arc<str>) {
        match self
            .transport()
            .and_then(|transport| transport.of_seat().channel())
        {
            Some(channel) => channel.seat().panicked(message),
            None => log::error!("a call of a protocol that is not connected panicked: {message}"),
        }
    }

    /// The connection has ended: nothing waits for it.
    #[cold]
    fn end(&self) {
        self.over.set(true);
        for timer in self.take(|link| &mut link.timers) {
            log_panic("dropping a timer of a connection", || {
                timer.cancel();
            });
        }
    }

    /// Empties a list, if there is one.
    fn take<T>(&self, list: impl FnOnce(&mut Link<P>) -> &mut Vec<T>) -> Vec<T> {
        let mut link = self.link.take();
        let taken = link.as_deref_mut().map(|link| std::mem::take(list(link)));
        self.link.set(link);
        taken.unwrap_or_default()
    }
}

impl<P: Protocol> ErasedProtocol for ProtocolCell<P> {
    fn connected_before(&self) -> &Cell<bool> {
        &self.connected_before
    }

    fn attached(&self, transport: &TransportRef, is_shared: bool) {
        let link = self.link.take();
        let is_linked = link.is_some();
        self.link.set(link);
        if is_shared || is_linked {
            self.link(|link| link.transport = Some(transport.clone()));
        }
    }

    fn shared(&self, transport: &TransportRef) {
        self.link(|link| {
            link.transport.get_or_insert_with(|| transport.clone());
        });
    }

    fn is_busy(&self) -> bool {
        self.protocol.try_borrow_mut().is_err()
    }

    fn tell(&self, event: Event<'_>, transport: &TransportRef) -> Dispatch {
        if let Event::Lost(_) = event {
            self.end();
        }
        self.dispatch(transport, |protocol| match event {
            Event::Made => protocol.connection_made(transport),
            Event::Switched => protocol.transport_switched(transport),
            Event::HandshakeCompleted => protocol.handshake_completed(transport),
            Event::ReadLost => protocol.read_connection_lost(transport),
            Event::WriteLost => protocol.write_connection_lost(transport),
            Event::ShuttingDown => protocol.shutting_down(transport),
            Event::Lost(reason) => protocol.connection_lost(reason),
        })
    }

    #[inline]
    fn deliver(&self, data: &[u8], transport: &TransportRef) -> Dispatch {
        self.dispatch(transport, |protocol| {
            protocol.data_received(transport, data)
        })
    }
}

impl<P> Drop for ProtocolCell<P> {
    /// The protocol may panic when it is dropped: nothing else of the application may do so then.
    fn drop(&mut self) {
        self.end();
        for call in self.take(|link| &mut link.late) {
            log_panic("dropping a call of a protocol", || drop(call));
        }
    }
}

impl<P> Default for Link<P> {
    fn default() -> Self {
        Link {
            transport: None,
            late: Vec::new(),
            timers: Vec::new(),
        }
    }
}
