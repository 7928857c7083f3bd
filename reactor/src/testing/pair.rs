use std::fmt;
use std::rc::{Rc, Weak};
use std::time::Duration;

use super::clock::ManualClock;
use super::port::End;
use super::wire::{Fault, MemoryWire, Way};
use crate::heart::channel::Channel;
use crate::heart::draining::Draining;
use crate::machines::output::Buffers;
use crate::stream::{Examined, Stream, StreamContext};
use crate::{Clock, ProtocolRef, Reason, StreamSettings, TransportRef};

/// Two protocols that are connected to each other in memory.
///
/// Nothing moves until [`run`](Pair::run) or [`advance`](Pair::advance). Several pairs may share a
/// clock ([`Pair::on`]); each of them runs all.
///
/// ```
/// # use retwist_reactor as retwist;
/// use retwist::testing::{Pair, Side};
/// use retwist::{Protocol, ProtocolHandle, Reason, TransportRef};
///
/// struct Echo;
/// impl Protocol for Echo {
///     fn data_received(&mut self, transport: &TransportRef, data: &[u8]) {
///         transport.write(data);
///     }
/// }
///
/// #[derive(Default)]
/// struct Client { heard: Vec<u8>, reason: Option<Reason> }
/// impl Protocol for Client {
///     fn connection_made(&mut self, transport: &TransportRef) {
///         transport.write(b"hello");
///     }
///     fn data_received(&mut self, _: &TransportRef, data: &[u8]) {
///         self.heard.extend_from_slice(data);
///     }
///     fn connection_lost(&mut self, reason: &Reason) {
///         self.reason = Some(reason.clone());
///     }
/// }
///
/// // Byte by byte, and the network breaks behind the third byte of the answer.
/// let client = ProtocolHandle::new(Client::default());
/// let pair = Pair::new(&client, Echo).cut(1).reset_after(Side::Server, 3);
/// pair.run();
/// client.try_call(|client| {
///     assert_eq!(client.heard, b"hel");
///     assert!(matches!(client.reason, Some(Reason::Lost(_))));
/// });
/// ```
#[doc(alias = "IOPump")]
#[doc(alias = "loopbackAsync")]
pub struct Pair {
    clock: Rc<ManualClock>,
    client: Rc<Stream<MemoryWire>>,
    server: Rc<Stream<MemoryWire>>,
    /// Whether the reactor of the client drains, and that of the server.
    drains: [Draining; 2],
    to_server: Rc<Way>,
    to_client: Rc<Way>,
}

/// One of the two ends of a [`Pair`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The one that would have connected.
    Client,
    /// The one that would have accepted.
    Server,
}

impl Pair {
    /// Connects the two, on a clock of their own, with the settings of a client and a server. Both
    /// hear `connection_made` when it runs first.
    pub fn new(client: impl Into<ProtocolRef>, server: impl Into<ProtocolRef>) -> Self {
        Pair::on(&Rc::new(ManualClock::new()), client, server)
    }

    /// Connects the two on this clock.
    pub fn on(
        clock: &Rc<ManualClock>,
        client: impl Into<ProtocolRef>,
        server: impl Into<ProtocolRef>,
    ) -> Self {
        let server_settings = StreamSettings::default();
        let client_settings = StreamSettings::client();
        Pair::with_settings(clock, client, client_settings, server, server_settings)
    }

    /// Connects the two on this clock, each with its own settings.
    pub fn with_settings(
        clock: &Rc<ManualClock>,
        client: impl Into<ProtocolRef>,
        client_settings: StreamSettings,
        server: impl Into<ProtocolRef>,
        server_settings: StreamSettings,
    ) -> Self {
        let client = End::new(client.into(), client_settings);
        let server = End::new(server.into(), server_settings);
        Pair::owned(clock, client, server)
    }

    pub(super) fn owned(clock: &Rc<ManualClock>, client: End, server: End) -> Self {
        let drains = [&client, &server].map(|end| end.draining.clone());
        let to_server = Way::new(Clock::clone(clock));
        let to_client = Way::new(Clock::clone(clock));
        let open = |wire: MemoryWire, end: End| {
            let context = StreamContext {
                clock: Clock::clone(clock),
                buffers: Buffers::new(),
                draining: end.draining,
            };
            let settings = Rc::new(end.settings);
            let wire = wire.of(end.whose);
            Stream::new(wire, end.protocol, Rc::new(context), settings, end.owner)
        };
        let wire = MemoryWire::new("client", "server", to_server.clone(), to_client.clone());
        let client = open(wire, client);
        let wire = MemoryWire::new("server", "client", to_client.clone(), to_server.clone());
        let server = open(wire, server);
        to_server.connect(&client, &server, &to_client);
        to_client.connect(&server, &client, &to_server);
        client.seat().wants_turn();
        server.seat().wants_turn();
        Pair {
            clock: clock.clone(),
            client,
            server,
            drains,
            to_server,
            to_client,
        }
    }

