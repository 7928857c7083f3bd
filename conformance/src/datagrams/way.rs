use std::time::Duration;

use retwist_reactor::{Clock, DatagramProtocolRef, ListenError, ListeningPort};

use super::{Facts, Open};

/// A way to open ports of datagrams that reach each other, and the loop that runs them: what the suite
/// asks of a kind of port.
///
/// Each run of a case makes one. When a way is dropped, its loop ends, and each protocol that is
/// still started hears `stop_protocol`.
///
/// ```
/// # use retwist_reactor as retwist;
/// use std::net::{IpAddr, Ipv4Addr, SocketAddr};
/// use std::time::Duration;
///
/// use retwist_conformance::datagrams::{Ability, Facts, Open, Way};
/// use retwist::{
///     Clock, DatagramProtocolRef, ListenError, ListeningPort, Reactor, UdpListen,
/// };
///
/// /// UDP on the loopback interface.
/// struct Udp(Reactor);
///
/// impl Way for Udp {
///     fn facts() -> Facts {
///         Facts::new(65_507).without(Ability::Broadcast)
///     }
///
///     fn new() -> Self {
///         Udp(Reactor::new().unwrap())
///     }
///
///     fn open(
///         &self,
///         open: Open,
///         protocol: DatagramProtocolRef,
///     ) -> Result<ListeningPort, ListenError> {
///         let at = open.at.and_then(|address| address.socket());
///         let free = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
///         let mut options = UdpListen::address(at.unwrap_or(free));
///         if let Some(peer) = open.connected_to {
///             options = options.connected_to(peer.socket().unwrap());
///         }
///         if let Some(bytes) = open.max_datagram {
///             options = options.max_datagram(bytes);
///         }
///         self.0.listen_udp(options, protocol)
///     }
///
///     fn pass(&self, wait: Duration) {
///         self.0.iterate(wait).unwrap();
///     }
///
///     fn clock(&self) -> Clock {
///         self.0.clock().clone()
///     }
/// }
/// # use retwist_conformance::datagrams::{Kind, case};
/// # case("delivery::an_echo").run(Kind::of::<Udp>());
/// # case("delivery::a_long_one_is_told_as_cut").run(Kind::of::<Udp>());
/// ```
pub trait Way: 'static {
    /// What ports of this kind do by their nature, and what they do not.
    fn facts() -> Facts
    where
        Self: Sized;

    /// A loop without ports.
    fn new() -> Self
    where
        Self: Sized;

    /// Opens a port for this protocol. It is open when this returns.
    fn open(&self, open: Open, protocol: DatagramProtocolRef)
    -> Result<ListeningPort, ListenError>;

    /// One pass of the loop, or several. If there is nothing to do, it lets up to `wait` pass.
    fn pass(&self, wait: Duration);

    /// The time of the loop.
    fn clock(&self) -> Clock;
}
