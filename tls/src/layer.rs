mod deadline;
mod ending;
mod keys;
mod paced;
mod producer;
mod reading;
mod state;
mod writing;

use std::any::{Any, TypeId};
use std::cell::{OnceCell, RefCell};
use std::fmt;
use std::rc::{Rc, Weak};
use std::sync::Arc;

use retwist_reactor::{
    Channel, Layer, Producer, ProducerKind, ProducerRegistered, ProtocolRef, Reason, Seat,
    TransportRef,
};

use self::deadline::Deadline;
pub use self::keys::ChannelBinding;
use self::paced::Paced;
use self::producer::Registered;
use self::state::{Facts, Phase, State};
use crate::buffers::Plaintext;
use crate::ending::LastEnding;
use crate::exporter::Exporter;
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
/// # mod retwist { pub use retwist_reactor::*; pub use retwist_tls as tls; }
/// use retwist::{Channel, Layer, Protocol, TransportRef};
/// use retwist::tls::{TlsRole, TlsTransport};
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
    me: Weak<TlsTransport>,
    seat: Seat,
    state: State,
    /// Borrowed while it delivers. What is called from above meanwhile touches the other fields
    /// only.
    session: RefCell<Result<Session, TlsError>>,
    /// Plaintext from above, until the callback returns, the pass ends, or the handshake does.
    queue: RefCell<Plaintext>,
    /// Calls that wait until the queue has been sealed, and then, below, until it has been sent.
    calls: RefCell<Option<Box<Calls>>>,
    info: OnceCell<Rc<TlsInfo>>,
    exporter: OnceCell<Box<Exporter>>,
    /// The producer that is registered below.
    paced: RefCell<Option<Rc<Paced>>>,
    /// A producer that waits for the handshake.
    held: RefCell<Option<Box<Registered>>>,
    deadline: Deadline,
    bounds: Arc<Bounds>,
    last_ending: Option<Rc<LastEnding>>,
}

/// In a box, as all that few connections need: an idle one pays for its pointer alone.
#[derive(Default)]
struct Calls(Vec<Box<dyn FnOnce()>>);

impl TlsTransport {
    /// TLS under `protocol`, not yet on any transport: see [`Layer`].
    pub fn new(role: TlsRole, protocol: impl Into<ProtocolRef>) -> Rc<Self> {
        Self::reporting(&role, protocol.into(), None)
    }

    /// Returns what the innermost TLS on `transport` has agreed on with its peer, whatever layers are in
    /// between. `None` without TLS, and before its handshake is over: so this also answers whether
    /// the connection is protected, and the peer verified.
    pub fn of(transport: &TransportRef) -> Option<Rc<TlsInfo>> {
        Self::innermost(transport)?.info.get().cloned()
    }

    fn innermost(transport: &TransportRef) -> Option<Rc<Self>> {
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
            state: State::new(),
            session: RefCell::new(Session::new(&role.side)),
            queue: RefCell::default(),
            calls: RefCell::default(),
            info: OnceCell::new(),
            exporter: OnceCell::new(),
            paced: RefCell::default(),
            held: RefCell::default(),
            deadline: Deadline::default(),
            bounds: role.bounds.clone(),
            last_ending,
        })
    }

    /// Why the role cannot be used.
    pub(crate) fn fault(&self) -> Option<TlsError> {
        self.session.borrow().as_ref().err().cloned()
    }

    /// The innermost TLS on `transport` is to be left; with `clear_ends`, also if the peer goes on
    /// in clear without close_notify.
    pub(crate) fn stop(transport: &TransportRef, clear_ends: bool) -> Result<(), TlsError> {
        let tls = Self::innermost(transport)
            .filter(|tls| transport.is_connected() && tls.state.leave())
            .ok_or(TlsError::NotTls)?;
        if clear_ends {
            tls.state.set(Facts::CLEAR_ENDS);
        }
        tls.wants_flush();
        Ok(())
    }
}

impl Channel for TlsTransport {
    fn seat(&self) -> &Seat {
        &self.seat
    }

    fn write(&self, data: &[u8]) {
        if !self.write_small(data) {
            self.write_unit(&[data]);
        }
    }

    fn write_sequence(&self, data: &[&[u8]]) {
        self.write_unit(data);
    }

    fn write_control(&self, data: &[u8]) {
        self.write_own(data);
    }

    fn when_sent(&self, call: Box<dyn FnOnce()>) {
        self.call_when_sent(call);
    }

    fn lose_connection(&self, reason: Reason) {
        self.seat.note_close(reason);
        self.state.close();
        self.wants_flush();
    }

    fn fail_connection(&self, reason: Reason) {
        self.seat.fail(reason);
        self.state.fail();
        self.wants_flush();
    }

    fn lose_write_connection(&self) {
        self.state.set(Facts::HALF_CLOSE);
        self.wants_flush();
    }

    fn abort_connection(&self, reason: Reason) {
        self.abort(reason);
    }

    /// A handshake waits for no pause. Behind the peer's close_notify nothing more is read
    /// here.
    fn reading_changed(&self) {
        let reads = matches!(
            self.state.phase(),
            Phase::Open | Phase::Closing | Phase::Leaving | Phase::Failing
        );
        if reads && !self.state.is(Facts::PEER_CLOSED) {
            self.seat.pass_on_reading();
        } else {
            self.wants_flush();
        }
    }

    fn register_producer(
        &self,
        producer: Rc<dyn Producer>,
        kind: ProducerKind,
    ) -> Result<(), ProducerRegistered> {
        self.register(producer, kind)
    }

    fn unregister_producer(&self) -> Option<(Rc<dyn Producer>, ProducerKind)> {
        self.unregister()
    }

    fn has_producer(&self) -> bool {
        self.has_any_producer()
    }

    fn waits_for_producer(&self) -> bool {
        self.would_wait()
    }

    fn buffered(&self) -> usize {
        let below = self.seat.with_lower(|lower| lower.buffered()).unwrap_or(0);
        self.queue.borrow().len() + below
    }

    fn extension(&self, wanted: TypeId) -> Option<Rc<dyn Any>> {
        if wanted != TypeId::of::<Self>() {
            return None;
        }
        self.me.upgrade().map(|tls| tls as Rc<dyn Any>)
    }

    #[inline]
    fn flush(&self) {
        let quiet = self.state.is_plain() || self.state.is_quiet();
        if !quiet || !self.queue.borrow().is_empty() {
            self.bring_forward();
        }
    }
}

impl Layer for TlsTransport {
    fn connection_made(&self) {
        self.begin();
    }

    fn data_received(&self, data: &mut [u8]) {
        self.decrypt(data);
    }

    fn data_discarded(&self, data: &[u8]) {
        self.look_for_alert(data);
    }

    /// A layer below has negotiated; what the protocol above waits for is this one.
    fn handshake_completed(&self) {}

    fn read_connection_lost(&self) {
        self.input_ended();
    }

    fn write_connection_lost(&self) {}

    fn connection_lost(&self, reason: &Reason) {
        self.lost(reason);
    }
}

impl fmt::Debug for TlsTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsTransport")
            .field("info", &self.info.get())
            .field("state", &self.state)
            .field("queued", &self.queue.borrow().len())
            .finish_non_exhaustive()
    }
}
