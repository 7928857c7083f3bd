use std::fmt;
use std::ops::Deref;
use std::rc::{Rc, Weak};
use std::time::Duration;

use crate::core::Core;
use crate::lifecycle::{Hold, Phase, SystemEvent, TriggerId};
use crate::{
    Address, Clock, Connector, DatagramProtocolRef, DelayedCall, FactoryRef, IntoFactory,
    IntoProtocol, ListenError, ListeningPort, Remote, RunError, TcpConnect, TcpListen, UdpListen,
    factory, tcp, udp,
};

/// The loop: one thread, all its connections, timers and signals.
///
/// It owns everything; whatever else is handed out is a weak handle. What code outside `main` needs
/// is a [`ReactorHandle`], to which this dereferences.
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use retwist_reactor::Reactor;
/// use std::time::Duration;
///
/// let reactor = Reactor::new()?;
/// let handle = reactor.handle();
/// reactor.call_later(Duration::from_millis(10), move || {
///     let _ = handle.stop();
/// });
/// reactor.run()?;
/// # Ok(()) }
/// ```
#[doc(alias = "IReactorCore")]
pub struct Reactor {
    core: Rc<Core>,
    handle: ReactorHandle,
}

/// What a reactor as a whole is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReactorSettings {
    /// Whether SIGINT and SIGTERM stop the reactor while it runs, and a second one cuts its
    /// shutdown short. Default true. When it has run, they do again what they did before.
    #[doc(alias = "installSignalHandlers")]
    pub signals: bool,
    /// How long, at the end, connections may take to send what was written. Those that have not
    /// finished then are aborted with [`Reason::ReactorStopped`](crate::Reason::ReactorStopped).
    /// Default 5 s.
    pub shutdown_timeout: Duration,
}

impl Default for ReactorSettings {
    fn default() -> Self {
        ReactorSettings {
            signals: true,
            shutdown_timeout: Duration::from_secs(5),
        }
    }
}

impl Reactor {
    /// A reactor with the default settings.
    pub fn new() -> Result<Self, RunError> {
        Reactor::with_settings(ReactorSettings::default())
    }

    /// A reactor with these settings.
    pub fn with_settings(settings: ReactorSettings) -> Result<Self, RunError> {
        let core = Core::new(settings)?;
        let handle = ReactorHandle {
            core: Rc::downgrade(&core),
            clock: core.clock().clone(),
            remote: core.remote.clone(),
        };
        Ok(Reactor { core, handle })
    }

    /// Runs until it is stopped; then ends every connection in order and returns. Can be run again
    /// only after [`crash`](ReactorHandle::crash).
    ///
    /// The order at the start: triggers `before` startup (and what they hold), `during`, `after`,
    /// then [`call_when_running`](ReactorHandle::call_when_running). At the end: `before` shutdown
    /// (and what they hold); ports are closed and connections lose theirs; `during`; `after`.
    pub fn run(&self) -> Result<(), RunError> {
        self.core.run(&self.handle)
    }

    /// One pass of the loop, which waits for at most `wait`. For those who have a loop of their
    /// own; not from inside a callback, and not while it runs.
    pub fn iterate(&self, wait: Duration) -> Result<(), RunError> {
        self.core.iterate(&self.handle, wait)
    }
}

impl Deref for Reactor {
    type Target = ReactorHandle;

    fn deref(&self) -> &ReactorHandle {
        &self.handle
    }
}

impl Drop for Reactor {
    fn drop(&mut self) {
        self.core.end();
    }
}

/// A reactor as its callbacks see it: weak, cheap to clone.
#[derive(Clone)]
pub struct ReactorHandle {
    core: Weak<Core>,
    clock: Clock,
    remote: Remote,
}

impl ReactorHandle {
    /// This handle, to be kept.
    pub fn handle(&self) -> ReactorHandle {
        self.clone()
    }

    /// Accepts connections on a TCP port: `8007`, an address, or a [`TcpListen`]. `build` makes the
    /// protocol of each connection from the address of its peer: anything that [`IntoProtocol`]
    /// lists, so that `None` refuses the connection.
    ///
    /// The port listens when this returns.
    /// See [`ReactorTcp`] for code that is to run on a recording reactor too.
    #[doc(alias = "listenTCP")]
    pub fn listen_tcp<P: IntoProtocol>(
        &self,
        address: impl Into<TcpListen>,
        build: impl Fn(&Address) -> P + 'static,
    ) -> Result<ListeningPort, ListenError> {
        self.listen_tcp_factory(address, factory(build))
    }

    /// [`listen_tcp`](ReactorHandle::listen_tcp) with a [`Factory`](crate::Factory), or an `Rc` of one.
    pub fn listen_tcp_factory(
        &self,
        address: impl Into<TcpListen>,
        factory: impl IntoFactory,
    ) -> Result<ListeningPort, ListenError> {
        self.listen(address.into(), factory.into_factory())
    }

