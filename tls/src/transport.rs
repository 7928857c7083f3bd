use std::any::{Any, TypeId};
use std::cell::{Cell, OnceCell, RefCell};
use std::fmt;
use std::rc::{Rc, Weak};

use retwist_reactor::{
    Channel, DelayedCall, Layer, Producer, ProducerKind, ProducerRegistered, ProtocolRef, Reason,
    Seat, TransportRef,
};

use crate::buffers::Plaintext;
use crate::ending::LastEnding;
use crate::paced::Paced;
use crate::role::Bounds;
use crate::session::Session;
use crate::{TlsError, TlsInfo, TlsRole};

/// TLS, as a layer: a protocol to the transport below, of whatever kind, and a transport to the
/// protocol above.
///
/// [`start_tls`](crate::start_tls) puts one under a protocol that goes on;
/// [`TlsFactory`](crate::TlsFactory) under every protocol of a port or connector. By hand, for a
/// protocol that takes over from here:
///
/// ```
/// use retwist_reactor::{Channel, Layer, Protocol, TransportRef};
/// use retwist_tls::{TlsRole, TlsTransport};
///
/// # struct Mail;
/// # impl Protocol for Mail {
/// #     fn data_received(&mut self, _: &TransportRef, _: &[u8]) {}
/// # }
/// fn go_on_with_tls(transport: &TransportRef, role: TlsRole) -> TransportRef {
///     let tls = TlsTransport::new(role, Mail);
///     transport.switch_protocol(tls.as_protocol());
///     tls.transport()
/// }
/// ```
///
/// The handshake starts in the turn that follows. A protocol that has not been connected before
/// hears `connection_made` once the peer is verified, then `handshake_completed`; one that has been
/// hears `transport_switched` at once, may write (it waits for the handshake), and hears
/// `handshake_completed` before the first bytes. A handshake that fails ends in `connection_lost`,
/// with a [`TlsError`] as the reason.
#[doc(alias = "TLSMemoryBIOProtocol")]
pub struct TlsTransport {
    pub(crate) me: Weak<TlsTransport>,
    pub(crate) seat: Seat,
    /// Borrowed while it delivers: whatever is called from above meanwhile touches the other fields
    /// only.
    pub(crate) session: RefCell<Result<Session, TlsError>>,
    /// Plaintext from above, until the turn ends or the handshake does.
    pub(crate) queue: RefCell<Plaintext>,
    /// Calls that wait until the queue has been sealed, and then, below, until it has been sent.
    pub(crate) calls: RefCell<Vec<Box<dyn FnOnce()>>>,
    pub(crate) info: OnceCell<Rc<TlsInfo>>,
    /// The producer that is registered below.
    pub(crate) paced: RefCell<Option<Rc<Paced>>>,
    /// A producer that waits for the handshake; after it, the transport below has it.
    pub(crate) held: RefCell<Option<(Rc<dyn Producer>, ProducerKind)>>,
    pub(crate) deadline: Cell<Option<DelayedCall>>,
    pub(crate) bounds: Bounds,
    pub(crate) last_ending: Option<Rc<LastEnding>>,
    state: Cell<u16>,
}

/// The handshake is not over.
pub(crate) const HANDSHAKING: u16 = 1 << 0;
/// The protocol above closes.
pub(crate) const CLOSE: u16 = 1 << 1;
/// The protocol above closes its write half.
pub(crate) const CLOSE_WRITE: u16 = 1 << 2;
/// The protocol above leaves TLS.
pub(crate) const LEAVE: u16 = 1 << 3;
/// It does so even if the peer goes on in clear without close_notify.
pub(crate) const CLEAR_ENDS: u16 = 1 << 4;
/// Our close_notify is sent.
pub(crate) const NOTIFIED: u16 = 1 << 5;
/// The peer's close_notify is here.
pub(crate) const PEER_CLOSED: u16 = 1 << 6;
/// The producer has finished; the transport below is to be told behind our close_notify.
pub(crate) const RELEASE: u16 = 1 << 7;
/// There is nothing left to do here: closed below, failed, or left.
pub(crate) const OVER: u16 = 1 << 8;
/// The half-close of the protocol above is on its way, and it is to be told when that has been
/// handed over.
pub(crate) const SENDING: u16 = 1 << 9;
/// The protocol above ends the connection uncleanly: no close_notify.
pub(crate) const FAIL: u16 = 1 << 10;

