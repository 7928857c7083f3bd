use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::rc::{Rc, Weak};

use crate::datagram::{Batch, DatagramCommons, DatagramPort, DatagramQueue, DatagramWire, Opened};
use crate::heart::port::Listening;
use crate::testing::ManualClock;
use crate::udp::{destination, fit};
use crate::{
    Address, Clock, DatagramProtocolRef, DatagramTransport, ListenError, SendError, UdpError,
    UdpListen, UdpOption,
};

/// One datagram protocol on a port that records what it sends: for tests that look at one side alone.
///
/// The port is 192.0.2.9:9 unless it is given [others](RecordingDatagrams::with_options).
#[doc(alias = "FakeDatagramTransport")]
pub struct RecordingDatagrams {
    clock: Rc<ManualClock>,
    port: Rc<DatagramPort<Recording>>,
    commons: Rc<DatagramCommons>,
}

struct Recording {
    clock: Clock,
    options: UdpListen,
    port: RefCell<Weak<DatagramPort<Recording>>>,
    peer: Cell<Option<SocketAddr>>,
    sent: RefCell<Vec<(Vec<u8>, Address)>>,
    arrived: RefCell<VecDeque<Arrival>>,
    /// The errors that the next sends meet.
    errors: RefCell<VecDeque<io::Error>>,
    settings: RefCell<Vec<UdpOption>>,
    blocked: Cell<bool>,
}

enum Arrival {
    Datagram(Vec<u8>, Address),
    Error(io::Error),
}

impl RecordingDatagrams {
    /// Starts the protocol; it has heard `start_protocol` when this returns.
    pub fn start(protocol: impl Into<DatagramProtocolRef>) -> Self {
        let address = SocketAddr::from(([192, 0, 2, 9], 9));
        RecordingDatagrams::with_options(&Rc::new(ManualClock::new()), address, protocol)
    }

    /// Starts the protocol with these options, on this clock.
    pub fn with_options(
        clock: &Rc<ManualClock>,
        options: impl Into<UdpListen>,
        protocol: impl Into<DatagramProtocolRef>,
    ) -> Self {
        let options: UdpListen = options.into();
        let settings = options.settings.clone();
        let wanted = Address::Udp(options.address);
        let wire = Recording {
            clock: Clock::clone(clock),
            peer: Cell::new(options.peer),
            options,
            port: RefCell::default(),
            sent: RefCell::default(),
            arrived: RefCell::default(),
            errors: RefCell::default(),
            settings: RefCell::default(),
            blocked: Cell::new(false),
        };
        let commons = Rc::<DatagramCommons>::default();
        let port = DatagramPort::new(
            wire,
            protocol.into(),
            Clock::clone(clock),
            commons.clone(),
            settings,
            wanted,
        );
        // A port that records is free.
        let _ = port.start();
        clock.run();
        RecordingDatagrams {
            commons,
            clock: clock.clone(),
            port,
        }
    }

    /// The protocol receives this datagram; all that follows has been done when this returns.
    pub fn receive(&self, data: &[u8], from: &Address) {
        self.arrive(Arrival::Datagram(data.to_vec(), from.clone()));
    }

    /// The system reports an error where a datagram was expected: `ConnectionRefused`, say, for an
    /// ICMP message.
    pub fn receive_error(&self, error: io::Error) {
        self.arrive(Arrival::Error(error));
    }

    /// The next send meets this error. Called again, the one after it too. With `WouldBlock` the
    /// system takes nothing until [`unblock`](RecordingDatagrams::unblock).
    pub fn fail_send(&self, error: io::Error) {
        self.port.wire.errors.borrow_mut().push_back(error);
    }

    /// The system takes datagrams again.
    pub fn unblock(&self) {
        self.port.wire.blocked.set(false);
        self.port.ready(false, true);
        self.clock.run();
    }

    /// All that was sent since the last time, and where it went.
    #[doc(alias = "written")]
    pub fn take_sent(&self) -> Vec<(Vec<u8>, Address)> {
        self.port.wire.sent.take()
    }

    /// Returns what the protocol has set, in order.
    pub fn settings(&self) -> Vec<UdpOption> {
        self.port.wire.settings.borrow().clone()
    }