    /// Connects over TCP to an address, or as a [`TcpConnect`] says. `build` makes the protocol of
    /// the connection once it is made, in a later turn than this one at the earliest; it is called
    /// again if the [`Connector`] connects again.
    #[doc(alias = "connectTCP")]
    pub fn connect_tcp<P: IntoProtocol>(
        &self,
        address: impl Into<TcpConnect>,
        build: impl Fn(&Address) -> P + 'static,
    ) -> Connector {
        self.connect_tcp_factory(address, factory(build))
    }

    /// [`connect_tcp`](ReactorHandle::connect_tcp) with a [`Factory`](crate::Factory), or an `Rc` of one, which
    /// also hears how it goes.
    pub fn connect_tcp_factory(
        &self,
        address: impl Into<TcpConnect>,
        factory: impl IntoFactory,
    ) -> Connector {
        self.connect(address.into(), factory.into_factory())
    }

    /// Opens a UDP port: `8007`, an address, or a [`UdpListen`], for one protocol. The port is open
    /// when this returns, and the protocol hears
    /// [`start_protocol`](crate::DatagramProtocol::start_protocol) in the next turn.
    ///
    /// See [`ReactorUdp`] for code that is to run on a recording reactor too.
    #[doc(alias = "listenUDP")]
    #[doc(alias = "listenMulticast")]
    pub fn listen_udp(
        &self,
        options: impl Into<UdpListen>,
        protocol: impl Into<DatagramProtocolRef>,
    ) -> Result<ListeningPort, ListenError> {
        ReactorUdp::listen_datagrams(self, options.into(), protocol.into())
    }

    /// Its time.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// See [`Clock::call_later`].
    #[doc(alias = "callLater")]
    pub fn call_later(&self, delay: Duration, call: impl FnOnce() + 'static) -> DelayedCall {
        self.clock.call_later(delay, call)
    }

    /// See [`Clock::call_soon`].
    pub fn call_soon(&self, call: impl FnOnce() + 'static) {
        self.clock.call_soon(call);
    }

    /// Calls `call` when the reactor has started; at once, if it has.
    #[doc(alias = "callWhenRunning")]
    pub fn call_when_running(&self, call: impl FnOnce() + 'static) {
        match self.is_running() {
            true => call(),
            false => {
                self.add_system_event_trigger(Phase::After, SystemEvent::Startup, |_| call());
            }
        }
    }

    /// Has `call` called once, when the reactor starts or ends. None if it has gone.
    #[doc(alias = "addSystemEventTrigger")]
    pub fn add_system_event_trigger(
        &self,
        phase: Phase,
        event: SystemEvent,
        call: impl FnOnce(Hold) + 'static,
    ) -> Option<TriggerId> {
        let core = self.core.upgrade()?;
        Some(core.triggers.add(phase, event, Box::new(call)))
    }

    /// The trigger will not be called. False if it has been, or was removed before.
    #[doc(alias = "removeSystemEventTrigger")]
    pub fn remove_system_event_trigger(&self, id: TriggerId) -> bool {
        self.core
            .upgrade()
            .is_some_and(|core| core.triggers.remove(id))
    }

    /// Whether it runs: from the `during` phase of its startup to that of its shutdown.
    pub fn is_running(&self) -> bool {
        self.core.upgrade().is_some_and(|core| core.is_running())
    }

    /// Ends the reactor in order, from the next turn on.
    pub fn stop(&self) -> Result<(), RunError> {
        self.core.upgrade().ok_or(RunError::NotRunning)?.stop()
    }

    /// Ends the reactor from the next turn on, or cuts short its end: what a second signal does.
    /// Nobody is waited for any more; who is still connected then is aborted with
    /// [`Reason::ReactorStopped`](crate::Reason::ReactorStopped).
    pub fn stop_at_once(&self) -> Result<(), RunError> {
        let core = self.core.upgrade().ok_or(RunError::NotRunning)?;
        core.stop_at_once()
    }

    /// Makes `run` return after this turn, and does nothing else: no events, no connection is
    /// closed. It can be run again.
    pub fn crash(&self) -> Result<(), RunError> {
        self.core.upgrade().ok_or(RunError::NotRunning)?.crash()
    }

    /// What other threads may hold.
    pub fn remote(&self) -> Remote {
        self.remote.clone()
    }
}

/// What code needs that listens and connects: a [`Reactor`], or a
/// [`MemoryReactor`](crate::testing::MemoryReactor) that records what was asked for.
#[doc(alias = "IReactorTCP")]
pub trait ReactorTcp {
    /// See [`ReactorHandle::listen_tcp`].
    fn listen(&self, how: TcpListen, factory: FactoryRef) -> Result<ListeningPort, ListenError>;