/// From this size on, what is written is encrypted from where it is.
const LARGE: usize = 1 << 14;
/// How much is encrypted at once: the records go to the transport below as one write.
pub(crate) const PIECE: usize = 4 << 14;

impl TlsTransport {
    /// TLS under `protocol`, not yet on any transport: see [`Layer`](retwist_reactor::Layer).
    pub fn new(role: TlsRole, protocol: impl Into<ProtocolRef>) -> Rc<Self> {
        Self::reporting(&role, protocol.into(), None)
    }

    /// What the innermost TLS on `transport` has agreed on with its peer, whatever layers are in
    /// between. None without TLS, and before its handshake is over: so this also answers whether
    /// the connection is protected, and the peer verified.
    pub fn of(transport: &TransportRef) -> Option<Rc<TlsInfo>> {
        Self::innermost(transport)?.info.get().cloned()
    }

    pub(crate) fn innermost(transport: &TransportRef) -> Option<Rc<Self>> {
        transport.extension(TypeId::of::<Self>())?.downcast().ok()
    }

    pub(crate) fn reporting(
        role: &TlsRole,
        protocol: ProtocolRef,
        last_ending: Option<Rc<LastEnding>>,
    ) -> Rc<Self> {
        Rc::new_cyclic(|me| TlsTransport {
            me: me.clone(),
            seat: Seat::new(me, protocol),
            session: RefCell::new(Session::new(&role.side)),
            queue: RefCell::default(),
            calls: RefCell::default(),
            info: OnceCell::new(),
            paced: RefCell::default(),
            held: RefCell::default(),
            deadline: Cell::default(),
            bounds: role.bounds,
            last_ending,
            state: Cell::new(HANDSHAKING),
        })
    }

    pub(crate) fn is(&self, any: u16) -> bool {
        self.state.get() & any != 0
    }

    pub(crate) fn set(&self, flags: u16) {
        self.state.set(self.state.get() | flags);
    }

    pub(crate) fn clear(&self, flags: u16) {
        self.state.set(self.state.get() & !flags);
    }

    /// Has [`flush`](Layer::flush) called: at the end of the pass, or when the callback that runs
    /// returns.
    pub(crate) fn wants_flush(&self) {
        let calling = self.seat.is_calling();
        if !calling && self.seat.with_lower(|_| ()).is_some() {
            self.seat.wants_flush();
        }
    }
}

impl Channel for TlsTransport {
    fn seat(&self) -> &Seat {
        &self.seat
    }

    fn write(&self, data: &[u8]) {
        self.write_sequence(&[data]);
    }

    fn write_sequence(&self, data: &[&[u8]]) {
        if self.is(LEAVE) {
            log::warn!(
                "what is written after stop_tls is dropped, until the protocol hears transport_switched"
            );
            return;
        }
        if self.is(OVER | NOTIFIED) {
            return;
        }
        if self.is(CLOSE | CLOSE_WRITE)
            && let Some(paced) = &*self.paced.borrow()
        {
            paced.written();
        }
        if let [data] = data
            && data.len() >= LARGE
            && self.write_through(data)
        {
            return;
        }
        if self.queue.borrow().len() >= self.bounds.output_limit {
            return self.abort_connection(Reason::OutputLimit(self.bounds.output_limit));
        }
        let waiting = {
            let mut queue = self.queue.borrow_mut();
            data.iter().for_each(|piece| queue.push(piece));
            queue.len()
        };
        // Now, so that the transport below can hold a producer back.
        if waiting >= PIECE && self.write_through(&[]) {
            return;
        }
        self.wants_flush();
    }

    fn write_control(&self, data: &[u8]) {
        if !self.is(OVER | NOTIFIED | LEAVE) {
            self.queue.borrow_mut().push_control(data);
            self.wants_flush();
        }
    }

    fn when_sent(&self, call: Box<dyn FnOnce()>) {
        if self.queue.borrow().is_empty() {
            self.seat.with_lower(|lower| lower.when_sent(call));
        } else {
            self.calls.borrow_mut().push(call);
        }
    }

