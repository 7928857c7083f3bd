use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::rc::{Rc, Weak};

use crate::datagram::{
    Batch, DatagramCommons, DatagramPort, DatagramQueue, DatagramWire, Opened, UdpOption,
};
use crate::heart::port::{KeptPorts, Listening};
use crate::unix::datagram::destination;
use crate::{
    Address, Clock, DatagramProtocolRef, ListenError, ListeningPort, Reason, SendError, UdpError,
    UnixDatagramListen, UnixName,
};

/// The ports of UNIX datagrams of one reactor in memory. They reach each other by name, and nothing is
/// lost between them.
pub(in crate::testing) struct UnixDatagrams {
    clock: Clock,
    ports: RefCell<Vec<Rc<Port>>>,
    kept_ports: Rc<KeptPorts>,
    commons: Rc<DatagramCommons>,
}

type Port = DatagramPort<MemoryUnix>;

/// A port. It behaves as a socket does where that hurts: a receiver that is full makes its senders
/// wait, one that has gone is told at once, and one that is connected hears its peer alone.
pub(super) struct MemoryUnix {
    net: Weak<UnixDatagrams>,
    options: UnixDatagramListen,
    port: RefCell<Weak<Port>>,
    peer: RefCell<Option<Address>>,
    arrived: RefCell<VecDeque<(Vec<u8>, Address)>>,
    waits: Cell<bool>,
}

/// How many datagrams a port keeps that were not received, as on Linux by default.
const MOST_WAITING: usize = 10;

impl UnixDatagrams {
    pub(in crate::testing) fn on(clock: Clock) -> Rc<Self> {
        Rc::new(UnixDatagrams {
            clock,
            ports: RefCell::default(),
            kept_ports: Rc::default(),
            commons: Rc::default(),
        })
    }

    pub(in crate::testing) fn listen(
        self: &Rc<Self>,
        options: UnixDatagramListen,
        protocol: DatagramProtocolRef,
    ) -> Result<ListeningPort, ListenError> {
        let settings = options.settings.clone();
        let wire = MemoryUnix {
            net: Rc::downgrade(self),
            options,
            port: RefCell::default(),
            peer: RefCell::default(),
            arrived: RefCell::default(),
            waits: Cell::new(false),
        };
        let wanted = wire.name();
        let port = DatagramPort::new(
            wire,
            protocol,
            self.clock.clone(),
            self.commons.clone(),
            settings,
            wanted,
        );
        port.start()?;
        Ok(ListeningPort::new(port, &self.kept_ports))
    }

    /// The reactor drains, or ends.
    pub(in crate::testing) fn shut_down(&self, drains: bool) {
        self.commons.draining().set(drains);
        let ports = self.ports.borrow().clone();
        ports.iter().for_each(|port| port.shut_down());
    }

    /// The ports that are open now, as they were asked for, in the order of opening.
    pub(in crate::testing) fn listening(&self) -> Vec<UnixDatagramListen> {
        let ports = self.ports.borrow();
        ports.iter().map(|port| port.wire.options.clone()).collect()
    }

    fn find(&self, name: &Address) -> Option<Rc<Port>> {
        let ports = self.ports.borrow();
        let found = ports.iter().find(|port| port.wire.name() == *name);
        found.cloned()
    }

    /// Some receiver has room: those that wait try again.
    fn has_room(&self) {
        for port in self
            .ports
            .borrow()
            .iter()
            .filter(|port| port.wire.waits.get())
        {
            let port = Rc::downgrade(port);
            self.clock.call_soon(move || {
                if let Some(port) = port.upgrade() {
                    port.ready(false, true);
                }
            });
        }
    }
}

impl Drop for UnixDatagrams {
    /// The reactor ends. Every protocol that was started hears `stop_protocol` in the next turn.
    fn drop(&mut self) {
        for port in self.ports.take() {
            port.close(Reason::ReactorStopped);
        }
    }
}

impl MemoryUnix {
    fn name(&self) -> Address {
        let name = self.options.requested_name();
        name.map_or(Address::Unix(None), Address::from)
    }

