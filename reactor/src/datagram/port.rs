use std::any::Any;
use std::cell::{Cell, OnceCell, RefCell};
#[cfg(unix)]
use std::io;
use std::rc::{Rc, Weak};
use std::sync::Arc;
use std::time::Duration;

use self::parked::Parked;
use super::failures::Failures;
use super::holder::HeldDatagram;
use super::queue::SpareQueues;
use super::transport::DatagramChannel;
use super::{Batch, DatagramQueue, DatagramWire, Opened, UdpOption};
use crate::heart::draining::Draining;
use crate::heart::port::Listening;
use crate::heart::turn::DatagramTurn;
#[cfg(unix)]
use crate::inherited::handed::Handed;
use crate::values::panic::{catch_panic, log_panic};
use crate::{
    Address, Clock, DatagramProtocolRef, DatagramTransport, DelayedCall, ListenError, PortStats,
    Reason, UdpError,
};

mod parked;
mod receive;
mod send;

/// A port of datagrams of any kind, and the protocol that it calls.
///
/// What is evil here: the protocol may close the port, pause it, and send, in every callback; a port
/// that was closed may be opened again before its protocol has heard of the close; and the system's
/// errors come late, in the wrong call, and must not be taken for what they are not about.
///
/// The states, and what leads from one to the next:
///
/// ```text
/// Closed   start            -> Open      start_protocol is owed
/// Open     stop             -> Closing   if datagrams wait for the system, else Closed
/// Closing  the last is sent -> Closed    stop_protocol is owed
///          the deadline     -> Closed    those that wait are told as failed, and stop_protocol is owed
/// any      abort, a panic   -> Closed    stop_protocol is owed
/// ```
///
/// Invariants: the protocol is called by [`turn`](DatagramTurn::turn) and
/// [`ready`](DatagramPort::ready) alone, and never while it is busy. It hears `start_protocol` and
/// `stop_protocol` in turn, as often as each other in the end. Nothing is received and nothing taken
/// to be sent but in `Open`.
pub(crate) struct DatagramPort<W: DatagramWire> {
    me: Weak<DatagramPort<W>>,
    pub(crate) wire: W,
    /// None only while the port is dropped.
    protocol: Option<DatagramProtocolRef>,
    transport: DatagramTransport,
    clock: Clock,
    commons: Rc<DatagramCommons>,
    settings: DatagramSettings,
    state: Cell<State>,
    addresses: RefCell<Opened>,
    /// The protocol has heard `start_protocol`, and `stop_protocol` not yet.
    started: Cell<bool>,
    paused: Cell<bool>,
    /// A turn is due, so that none need be asked for; a flush likewise.
    turn_due: Cell<bool>,
    flush_due: Cell<bool>,
    owed: RefCell<Owed>,
    /// The end of `Closing`.
    deadline: RefCell<Option<DelayedCall>>,
    /// What waits for the system; `None` if nothing does.
    output: RefCell<Option<Box<DatagramQueue>>>,
    /// What waits for receivers that are full; `None` if nothing does.
    parked: RefCell<Option<Box<Parked>>>,
    /// The system has not taken the front of `output`, and will say when to try again.
    blocked: Cell<bool>,
    /// Received, and kept since the protocol paused in the middle of a batch.
    held: RefCell<Option<Box<DatagramQueue>>>,
    /// How many datagrams the next receive asks for.
    expected: Cell<usize>,
}

/// What the datagram ports of one reactor share.
#[derive(Default)]
pub(crate) struct DatagramCommons {
    /// None until the first datagram arrives.
    batch: RefCell<Option<Batch>>,
    /// What the wires of one kind share.
    of_wires: OnceCell<Rc<dyn Any>>,
    spares: RefCell<SpareQueues>,
    draining: Draining,
}

impl DatagramCommons {
    /// Those of a reactor that drains when it says so.
    pub(crate) fn new(draining: Draining) -> Self {
        DatagramCommons {
            draining,
            ..DatagramCommons::default()
        }
    }

    pub(crate) fn draining(&self) -> &Draining {
        &self.draining
    }

    /// What the wires of one kind share, made when the first of them asks.
    pub(crate) fn of_wires<T: Default + 'static>(&self) -> Rc<T> {
        let shared = self.of_wires.get_or_init(|| Rc::new(T::default())).clone();
        shared.downcast().unwrap_or_default()
    }
}

/// The bounds of a port; see [`UdpListen`](crate::UdpListen), whose methods they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DatagramSettings {
    pub(crate) max_datagram: usize,
    pub(crate) datagrams_per_pass: usize,
    pub(crate) send_queue: usize,
    pub(crate) close_timeout: Duration,
}