    fn lose_connection(&self, reason: Reason) {
        self.seat.note_close(reason);
        self.set(CLOSE);
        self.wants_flush();
    }

    fn fail_connection(&self, reason: Reason) {
        self.seat.fail(reason);
        self.set(FAIL);
        self.wants_flush();
    }

    fn lose_write_connection(&self) {
        self.set(CLOSE_WRITE);
        self.wants_flush();
    }

    fn abort_connection(&self, reason: Reason) {
        self.abort(reason);
    }

    /// A handshake waits for nobody's pause. Behind the peer's close_notify nothing is read here
    /// any more.
    fn reading_changed(&self) {
        if self.is(OVER | HANDSHAKING | PEER_CLOSED) {
            return self.wants_flush();
        }
        self.seat.pass_on_reading();
    }

    fn register_producer(
        &self,
        producer: Rc<dyn Producer>,
        kind: ProducerKind,
    ) -> Result<(), ProducerRegistered> {
        if self.is(OVER) {
            producer.stop_producing();
            return Ok(());
        }
        if self.is(HANDSHAKING) {
            return match self.has_producer() {
                true => Err(ProducerRegistered),
                false => {
                    self.hold(producer, kind);
                    Ok(())
                }
            };
        }
        if self.is(RELEASE) {
            self.clear(RELEASE);
            self.take_producer();
        }
        self.register_below(producer, kind).unwrap_or(Ok(()))
    }

    fn unregister_producer(&self) -> Option<(Rc<dyn Producer>, ProducerKind)> {
        self.wants_flush();
        if self.is(HANDSHAKING) {
            return self.take_producer();
        }
        if self.is(CLOSE | CLOSE_WRITE) && !self.is(NOTIFIED) {
            // The close below waits for it, and must go on waiting until our close_notify is
            // written.
            self.set(RELEASE);
            return None;
        }
        self.take_producer()
    }

    fn waits_for_producer(&self) -> bool {
        if self.is(HANDSHAKING) {
            return self.held.borrow().is_some();
        }
        let paced = self.paced.borrow().clone();
        !self.is(RELEASE) && paced.is_some_and(|paced| paced.holds_close(paced.says()))
    }

    fn has_producer(&self) -> bool {
        self.held.borrow().is_some() || self.has_producer_below()
    }

    fn buffered(&self) -> usize {
        let below = self.seat.with_lower(|lower| lower.buffered()).unwrap_or(0);
        self.queue.borrow().len() + below
    }

    fn extension(&self, wanted: TypeId) -> Option<Rc<dyn Any>> {
        match wanted == TypeId::of::<Self>() {
            true => self.me.upgrade().map(|tls| tls as Rc<dyn Any>),
            false => None,
        }
    }

    fn flush(&self) {
        self.encrypt();
    }
}

impl Layer for TlsTransport {
    fn connection_made(&self) {
        self.begin();
    }

    fn data_received(&self, data: &mut [u8]) {
        self.decrypt(data);
    }

    /// A layer below has negotiated; what the protocol above waits for is this one.
    fn handshake_completed(&self) {}

    fn read_connection_lost(&self) {
        if self.is(OVER | PEER_CLOSED) {
            return;
        }
        if self.is(HANDSHAKING) {
            return self.fail(TlsError::ClosedInHandshake);
        }
        // What was written still goes out, as after any close. No producer is waited for: its
        // writes would keep the protocol from hearing that the peer has gone.
        self.stop_producer();
        self.seat.fail(Reason::failed(TlsError::Truncated));
        self.seat.transport().lose_connection();
    }

    fn write_connection_lost(&self) {}

    fn connection_lost(&self, reason: &Reason) {
        self.end(reason);
    }
}

impl fmt::Debug for TlsTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsTransport")
            .field("info", &self.info.get())
            .field("handshaking", &self.is(HANDSHAKING))
            .field("queued", &self.queue.borrow().len())
            .finish_non_exhaustive()
    }
}

impl Drop for TlsTransport {
    fn drop(&mut self) {
        self.forget_deadline();
    }
}