    /// Sets how many bytes arrive at once at most, from now on, in either direction.
    pub fn cut(self, bytes: usize) -> Self {
        for way in [&self.to_server, &self.to_client] {
            way.cut.set(bytes.max(1));
        }
        self
    }

    /// Sets how long bytes take to arrive, from now on.
    pub fn delay(self, time: Duration) -> Self {
        for way in [&self.to_server, &self.to_client] {
            way.delay.set(time);
        }
        self
    }

    /// Sets how many bytes a side can send that the other has not read, before its transport has to keep
    /// them: what the system's buffers are for a socket. Default 64 KiB.
    pub fn window(self, bytes: usize) -> Self {
        for way in [&self.to_server, &self.to_client] {
            way.set_window(bytes);
        }
        self
    }

    /// Of what `side` sends, only this many bytes arrive, and then the end of input, as if it had
    /// closed there.
    pub fn close_after(self, side: Side, bytes: u64) -> Self {
        self.way_from(side).fault.set(Some((bytes, Fault::End)));
        self
    }

    /// When this many bytes from `side` have arrived, the connection breaks, and both sides see it.
    pub fn reset_after(self, side: Side, bytes: u64) -> Self {
        self.way_from(side).fault.set(Some((bytes, Fault::Reset)));
        self
    }

    /// From now on, each send of `side` fails, as on a system without buffers. Nothing else does:
    /// what the other side sends still arrives.
    pub fn refuse_sends(self, side: Side) -> Self {
        self.way_from(side).refused.set(true);
        self
    }

    /// The reactor of this side drains: its protocol hears
    /// [`shutting_down`](crate::Protocol::shutting_down), and
    /// [`is_draining`](crate::Transport::is_draining) is true from now on.
    pub fn drain(&self, side: Side) {
        self.drains[side as usize].set(true);
        self.stream(side).drain();
        self.clock.run();
    }

    /// The reactor of this side stops: its protocol hears
    /// [`shutting_down`](crate::Protocol::shutting_down), perhaps after a [drain](Pair::drain).
    pub fn shut_down(&self, side: Side) {
        self.drains[side as usize].set(false);
        self.stream(side).stop();
        self.clock.run();
    }

    /// Runs until nothing moves, without letting time pass.
    pub fn run(&self) {
        self.clock.run();
    }

    /// Lets time pass.
    pub fn advance(&self, time: Duration) {
        self.clock.advance(time);
    }

    /// The clock that both live on.
    pub fn clock(&self) -> &Rc<ManualClock> {
        &self.clock
    }

    /// The transport of the protocol, or layer, at the bottom of the client's side.
    pub fn client(&self) -> TransportRef {
        self.client.seat().transport()
    }

    /// The transport of the protocol, or layer, at the bottom of the server's side.
    pub fn server(&self) -> TransportRef {
        self.server.seat().transport()
    }

    /// The end of this side, for the reactor that it belongs to.
    pub(super) fn examined(&self, side: Side) -> Rc<dyn Examined> {
        match side {
            Side::Client => self.client.clone(),
            Side::Server => self.server.clone(),
        }
    }

    pub(super) fn client_channel(&self) -> Weak<dyn Channel> {
        let client: Weak<Stream<MemoryWire>> = Rc::downgrade(&self.client);
        client
    }

    pub(super) fn server_stream(&self) -> Weak<Stream<MemoryWire>> {
        Rc::downgrade(&self.server)
    }

    fn stream(&self, side: Side) -> &Stream<MemoryWire> {
        match side {
            Side::Client => &self.client,
            Side::Server => &self.server,
        }
    }

    fn way_from(&self, side: Side) -> &Way {
        match side {
            Side::Client => &self.to_server,
            Side::Server => &self.to_client,
        }
    }
}

impl Drop for Pair {
    /// As at the end of a reactor: protocols that are still connected hear `connection_lost`.
    fn drop(&mut self) {
        for stream in [&self.client, &self.server] {
            stream.end(Reason::ReactorStopped);
        }
        self.clock.turn();
    }
}

impl fmt::Debug for Pair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pair")
            .field("client", &self.client)
            .field("server", &self.server)
            .finish()
    }
}