    fn send_one(&self, net: &UnixDatagrams, data: &[u8], to: Option<&Address>) -> io::Result<()> {
        let peer = self.peer.borrow();
        let to = to.or(peer.as_ref()).ok_or(io::ErrorKind::NotConnected)?;
        let to = net.find(to).ok_or(io::ErrorKind::ConnectionRefused)?;
        let hears = to.wire.peer.borrow();
        if hears.as_ref().is_some_and(|peer| *peer != self.name()) {
            return Err(io::ErrorKind::PermissionDenied.into());
        }
        let mut arrived = to.wire.arrived.borrow_mut();
        if arrived.len() > MOST_WAITING {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        arrived.push_back((data.to_vec(), self.name()));
        to.wire.look_again();
        Ok(())
    }
}

impl DatagramWire for MemoryUnix {
    const REFUSES_AT_ONCE: bool = true;
    const RECEIVERS_FILL: bool = true;

    fn open(&self, port: &Rc<Port>) -> Result<Opened, ListenError> {
        let net = self.net.upgrade().ok_or(ListenError::ReactorGone)?;
        let host = self.name();
        if host != Address::Unix(None) && net.find(&host).is_some() {
            let error = io::ErrorKind::AddrInUse.into();
            return Err(ListenError::AddressInUse(host, error));
        }
        let peer = self.options.requested_peer().map(Address::from);
        (*self.peer.borrow_mut()).clone_from(&peer);
        *self.port.borrow_mut() = Rc::downgrade(port);
        net.ports.borrow_mut().push(port.clone());
        Ok(Opened { host, peer })
    }

    fn close(&self) {
        self.arrived.borrow_mut().clear();
        self.waits.set(false);
        let Some(net) = self.net.upgrade() else {
            return;
        };
        let mut ports = net.ports.borrow_mut();
        let index = ports
            .iter()
            .position(|port| std::ptr::eq(&raw const port.wire, self));
        let closed = index.map(|index| ports.remove(index));
        drop(ports);
        drop(closed);
        net.has_room();
    }

    fn receive(&self, batch: &mut Batch, most: usize, longest: usize) -> io::Result<bool> {
        let mut arrived = self.arrived.borrow_mut();
        if arrived.is_empty() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let mut slots = batch.begin(longest + 1);
        let count = most.min(arrived.len());
        for (data, from) in arrived.drain(..count) {
            slots.put(&data, from);
        }
        if let Some(net) = self.net.upgrade() {
            net.has_room();
        }
        Ok(!arrived.is_empty())
    }

    fn send(&self, queue: &DatagramQueue) -> (usize, Option<io::Error>) {
        let Some(net) = self.net.upgrade() else {
            return (0, Some(io::ErrorKind::NotConnected.into()));
        };
        let mut sent = 0;
        for (data, to) in queue.iter() {
            match self.send_one(&net, data, to) {
                Ok(()) => sent += 1,
                Err(error) => return (sent, Some(error)),
            }
        }
        (sent, None)
    }

    fn watch_writable(&self, watch: bool) -> io::Result<()> {
        self.waits.set(watch);
        Ok(())
    }

    fn look_again(&self) {
        if let Some(net) = self.net.upgrade() {
            let port = self.port.borrow().clone();
            net.clock.call_soon(move || {
                if let Some(port) = port.upgrade() {
                    port.ready(true, false);
                }
            });
        }
    }

    fn destination(&self, to: &Address, length: usize) -> Result<Address, SendError> {
        destination(to, length)
    }

    fn send_error(&self, error: io::Error, length: usize) -> SendError {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => SendError::NoReceiver(error),
            _ => SendError::from_io(error, length, true),
        }
    }

    fn connect(&self, to: &Address) -> Result<Opened, UdpError> {
        let peer = UnixName::from_address(to).ok_or(UdpError::AddressFamily)?;
        *self.peer.borrow_mut() = Some(Address::from(&peer));
        Ok(Opened {
            host: self.name(),
            peer: self.peer.borrow().clone(),
        })
    }

    fn set(&self, _: UdpOption) -> Result<(), UdpError> {
        Err(UdpError::AddressFamily)
    }
}
