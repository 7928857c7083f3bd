use std::time::Duration;

use retwist_reactor::{Clock, ProtocolRef, StreamSettings};

use super::Facts;

/// A way to make connected pairs, and the loop that runs them: what the suite asks of a kind of
/// transport.
///
/// Each run of a case makes one, with [`new`](Way::new), connects one or several pairs on it, and
/// makes passes of its loop. When a way is dropped, its loop ends, and each protocol that is still
/// connected hears `connection_lost`.
///
/// ```
/// # use retwist_reactor as retwist;
/// use std::cell::Cell;
/// use std::time::Duration;
///
/// use retwist_conformance::streams::{Cut, Facts, How, Way};
/// use retwist::{Address, Clock, ProtocolRef, Reactor, TcpConnect};
///
/// /// Connections to port 0 of the loopback interface.
/// struct Tcp {
///     how: How,
///     reactor: Reactor,
/// }
///
/// impl Way for Tcp {
///     fn facts() -> Facts {
///         Facts::new(8_000_000)
///     }
///
///     fn new(how: How) -> Self {
///         Tcp { how, reactor: Reactor::new().unwrap() }
///     }
///
///     fn connect(&mut self, client: ProtocolRef, server: ProtocolRef) {
///         let once = |protocol| {
///             let protocol = Cell::new(Some(Cut::under(protocol, self.how.cut)));
///             move |_: &Address| protocol.take()
///         };
///         let listen = retwist::TcpListen::address(([127, 0, 0, 1], 0).into());
///         let listen = listen.settings(self.how.server.clone());
///         let port = self.reactor.listen_tcp(listen, once(server)).unwrap();
///         let connect = TcpConnect::address(port.address().socket().unwrap());
///         self.reactor.connect_tcp(connect.settings(self.how.client.clone()), once(client));
///     }
///
///     fn pass(&self, wait: Duration) {
///         self.reactor.iterate(wait).unwrap();
///     }
///
///     fn one_pass(&self) {
///         self.pass(Duration::ZERO);
///     }
///
///     fn clock(&self) -> Clock {
///         self.reactor.clock().clone()
///     }
/// }
/// # use retwist_conformance::streams::{Kind, case};
/// # case("delivery::bytes_arrive_whole_and_in_order").run(Kind::of::<Tcp>());
/// ```
///
/// Beyond `new` and `facts` it is an object, so that the cases are compiled once, and not once for
/// each way.
pub trait Way: 'static {
    /// What connections of this kind do by their nature, and what they do not.
    fn facts() -> Facts
    where
        Self: Sized;

    /// A loop without connections yet. What `how` says holds for each connection that is made on it.
    fn new(how: How) -> Self
    where
        Self: Sized;

    /// Begins to connect the two, which hear of it in later passes.
    fn connect(&mut self, client: ProtocolRef, server: ProtocolRef);

    /// One pass of the loop, or several. If there is nothing to do, it lets up to `wait` pass.
    fn pass(&self, wait: Duration);

    /// Exactly one pass, which does not wait.
    fn one_pass(&self);

    /// The time of the loop.
    fn clock(&self) -> Clock;
}

/// What a case asks of the connections that it runs over.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct How {
    /// The most bytes that one delivery brings to a protocol: `usize::MAX` where the input stays as
    /// it comes. [`Cut::under`](super::Cut::under) does it for a transport that cannot.
    pub cut: usize,
    /// The bounds of the side that connects.
    pub client: StreamSettings,
    /// The bounds of the side that accepts.
    pub server: StreamSettings,
}

/// The pieces into which input is cut, in bytes, by the cases whose outcome depends on it.
pub const CUTS: [usize; 7] = [1, 2, 3, 7, 64, 1000, usize::MAX];

/// Input that stays as it comes; the side that connects reads on while its output waits.
impl Default for How {
    fn default() -> Self {
        How::cut(usize::MAX)
    }
}

impl How {
    /// The default, with input in pieces of at most `cut` bytes.
    pub fn cut(cut: usize) -> Self {
        How {
            cut,
            client: StreamSettings {
                read_pauses: false,
                ..StreamSettings::default()
            },
            server: StreamSettings::default(),
        }
    }
}
