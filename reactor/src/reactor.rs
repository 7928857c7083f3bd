#[cfg(unix)]
mod adoption;
#[cfg(unix)]
mod descriptor;
mod full;
mod lifecycle;
#[cfg(unix)]
mod passing;
#[cfg(unix)]
mod process;
mod stats;
#[cfg(unix)]
mod stdio;
mod threads;
mod udp;
#[cfg(unix)]
mod unix;
#[cfg(unix)]
mod unix_datagram;
#[cfg(unix)]
mod watch;

use std::fmt;
use std::ops::Deref;
#[cfg(unix)]
use std::os::fd::{AsFd, BorrowedFd};
use std::rc::Rc;
use std::time::Duration;

use crate::core::Core;
use crate::core::connector;
use crate::testing::MemoryReactor;
use crate::{
    Address, Clock, Connector, FactoryRef, IntoFactory, IntoProtocol, IntoTcpConnect,
    IntoTcpListen, ListenError, ListeningPort, ReactorHandle, ReactorSettings, ReactorState,
    RunError, TcpConnect, TcpListen, factory, socket, tcp,
};

#[cfg(unix)]
pub use adoption::ReactorAdoption;
#[cfg(unix)]
pub use descriptor::ReactorDescriptors;
pub use full::FullReactor;
pub use lifecycle::ReactorLifecycle;
#[cfg(unix)]
pub use passing::PassTarget;
#[cfg(unix)]
pub use process::ReactorProcess;
pub use stats::ReactorStats;
#[cfg(unix)]
pub use stdio::ReactorStdio;
pub use threads::{JobQueue, ReactorThreads, Threads};
pub use udp::ReactorUdp;
#[cfg(unix)]
pub use unix::ReactorUnix;
#[cfg(unix)]
pub use unix_datagram::ReactorUnixDatagram;

/// The loop: one thread, all its connections, timers and signals.
///
/// It owns everything, and all else that it hands out is a weak handle. Code outside `main` uses a
/// [`ReactorHandle`], to which this dereferences.
///
/// ```
/// # use retwist_reactor as retwist;
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use retwist::Reactor;
/// use std::time::Duration;
///
/// let reactor = Reactor::new()?;
/// let handle = reactor.handle();
/// reactor.call_later(Duration::from_millis(10), move || {
///     handle.stop();
/// });
/// reactor.run()?;
/// # Ok(()) }
/// ```
///
/// # Processes that fork
///
/// A child that calls `exec` is safe at any time: no descriptor of a reactor is passed on. A child
/// that goes on without `exec` must not use a reactor that its parent made, nor drop it: both would
/// share one epoll instance, and one would hear and change what belongs to the other. A program that
/// forks (a daemon) makes its reactor in the child.
#[doc(alias = "IReactorCore")]
pub struct Reactor {
    core: Rc<Core>,
    handle: ReactorHandle,
}

impl Reactor {
    /// A reactor with the default settings.
    pub fn new() -> Result<Self, RunError> {
        Reactor::with_settings(ReactorSettings::default())
    }

    /// A reactor with these settings.
    pub fn with_settings(settings: ReactorSettings) -> Result<Self, RunError> {
        let core = Core::new(settings)?;
        let handle = ReactorHandle::new(&core);
        Ok(Reactor { core, handle })
    }

    /// Runs until it is stopped, then ends every connection in order and returns. It can run again
    /// only after [`crash`](ReactorHandle::crash).
    ///
    /// The order at the start: triggers `before` startup (and what they hold), `during`, `after`,
    /// then [`call_when_running`](ReactorHandle::call_when_running). At the end: triggers `before`
    /// shutdown (and what they hold); ports close; what waited in their queues is accepted, and read
    /// once; connections are asked to end; `during`; `after`.
    pub fn run(&self) -> Result<(), RunError> {
        self.core.run(&self.handle)
    }

    /// Begins to run, for a program that has a loop of its own and makes each pass with
    /// [`iterate`](Reactor::iterate). The reactor then goes through the same states as under
    /// [`run`](Reactor::run), and does the same in each: `run` is this, and passes until it has ended.
    ///
    /// It calls the triggers `before` startup; the rest of the startup comes with the passes. If the
    /// [settings](ReactorSettings::signals) say so, signals stop the reactor from now on.
    ///
    /// The page [`embedding`](crate::embedding) has the loop around it.
    pub fn start(&self) -> Result<(), RunError> {
        self.core.start()
    }

    /// Makes one pass of the loop, which sleeps for at most `wait`, and returns the state that the
    /// reactor has come to. For a program that has a loop of its own. It cannot be called from a
    /// callback, nor while the reactor runs.
    ///
    /// After [`start`](Reactor::start) and [`stop`](ReactorHandle::stop), the passes bring the reactor
    /// to its end in order, and it has ended once this returns [`ReactorState::Ended`]. Without
    /// `start`, it only makes the pass: the reactor stays [`Idle`](ReactorState::Idle).
    ///
    /// The sleep ends as soon as something happens: an event of the system, a timer, a
    /// [call from another thread](crate::Remote::call_from_thread),
    /// [`Remote::wake`](crate::Remote::wake), or a signal that interrupts it, so that a language that
    /// embeds the reactor can run its handler.
    pub fn iterate(&self, wait: Duration) -> Result<ReactorState, RunError> {
        self.core.iterate(&self.handle, wait)
    }