impl Default for DatagramSettings {
    fn default() -> Self {
        DatagramSettings {
            max_datagram: 65_535,
            datagrams_per_pass: 64,
            send_queue: 256 * 1024,
            close_timeout: Duration::from_secs(2),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Closed,
    Open,
    /// Closed to the protocol; what it sent before is still being handed over.
    Closing,
}

/// What the protocol has to be told, in this order.
#[derive(Default)]
struct Owed {
    refused: bool,
    failures: Failures,
    /// Datagrams were dropped since the queue was full.
    overflowed: bool,
    shutting_down: bool,
    stopped: Option<Reason>,
}

impl<W: DatagramWire> DatagramPort<W> {
    /// A port that is still closed: [`Listening::start`] opens it.
    pub(crate) fn new(
        wire: W,
        protocol: DatagramProtocolRef,
        clock: Clock,
        commons: Rc<DatagramCommons>,
        settings: DatagramSettings,
        wanted: Address,
    ) -> Rc<Self> {
        Rc::new_cyclic(|me: &Weak<DatagramPort<W>>| DatagramPort {
            me: me.clone(),
            wire,
            protocol: Some(protocol),
            transport: DatagramTransport::new(me.clone()),
            clock,
            commons,
            settings,
            state: Cell::new(State::Closed),
            addresses: RefCell::new(Opened {
                host: wanted,
                peer: None,
            }),
            started: Cell::new(false),
            paused: Cell::new(false),
            turn_due: Cell::new(false),
            flush_due: Cell::new(false),
            owed: RefCell::default(),
            deadline: RefCell::new(None),
            output: RefCell::default(),
            parked: RefCell::default(),
            blocked: Cell::new(false),
            held: RefCell::default(),
            expected: Cell::new(receive::FEW),
        })
    }

    /// See [`DatagramWire::asked`].
    #[cfg(unix)]
    pub(crate) fn hand_over(&self) -> Option<io::Result<Handed>> {
        let asked = self.wire.asked()?;
        let copy = self.wire.duplicate()?;
        Some(Handed::of(asked, copy, self.wire.lock()))
    }

    pub(crate) fn transport(&self) -> &DatagramTransport {
        &self.transport
    }

    fn is_open(&self) -> bool {
        self.state.get() == State::Open
    }

    /// The reactor drains or ends: the protocol may close in order.
    pub(crate) fn shut_down(&self) {
        self.owed.borrow_mut().shutting_down = true;
        self.ask_for_turn();
    }

    /// Closes the port now. Harmless if it is closed.
    pub(crate) fn close(&self, reason: Reason) {
        if self.state.replace(State::Closed) == State::Closed {
            return;
        }
        if let Some(deadline) = self.deadline.take() {
            // Unless it is what closes the port.
            let _ = deadline.cancel();
        }
        self.wire.close();
        self.blocked.set(false);
        self.drop_output();
        self.held.take();
        let mut owed = self.owed.borrow_mut();
        owed.refused = false;
        owed.overflowed = false;
        owed.shutting_down = false;
        owed.stopped = Some(reason);
        drop(owed);
        self.ask_for_turn();
    }

    fn close_in_order(&self) {
        if !self.is_open() {
            return;
        }
        self.flush_output();
        if !self.has_output() {
            return self.close(Reason::Done);
        }
        self.state.set(State::Closing);
        let timeout = self.settings.close_timeout;
        let me = self.me.clone();
        let deadline = self.clock.call_later(timeout, move || {
            if let Some(port) = me.upgrade() {
                port.close(Reason::CloseTimedOut(timeout));
            }
        });
        *self.deadline.borrow_mut() = Some(deadline);
    }

    fn ask_for_turn(&self) {
        if !self.turn_due.replace(true)
            && let Some(me) = self.me.upgrade()
        {
            self.clock.turns().wants_datagram_turn(me);
        }
    }

    /// Calls the protocol. Its panic closes the port.
    #[inline]
    fn call(&self, callback: &str, call: impl FnOnce(&dyn HeldDatagram, &DatagramTransport)) {
        let Some(protocol) = &self.protocol else {
            return;
        };
        if let Err(message) = catch_panic(|| call(&*protocol.0, &self.transport)) {
            self.panicked(callback, message);
        }
    }

    #[cold]
    fn panicked(&self, callback: &str, message: Arc<str>) {
        let host = self.host();
        log::error!(
            "{callback} on the datagram port {host} panicked, the port is closed: {message}"
        );
        self.close(Reason::Panicked(message));
    }

    fn is_busy(&self) -> bool {
        self.protocol
            .as_ref()
            .is_none_or(|protocol| protocol.0.is_busy())
    }

    /// Tells the protocol all that it is owed.
    fn settle(&self) {
        if self.is_busy() {
            return self.ask_for_turn();
        }
        if self.owed.borrow().stopped.is_none() {
            self.begin();
            self.tell_events();
        }
        let stopped = self.owed.borrow_mut().stopped.take();
        if let Some(reason) = stopped {
            self.tell_failures();
            if self.started.replace(false) {
                self.call("stop_protocol", |held, _| held.stop(&reason));
            }
            self.owed.borrow_mut().failures.clear();
            if self.is_open() {
                // It was opened again meanwhile.
                self.ask_for_turn();
            }
        }
    }

    /// The protocol hears that the port is open, before everything else.
    fn begin(&self) {
        if self.is_open() && !self.started.replace(true) {
            self.call("start_protocol", |held, transport| held.start(transport));
        }
    }

    fn tell_events(&self) {
        let refused = std::mem::take(&mut self.owed.borrow_mut().refused);
        if refused && self.is_open() {
            self.call("connection_refused", |held, transport| {
                held.refused(transport);
            });
        }
        self.tell_failures();
        if !self.has_output() {
            let overflowed = std::mem::take(&mut self.owed.borrow_mut().overflowed);
            if overflowed && self.is_open() {
                self.call("can_send_again", |held, transport| {
                    held.can_send_again(transport);
                });
            }
        }
        let shutting_down = std::mem::take(&mut self.owed.borrow_mut().shutting_down);
        if shutting_down && self.is_open() {
            self.call("shutting_down", |held, transport| {
                held.shutting_down(transport);
            });
        }
    }

    /// Tells the failures that are there now; what fails in answer to them comes in the next turn.
    fn tell_failures(&self) {
        let mut pending = std::mem::take(&mut self.owed.borrow_mut().failures);
        while let Some(failure) = pending.next() {
            if self.started.get() {
                self.call("send_failed", |held, transport| {
                    held.send_failed(transport, &failure);
                });
            }
        }
    }
}

impl<W: DatagramWire> DatagramTurn for DatagramPort<W> {
    fn turn(&self) {
        self.turn_due.set(false);
        // What is sent now goes out at the end of this turn.
        let flush_was_due = self.flush_due.replace(true);
        self.settle();
        self.deliver_held();
        self.flush_output();
        self.flush_due.set(flush_was_due);
    }

    fn flush(&self) {
        self.flush_due.set(false);
        self.flush_output();
    }
}

impl<W: DatagramWire> Listening for DatagramPort<W> {
    fn start(&self) -> Result<(), ListenError> {
        if self.state.get() != State::Closed {
            return Err(ListenError::AlreadyListening);
        }
        let me = self.me.upgrade().ok_or(ListenError::ReactorGone)?;
        *self.addresses.borrow_mut() = self.wire.open(&me)?;
        self.paused.set(false);
        self.state.set(State::Open);
        self.ask_for_turn();
        Ok(())
    }

    fn stop(&self) {
        self.close_in_order();
    }

    fn is_listening(&self) -> bool {
        self.is_open()
    }

    fn pause(&self) {
        self.set_paused(true);
    }

    fn resume(&self) {
        self.set_paused(false);
    }

    fn address(&self) -> Address {
        self.host()
    }

    fn stats(&self) -> PortStats {
        PortStats {
            paused: self.paused.get(),
            ..PortStats::of(self)
        }
    }

    #[cfg(unix)]
    fn duplicate(&self) -> Option<std::io::Result<std::os::fd::OwnedFd>> {
        self.wire.duplicate()
    }
}

impl<W: DatagramWire> DatagramChannel for DatagramPort<W> {
    fn send(&self, data: &[u8], to: Option<&Address>) {
        if self.is_open() {
            self.take(data, to);
        }
    }

    fn connect(&self, to: &Address) -> Result<(), UdpError> {
        if let Some(peer) = self.peer() {
            return Err(UdpError::AlreadyConnected(peer));
        }
        // What was sent before went to addresses of its own.
        self.flush_output();
        *self.addresses.borrow_mut() = self.wire.connect(to)?;
        Ok(())
    }

    fn set(&self, option: UdpOption) -> Result<(), UdpError> {
        self.wire.set(option)
    }

    fn stop_listening(&self) {
        self.close_in_order();
    }

    fn set_paused(&self, paused: bool) {
        if self.paused.replace(paused) && !paused && self.is_open() {
            self.ask_for_turn();
            self.wire.look_again();
        }
    }

    fn host(&self) -> Address {
        self.addresses.borrow().host.clone()
    }

    fn peer(&self) -> Option<Address> {
        self.addresses.borrow().peer.clone()
    }

    fn is_listening(&self) -> bool {
        self.is_open()
    }

    /// Not between a close and its `stop_protocol`, even if the port has been opened again.
    fn is_started(&self) -> bool {
        self.started.get() && self.is_open() && self.owed.borrow().stopped.is_none()
    }

    fn buffered(&self) -> usize {
        let (output, parked) = (self.output.borrow(), self.parked.borrow());
        output.as_ref().map_or(0, |queue| queue.bytes())
            + parked.as_ref().map_or(0, |parked| parked.queue().bytes())
    }

    fn is_draining(&self) -> bool {
        self.commons.draining.is_on()
    }

    fn clock(&self) -> Clock {
        self.clock.clone()
    }

    fn held(&self) -> Option<Rc<dyn HeldDatagram>> {
        self.protocol.as_ref().map(|protocol| protocol.0.clone())
    }

    fn guard(&self, call: &mut dyn FnMut()) {
        if let Err(message) = catch_panic(call) {
            self.panicked("a call", message);
        }
    }
}

impl<W: DatagramWire> Drop for DatagramPort<W> {
    fn drop(&mut self) {
        let protocol = self.protocol.take();
        log_panic("the drop of a datagram protocol", || drop(protocol));
    }
}