    /// See [`ReactorHandle::connect_tcp`].
    fn connect(&self, how: TcpConnect, factory: FactoryRef) -> Connector;

    /// Its time.
    fn time(&self) -> Clock;
}

/// The same, whatever the reactor.
impl dyn ReactorTcp + '_ {
    /// Accepts connections on a TCP port: `8007`, an address, or a [`TcpListen`]. `build` makes the
    /// protocol of each connection from the address of its peer: anything that [`IntoProtocol`]
    /// lists, so that `None` refuses the connection.
    ///
    /// The port listens when this returns.
    #[doc(alias = "listenTCP")]
    pub fn listen_tcp<P: IntoProtocol>(
        &self,
        address: impl Into<TcpListen>,
        build: impl Fn(&Address) -> P + 'static,
    ) -> Result<ListeningPort, ListenError> {
        self.listen_tcp_factory(address, factory(build))
    }

    /// `listen_tcp` with a [`Factory`](crate::Factory), or an `Rc` of one.
    pub fn listen_tcp_factory(
        &self,
        address: impl Into<TcpListen>,
        factory: impl IntoFactory,
    ) -> Result<ListeningPort, ListenError> {
        self.listen(address.into(), factory.into_factory())
    }

    /// Connects over TCP to an address, or as a [`TcpConnect`] says. `build` makes the protocol of
    /// the connection once it is made, in a later turn than this one at the earliest; it is called
    /// again if the [`Connector`] connects again.
    #[doc(alias = "connectTCP")]
    pub fn connect_tcp<P: IntoProtocol>(
        &self,
        address: impl Into<TcpConnect>,
        build: impl Fn(&Address) -> P + 'static,
    ) -> Connector {
        self.connect_tcp_factory(address, factory(build))
    }

    /// `connect_tcp` with a [`Factory`](crate::Factory), or an `Rc` of one, which
    /// also hears how it goes.
    pub fn connect_tcp_factory(
        &self,
        address: impl Into<TcpConnect>,
        factory: impl IntoFactory,
    ) -> Connector {
        self.connect(address.into(), factory.into_factory())
    }
}

impl ReactorTcp for ReactorHandle {
    fn listen(&self, how: TcpListen, factory: FactoryRef) -> Result<ListeningPort, ListenError> {
        let core = self.core.upgrade().filter(|core| !core.is_ending());
        tcp::listen(&core.ok_or(ListenError::ReactorGone)?, how, factory)
    }

    fn connect(&self, how: TcpConnect, factory: FactoryRef) -> Connector {
        let connector = Connector::new(
            how.wanted().into(),
            factory,
            tcp::dialer(self.core.clone(), how),
        );
        if let Err(error) = connector.connect() {
            log::warn!("connecting to {}: {error}", connector.destination());
        }
        connector
    }

    fn time(&self) -> Clock {
        self.clock.clone()
    }
}

impl ReactorTcp for Reactor {
    fn listen(&self, how: TcpListen, factory: FactoryRef) -> Result<ListeningPort, ListenError> {
        self.handle.listen(how, factory)
    }

    fn connect(&self, how: TcpConnect, factory: FactoryRef) -> Connector {
        self.handle.connect(how, factory)
    }

    fn time(&self) -> Clock {
        self.handle.time()
    }
}

/// What code needs that listens for datagrams: a [`Reactor`], or a
/// [`MemoryReactor`](crate::testing::MemoryReactor), whose ports are joined in memory.
#[doc(alias = "IReactorUDP")]
#[doc(alias = "IReactorMulticast")]
pub trait ReactorUdp {
    /// See [`ReactorHandle::listen_udp`].
    fn listen_datagrams(
        &self,
        options: UdpListen,
        protocol: DatagramProtocolRef,
    ) -> Result<ListeningPort, ListenError>;
}

impl ReactorUdp for ReactorHandle {
    fn listen_datagrams(
        &self,
        options: UdpListen,
        protocol: DatagramProtocolRef,
    ) -> Result<ListeningPort, ListenError> {
        let core = self.core.upgrade().filter(|core| !core.is_ending());
        udp::listen(&core.ok_or(ListenError::ReactorGone)?, options, protocol)
    }
}

impl ReactorUdp for Reactor {
    fn listen_datagrams(
        &self,
        options: UdpListen,
        protocol: DatagramProtocolRef,
    ) -> Result<ListeningPort, ListenError> {
        self.handle.listen_datagrams(options, protocol)
    }
}

impl fmt::Debug for Reactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.handle.fmt(f)
    }
}

impl fmt::Debug for ReactorHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reactor")
            .field("running", &self.is_running())
            .finish_non_exhaustive()
    }
}