    /// The transport that the protocol holds.
    pub fn transport(&self) -> DatagramTransport {
        self.port.transport().clone()
    }

    /// The reactor drains: the protocol hears
    /// [`shutting_down`](crate::DatagramProtocol::shutting_down), and
    /// [`is_draining`](crate::DatagramTransport::is_draining) is true from now on.
    pub fn drain(&self) {
        self.commons.draining().set(true);
        self.port.shut_down();
        self.clock.run();
    }

    /// The reactor ends: the protocol hears
    /// [`shutting_down`](crate::DatagramProtocol::shutting_down).
    pub fn shut_down(&self) {
        self.commons.draining().set(false);
        self.port.shut_down();
        self.clock.run();
    }

    /// The clock.
    pub fn clock(&self) -> &Rc<ManualClock> {
        &self.clock
    }

    fn arrive(&self, arrival: Arrival) {
        self.port.wire.arrived.borrow_mut().push_back(arrival);
        self.port.ready(true, false);
        self.clock.run();
    }
}

impl DatagramWire for Recording {
    fn open(&self, port: &Rc<DatagramPort<Self>>) -> Result<Opened, ListenError> {
        *self.port.borrow_mut() = Rc::downgrade(port);
        Ok(Opened {
            host: Address::Udp(self.options.address),
            peer: self.options.peer.map(Address::Udp),
        })
    }

    fn close(&self) {
        self.arrived.borrow_mut().clear();
    }

    fn receive(&self, batch: &mut Batch, _: usize, longest: usize) -> io::Result<bool> {
        let mut slots = batch.begin(longest + 1);
        let mut arrived = self.arrived.borrow_mut();
        match arrived.pop_front() {
            Some(Arrival::Datagram(data, from)) => {
                slots.put(&data, from);
                Ok(!arrived.is_empty())
            }
            Some(Arrival::Error(error)) => Err(error),
            None => Err(io::ErrorKind::WouldBlock.into()),
        }
    }

    fn send(&self, queue: &DatagramQueue) -> (usize, Option<io::Error>) {
        let error = self.errors.borrow_mut().pop_front();
        let would_block = |error: &io::Error| error.kind() == io::ErrorKind::WouldBlock;
        if self.blocked.get() || error.as_ref().is_some_and(would_block) {
            self.blocked.set(true);
            return (0, Some(io::ErrorKind::WouldBlock.into()));
        }
        if error.is_some() {
            return (0, error);
        }
        let Some((data, to)) = queue.front() else {
            return (0, None);
        };
        let peer = self.peer.get().map_or(Address::Unknown, Address::Udp);
        let to = to.cloned().unwrap_or(peer);
        self.sent.borrow_mut().push((data.to_vec(), to));
        (1, None)
    }

    fn watch_writable(&self, _: bool) -> io::Result<()> {
        Ok(())
    }

    fn look_again(&self) {
        let port = self.port.borrow().clone();
        self.clock.call_soon(move || {
            if let Some(port) = port.upgrade() {
                port.ready(true, false);
            }
        });
    }

    fn destination(&self, to: &Address, length: usize) -> Result<Address, SendError> {
        destination(self.options.address, self.options.dual_stack, to, length)
    }

    fn send_error(&self, error: io::Error, length: usize) -> SendError {
        SendError::from_io(error, length, self.options.broadcast)
    }

    fn connect(&self, to: &Address) -> Result<Opened, UdpError> {
        let fitting = to
            .socket()
            .and_then(|to| fit(self.options.address, self.options.dual_stack, to));
        self.peer.set(Some(fitting.ok_or(UdpError::AddressFamily)?));
        Ok(Opened {
            host: Address::Udp(self.options.address),
            peer: self.peer.get().map(Address::Udp),
        })
    }

    fn set(&self, option: UdpOption) -> Result<(), UdpError> {
        self.settings.borrow_mut().push(option);
        Ok(())
    }
}

impl fmt::Debug for RecordingDatagrams {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordingDatagrams")
            .field("sent", &self.port.wire.sent.borrow().len())
            .field("listening", &self.port.transport().is_listening())
            .finish_non_exhaustive()
    }
}
