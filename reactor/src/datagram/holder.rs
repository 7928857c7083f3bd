use std::any::Any;
use std::fmt;
use std::rc::{Rc, Weak};

use crate::heart::held::{Bears, Held};
use crate::{Address, Clock, DatagramProtocol, DatagramTransport, Reason, SendFailure};

/// A datagram protocol as its port calls it, whatever its type.
pub(crate) trait HeldDatagram: Any {
    fn start(&self, transport: &DatagramTransport);
    fn received(&self, transport: &DatagramTransport, data: &[u8], from: &Address);
    fn cut(&self, transport: &DatagramTransport, start: &[u8], from: &Address);
    fn refused(&self, transport: &DatagramTransport);
    fn send_failed(&self, transport: &DatagramTransport, failure: &SendFailure);
    fn can_send_again(&self, transport: &DatagramTransport);
    fn shutting_down(&self, transport: &DatagramTransport);
    fn stop(&self, reason: &Reason);
    /// Whether the protocol is being called just now.
    fn is_busy(&self) -> bool;
}

impl Bears for DatagramTransport {
    fn clock(&self) -> Clock {
        DatagramTransport::clock(self)
    }

    fn bear(&self, call: impl FnOnce()) {
        self.guard(call);
    }
}

impl<P: DatagramProtocol> HeldDatagram for Held<P> {
    fn start(&self, transport: &DatagramTransport) {
        self.try_call(|protocol| protocol.start_protocol(transport));
    }

    fn received(&self, transport: &DatagramTransport, data: &[u8], from: &Address) {
        self.try_call(|protocol| protocol.datagram_received(transport, data, from));
    }

    fn cut(&self, transport: &DatagramTransport, start: &[u8], from: &Address) {
        self.try_call(|protocol| protocol.datagram_cut(transport, start, from));
    }

    fn refused(&self, transport: &DatagramTransport) {
        self.try_call(|protocol| protocol.connection_refused(transport));
    }

    fn send_failed(&self, transport: &DatagramTransport, failure: &SendFailure) {
        self.try_call(|protocol| protocol.send_failed(transport, failure));
    }

    fn can_send_again(&self, transport: &DatagramTransport) {
        self.try_call(|protocol| protocol.can_send_again(transport));
    }

    fn shutting_down(&self, transport: &DatagramTransport) {
        self.try_call(|protocol| protocol.shutting_down(transport));
    }

    fn stop(&self, reason: &Reason) {
        self.try_call(|protocol| protocol.stop_protocol(reason));
    }

    fn is_busy(&self) -> bool {
        Held::is_busy(self)
    }
}

/// A datagram protocol whose type is forgotten; what `listen_udp` takes. Made from any
/// [`DatagramProtocol`] with `into()`. Clones are the same protocol.
#[derive(Clone)]
pub struct DatagramProtocolRef(pub(crate) Rc<dyn HeldDatagram>);

/// A datagram protocol that can be called from elsewhere: its owner's hold on it.
///
/// ```
/// # use retwist_reactor as retwist;
/// use retwist::{Address, DatagramProtocol, DatagramProtocolHandle, DatagramTransport};
///
/// #[derive(Default)]
/// struct Counter { datagrams: usize }
///
/// impl DatagramProtocol for Counter {
///     fn datagram_received(&mut self, _: &DatagramTransport, _: &[u8], _: &Address) {
///         self.datagrams += 1;
///     }
/// }
///
/// let counter = DatagramProtocolHandle::new(Counter::default());
/// assert_eq!(counter.try_call(|counter| counter.datagrams), Some(0));
/// ```
pub struct DatagramProtocolHandle<P>(Rc<Held<P>>);

impl<P: DatagramProtocol> DatagramProtocolHandle<P> {
    /// Takes the protocol into a shared place.
    pub fn new(protocol: P) -> Self {
        DatagramProtocolHandle(Rc::new(Held::new(protocol)))
    }

    /// Calls `call` with the protocol now, and returns what it returns; None, and no call, while the
    /// protocol is in a callback.
    pub fn try_call<R>(&self, call: impl FnOnce(&mut P) -> R) -> Option<R> {
        self.0.try_call(call)
    }
}

impl<P: DatagramProtocol> From<P> for DatagramProtocolRef {
    fn from(protocol: P) -> Self {
        DatagramProtocolHandle::new(protocol).into()
    }
}

impl<P: DatagramProtocol> From<DatagramProtocolHandle<P>> for DatagramProtocolRef {
    fn from(handle: DatagramProtocolHandle<P>) -> Self {
        DatagramProtocolRef(handle.0)
    }
}

impl<P: DatagramProtocol> From<&DatagramProtocolHandle<P>> for DatagramProtocolRef {
    fn from(handle: &DatagramProtocolHandle<P>) -> Self {
        handle.clone().into()
    }
}

impl<P> Clone for DatagramProtocolHandle<P> {
    fn clone(&self) -> Self {
        DatagramProtocolHandle(self.0.clone())
    }
}

impl fmt::Debug for DatagramProtocolRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DatagramProtocolRef")
            .field("busy", &self.0.is_busy())
            .finish_non_exhaustive()
    }
}

impl<P> fmt::Debug for DatagramProtocolHandle<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DatagramProtocolHandle")
            .finish_non_exhaustive()
    }
}

/// A protocol's name for itself: [`DatagramTransport::me`]. It may be kept anywhere, by the protocol
/// too, and keeps nothing alive.
pub struct WeakDatagramProtocol<P> {
    holder: Weak<Held<P>>,
    transport: DatagramTransport,
}

impl<P: DatagramProtocol> WeakDatagramProtocol<P> {
    pub(crate) fn new(held: Option<Rc<dyn HeldDatagram>>, transport: DatagramTransport) -> Self {
        let holder = held.and_then(|held| {
            let held: Rc<dyn Any> = held;
            held.downcast::<Held<P>>().ok()
        });
        WeakDatagramProtocol {
            holder: holder.map_or_else(Weak::new, |holder| Rc::downgrade(&holder)),
            transport,
        }
    }

    /// Calls `call` with the protocol and its transport: now; or, while the protocol is in a
    /// callback, when that returns and before the next one. Nothing happens unless the protocol has
    /// been started and not stopped. A panic in it closes the port, as that of a callback does.
    pub fn call(&self, call: impl FnOnce(&mut P, &DatagramTransport) + 'static) {
        let Some(holder) = self.holder.upgrade() else {
            return;
        };
        let transport = self.transport.clone();
        let call = move |protocol: &mut P| {
            if transport.is_started() {
                call(protocol, &transport);
            }
        };
        self.transport
            .bear(|| holder.call_now_or_late(&self.transport, call));
    }

    /// Asks the protocol now and returns the answer; None while it is in a callback, and when it has
    /// been stopped.
    pub fn ask<R>(&self, question: impl FnOnce(&mut P, &DatagramTransport) -> R) -> Option<R> {
        let holder = self.holder.upgrade()?;
        if !self.transport.is_started() {
            return None;
        }
        let mut answer = None;
        self.transport.bear(|| {
            answer = holder.try_call(|protocol| question(protocol, &self.transport));
        });
        answer
    }
}

impl<P> Clone for WeakDatagramProtocol<P> {
    fn clone(&self) -> Self {
        WeakDatagramProtocol {
            holder: self.holder.clone(),
            transport: self.transport.clone(),
        }
    }
}

impl<P> fmt::Debug for WeakDatagramProtocol<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakDatagramProtocol")
            .field("alive", &(self.holder.strong_count() > 0))
            .finish_non_exhaustive()
    }
}
