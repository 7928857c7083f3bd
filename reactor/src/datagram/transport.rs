use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::rc::{Rc, Weak};
use std::time::Duration;

use super::UdpOption;
use super::holder::HeldDatagram;
use crate::{Address, Clock, DatagramProtocol, DelayedCall, UdpError, WeakDatagramProtocol};

/// The transport of a [`DatagramProtocol`]: sends datagrams, and changes and closes the port.
///
/// A cheap, weak handle: it may be cloned and kept, by the protocol too. Once the port has gone, it
/// does nothing, and says so when asked. No method calls the protocol.
#[doc(alias = "IUDPTransport")]
#[doc(alias = "IUNIXDatagramTransport")]
#[doc(alias = "IMulticastTransport")]
#[derive(Clone)]
pub struct DatagramTransport {
    channel: Weak<dyn DatagramChannel>,
}

/// What a port does for those who hold its transport.
pub(crate) trait DatagramChannel {
    fn send(&self, data: &[u8], to: Option<&Address>);
    fn connect(&self, to: &Address) -> Result<(), UdpError>;
    fn set(&self, option: UdpOption) -> Result<(), UdpError>;
    fn stop_listening(&self);
    fn set_paused(&self, paused: bool);
    fn host(&self) -> Address;
    fn peer(&self) -> Option<Address>;
    fn is_listening(&self) -> bool;
    fn is_started(&self) -> bool;
    fn buffered(&self) -> usize;
    fn is_draining(&self) -> bool;
    fn clock(&self) -> Clock;
    fn held(&self) -> Option<Rc<dyn HeldDatagram>>;
    /// Makes a call of the protocol's that is not a callback; its panic closes the port.
    fn guard(&self, call: &mut dyn FnMut());
}

impl DatagramTransport {
    pub(crate) fn new(channel: Weak<dyn DatagramChannel>) -> Self {
        DatagramTransport { channel }
    }

    /// Sends a datagram to the peer of a connected port. `data` may be empty.
    ///
    /// All that is sent in one turn is handed to the system together at its end, in order. What the
    /// system does not take waits, up to [`send_queue`](crate::UdpListen::send_queue). A datagram
    /// that is not sent is told to [`DatagramProtocol::send_failed`]; on a closed port it is dropped.
    #[doc(alias = "write")]
    pub fn send(&self, data: &[u8]) {
        if let Some(channel) = self.channel.upgrade() {
            channel.send(data, None);
        }
    }

    /// Sends a datagram to this address; of an [`Address::Tcp`] the IP address and the port count
    /// too. As [`send`](DatagramTransport::send) in all else.
    #[doc(alias = "write")]
    pub fn send_to(&self, data: &[u8], to: &Address) {
        if let Some(channel) = self.channel.upgrade() {
            channel.send(data, Some(to));
        }
    }

    /// Connects the port: from now on only datagrams from this peer arrive,
    /// [`send`](DatagramTransport::send) sends there, and
    /// [`DatagramProtocol::connection_refused`] tells when it does not listen. Nothing is sent for
    /// it. A port is connected once.
    pub fn connect(&self, peer: &Address) -> Result<(), UdpError> {
        self.open()?.connect(peer)
    }

    /// Returns where the port listens, with the real port number; [`Address::Unknown`] once it has gone.
    #[doc(alias = "getHost")]
    pub fn host(&self) -> Address {
        let channel = self.channel.upgrade();
        channel.map_or(Address::Unknown, |channel| channel.host())
    }

    /// The peer of a connected port.
    pub fn peer(&self) -> Option<Address> {
        self.channel.upgrade()?.peer()
    }

    /// Closes the port. No datagram arrives after this. What was sent before is handed to the system
    /// first, for at most [`close_timeout`](crate::UdpListen::close_timeout); then, in a later turn,
    /// the protocol hears [`stop_protocol`](DatagramProtocol::stop_protocol).
    #[doc(alias = "stopListening")]
    #[doc(alias = "loseConnection")]
    pub fn stop_listening(&self) {
        if let Some(channel) = self.channel.upgrade() {
            channel.stop_listening();
        }
    }

    /// Whether the port is open.
    pub fn is_listening(&self) -> bool {
        let channel = self.channel.upgrade();
        channel.is_some_and(|channel| channel.is_listening())
    }

    /// Delivers no more datagrams until [`resume_producing`](DatagramTransport::resume_producing):
    /// at once, not even those that have been received already. The system keeps what arrives, up to
    /// its receive buffer, and drops the rest.
    #[doc(alias = "pauseProducing")]
    pub fn pause_producing(&self) {
        if let Some(channel) = self.channel.upgrade() {
            channel.set_paused(true);
        }
    }

    /// Delivers datagrams again, first of all those that have waited.
    #[doc(alias = "resumeProducing")]
    pub fn resume_producing(&self) {
        if let Some(channel) = self.channel.upgrade() {
            channel.set_paused(false);
        }
    }

    /// The bytes of all datagrams that have been sent and not handed to the system yet.
    pub fn buffered(&self) -> usize {
        let channel = self.channel.upgrade();
        channel.map_or(0, |channel| channel.buffered())
    }

    /// Whether the reactor drains: see [`ReactorHandle::drain`](crate::ReactorHandle::drain).
    pub fn is_draining(&self) -> bool {
        let channel = self.channel.upgrade();
        channel.is_some_and(|channel| channel.is_draining())
    }