    /// Returns how long the loop around this reactor may sleep until the next pass is due, if its
    /// [descriptor](Reactor#impl-AsFd-for-Reactor) does not become readable before: zero if it is due
    /// now, `None` if there is no limit.
    ///
    /// It holds until something uses the reactor: ask before each sleep. A
    /// [call from another thread](crate::Remote::call_from_thread) makes the descriptor readable.
    pub fn next_timeout(&self) -> Option<Duration> {
        self.core.next_timeout()
    }
}

/// The descriptor on which the reactor waits: an epoll or kqueue instance. It is readable when a pass
/// is due because of an event; [`next_timeout`](Reactor::next_timeout) knows what else there is. So
/// another loop can watch it, level-triggered: the page [`embedding`](crate::embedding) shows how.
#[cfg(unix)]
impl AsFd for Reactor {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.core.sources.registry().as_fd()
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

/// How a program listens and connects over TCP, on each type of reactor.
///
/// The methods are generic, so a `dyn ReactorTcp` could not have them from the trait; and as methods
/// of the types themselves they need no import.
macro_rules! tcp_methods {
    ($($reactor:ty),*) => {$(
        impl $reactor {
            /// Accepts connections on a TCP port: `8007`, an address, or a [`TcpListen`]. `build` makes the
            /// protocol of each connection from the address of its peer: anything that [`IntoProtocol`]
            /// lists, so that `None` refuses the connection.
            ///
            /// The port listens when this returns. See [`ReactorTcp`] for code that is to run on a
            /// recording reactor too.
            #[doc(alias = "listenTCP")]
            pub fn listen_tcp<P: IntoProtocol>(
                &self,
                address: impl IntoTcpListen,
                build: impl Fn(&Address) -> P + 'static,
            ) -> Result<ListeningPort, ListenError> {
                self.listen_tcp_factory(address, factory(build))
            }

            /// [`listen_tcp`](ReactorHandle::listen_tcp) with a [`Factory`](crate::Factory), or an `Rc` of one.
            pub fn listen_tcp_factory(
                &self,
                address: impl IntoTcpListen,
                factory: impl IntoFactory,
            ) -> Result<ListeningPort, ListenError> {
                self.listen(address.into_tcp_listen()?, factory.into_factory())
            }

            /// Connects over TCP to an address, or as a [`TcpConnect`] says. `build` makes the protocol of
            /// the connection once it is made, in a later turn than this one at the earliest; it is called
            /// again if the [`Connector`] connects again.
            #[doc(alias = "connectTCP")]
            pub fn connect_tcp<P: IntoProtocol>(
                &self,
                address: impl IntoTcpConnect,
                build: impl Fn(&Address) -> P + 'static,
            ) -> Connector {
                self.connect_tcp_factory(address, factory(build))
            }

            /// [`connect_tcp`](ReactorHandle::connect_tcp) with a [`Factory`](crate::Factory), or an `Rc` of one, which
            /// also hears how it goes.
            pub fn connect_tcp_factory(
                &self,
                address: impl IntoTcpConnect,
                factory: impl IntoFactory,
            ) -> Connector {
                match address.into_tcp_connect() {
                    Ok(options) => self.connect(options, factory.into_factory()),
                    Err(error) => connector::failing(error, factory.into_factory(), self.time()),
                }
            }
        }
    )*};
}

tcp_methods!(
    ReactorHandle,
    dyn ReactorTcp + '_,
    dyn FullReactor + '_,
    MemoryReactor
);

/// The TCP side of a reactor, for code that listens and connects: a [`Reactor`], or a
/// [`MemoryReactor`](crate::testing::MemoryReactor) that records what was asked for.
#[doc(alias = "IReactorTCP")]
pub trait ReactorTcp {
    /// See [`ReactorHandle::listen_tcp`].
    fn listen(&self, options: TcpListen, factory: FactoryRef)
    -> Result<ListeningPort, ListenError>;

    /// See [`ReactorHandle::connect_tcp`].
    fn connect(&self, options: TcpConnect, factory: FactoryRef) -> Connector;

    /// Its clock.
    fn time(&self) -> Clock;
}

impl ReactorTcp for ReactorHandle {
    fn listen(
        &self,
        options: TcpListen,
        factory: FactoryRef,
    ) -> Result<ListeningPort, ListenError> {
        tcp::listen(&self.open_core()?, options, factory)
    }

    fn connect(&self, options: TcpConnect, factory: FactoryRef) -> Connector {
        socket::connect(self, options, factory)
    }

    fn time(&self) -> Clock {
        self.clock.clone()
    }
}

impl ReactorTcp for Reactor {
    fn listen(
        &self,
        options: TcpListen,
        factory: FactoryRef,
    ) -> Result<ListeningPort, ListenError> {
        self.handle.listen(options, factory)
    }

    fn connect(&self, options: TcpConnect, factory: FactoryRef) -> Connector {
        self.handle.connect(options, factory)
    }

    fn time(&self) -> Clock {
        self.handle.time()
    }
}

/// Every kind of stream that this system has: what endpoints are written against. Each reactor that
/// has them is one.
#[cfg(unix)]
pub trait ReactorStreams:
    ReactorTcp + ReactorUnix + ReactorProcess + ReactorAdoption + ReactorStdio
{
}

#[cfg(unix)]
impl<R> ReactorStreams for R where
    R: ReactorTcp + ReactorUnix + ReactorProcess + ReactorAdoption + ReactorStdio + ?Sized
{
}

/// Every kind of stream that this system has: what endpoints are written against. Each reactor that
/// has them is one.
#[cfg(not(unix))]
pub trait ReactorStreams: ReactorTcp {}

#[cfg(not(unix))]
impl<R: ReactorTcp + ?Sized> ReactorStreams for R {}

impl fmt::Debug for Reactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.handle.fmt(f)
    }
}