    /// The clock of the reactor.
    pub fn clock(&self) -> Clock {
        match self.channel.upgrade() {
            Some(channel) => channel.clock(),
            None => {
                log::warn!(
                    "the transport of a port that has gone was asked for its clock: nothing will be called by the one that it returns"
                );
                Clock::new()
            }
        }
    }

    /// The protocol's name for itself, weak and typed: `transport.me(self)`.
    ///
    /// The argument names the type. A name that is asked for with another type than that of the
    /// protocol of this port calls nothing.
    pub fn me<P: DatagramProtocol>(&self, _protocol: &P) -> WeakDatagramProtocol<P> {
        let held = self.channel.upgrade().and_then(|channel| channel.held());
        WeakDatagramProtocol::new(held, self.clone())
    }

    /// Calls a method of the protocol once, `delay` from now:
    /// `transport.call_later(delay, self, Self::tick)`. Nothing is called once the port has been
    /// closed.
    #[doc(alias = "callLater")]
    pub fn call_later<P: DatagramProtocol>(
        &self,
        delay: Duration,
        protocol: &P,
        method: impl FnOnce(&mut P, &DatagramTransport) + 'static,
    ) -> DelayedCall {
        let me = self.me(protocol);
        self.clock().call_later(delay, move || me.call(method))
    }

    /// Allows datagrams to broadcast addresses, such as 255.255.255.255. Default: not allowed.
    #[doc(alias = "setBroadcastAllowed")]
    pub fn set_broadcast(&self, allowed: bool) -> Result<(), UdpError> {
        self.open()?.set(UdpOption::Broadcast(allowed))
    }

    /// Joins a multicast group on an interface: what is sent to the group, and to the port's number,
    /// arrives. A port that is opened again joins nothing by itself.
    #[doc(alias = "joinGroup")]
    pub fn join_group(
        &self,
        group: impl Into<IpAddr>,
        interface: NetworkInterface,
    ) -> Result<(), UdpError> {
        self.set_group(group.into(), |group| UdpOption::Join(group, interface))
    }

    /// Leaves a multicast group on the interface on which it was joined. A port that is closed leaves
    /// all its groups.
    #[doc(alias = "leaveGroup")]
    pub fn leave_group(
        &self,
        group: impl Into<IpAddr>,
        interface: NetworkInterface,
    ) -> Result<(), UdpError> {
        self.set_group(group.into(), |group| UdpOption::Leave(group, interface))
    }

    /// The interface by which datagrams to multicast groups leave. Default: the system's choice.
    #[doc(alias = "setOutgoingInterface")]
    pub fn set_multicast_interface(&self, interface: NetworkInterface) -> Result<(), UdpError> {
        self.open()?.set(UdpOption::MulticastInterface(interface))
    }

    /// Returns how many routers a datagram to a multicast group may pass, and one more: 0 stays on this
    /// machine, 1 (the default) on this network. For IPv6 the hop limit.
    #[doc(alias = "setTTL")]
    pub fn set_multicast_ttl(&self, ttl: u8) -> Result<(), UdpError> {
        self.open()?.set(UdpOption::MulticastTtl(ttl))
    }

    /// Whether this machine gets what the port sends to a multicast group, this port itself included.
    /// Default true. On Windows this is a setting of the receiver.
    #[doc(alias = "setLoopbackMode")]
    pub fn set_multicast_loopback(&self, on: bool) -> Result<(), UdpError> {
        self.open()?.set(UdpOption::MulticastLoopback(on))
    }

    fn set_group(
        &self,
        group: IpAddr,
        option: impl FnOnce(IpAddr) -> UdpOption,
    ) -> Result<(), UdpError> {
        let channel = self.open()?;
        if !group.is_multicast() {
            return Err(UdpError::NotMulticast(group));
        }
        channel.set(option(group))
    }

    fn open(&self) -> Result<Rc<dyn DatagramChannel>, UdpError> {
        let channel = self.channel.upgrade();
        channel
            .filter(|channel| channel.is_listening())
            .ok_or(UdpError::NotListening)
    }

    pub(super) fn is_started(&self) -> bool {
        let channel = self.channel.upgrade();
        channel.is_some_and(|channel| channel.is_started())
    }

    pub(super) fn guard(&self, call: impl FnOnce()) {
        if let Some(channel) = self.channel.upgrade() {
            let mut call = Some(call);
            channel.guard(&mut || {
                if let Some(call) = call.take() {
                    call();
                }
            });
        }
    }
}

impl fmt::Debug for DatagramTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DatagramTransport")
            .field("host", &self.host())
            .field("listening", &self.is_listening())
            .finish()
    }
}

/// A network interface of this machine, as multicast groups are joined on one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum NetworkInterface {
    /// The one that the system chooses.
    #[default]
    Any,
    /// The one with this address; for IPv4 groups.
    Address(Ipv4Addr),
    /// The one with this number; for IPv6 groups, and, where the system knows how, for joining and
    /// leaving IPv4 groups.
    Index(u32),
}

impl From<Ipv4Addr> for NetworkInterface {
    fn from(address: Ipv4Addr) -> Self {
        NetworkInterface::Address(address)
    }
}
