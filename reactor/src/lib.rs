//! The reactor of retwist: the loop, the traits [`Protocol`] and [`Transport`], and the only code
//! that knows a socket, a clock or a thread.
//!
//! Users depend on the crate `retwist`, whose documentation opens with the rules. Authors of a layer
//! or of a protocol library depend on this one.
//!
//! # Floor plan
//!
//! Each floor uses only what is on it and below; a test holds this. `ARCHITECTURE.md` has the states
//! and two walks through the floors.
//!
//! ```text
//! 8  reactor, testing, embedding, service   the public face of the loop; transports in memory; inside another loop; a service
//! 7  tcp, unix, udp, descriptor, process, stdio, watch   kinds of transport
//! 6  socket             sockets that carry a stream, of every family
//! 5  core               one pass of the loop: startup, shutdown, signals, children, sources, ports, connectors
//! 4  stream, datagram   byte streams, and ports of datagrams, of every kind
//! 3  heart              protocols, transports, layers; the seat between them; turns and time
//! 2  machines, inherited   timers, output, producers: machines that know no connection; descriptors by number
//! 1  values             addresses, errors, reasons, settings
//! ```

mod core;
mod datagram;
#[cfg(unix)]
mod descriptor;
pub mod embedding;
mod heart;
#[cfg(unix)]
mod inherited;
mod machines;
#[cfg(unix)]
mod process;
mod reactor;
#[cfg(unix)]
mod service;
mod socket;
#[cfg(unix)]
mod stdio;
mod stream;
mod tcp;
pub mod testing;
mod udp;
#[cfg(unix)]
mod unix;
mod values;
#[cfg(unix)]
mod watch;

pub use core::connect_attempt::ConnectAttempt;
pub use core::connector::{Connector, ConnectorState};
pub use core::factory::{BuildFactory, Factory, FactoryRef, IntoFactory, IntoProtocol, factory};
pub use core::handle::ReactorHandle;
pub use core::lifecycle::{Hold, Phase, SystemEvent, TriggerId};
pub use core::loop_watch::LoopWatch;
pub use core::pulse::{Beat, Pulse};
pub use core::remote::{CallFromThreadError, ReactorGone, Remote};
pub use core::settings::ReactorSettings;
#[cfg(unix)]
pub use core::signals::handler::SignalHandler;
pub use core::sleep::Sleep;
pub use core::state::ReactorState;
pub use core::survey::Connections;
pub use datagram::{
    DatagramProtocol, DatagramProtocolHandle, DatagramProtocolRef, DatagramTransport,
    NetworkInterface, SendError, SendFailure, UdpError, UdpOption, WeakDatagramProtocol,
};
#[cfg(unix)]
pub use descriptor::{
    DescriptorLimit, DescriptorStream, OpenError, Terminal, raise_descriptor_limit,
};
pub use heart::channel::Channel;
pub use heart::clock::{Clock, DelayedCall};
pub use heart::figures::{Counter, Figures};
pub use heart::layer::Layer;
pub use heart::port::ListeningPort;
pub use heart::protocol::{CallTarget, Protocol, ProtocolHandle, ProtocolRef, WeakProtocol};
pub use heart::seat::Seat;
pub use heart::transport::{Reading, Transport, TransportRef};
#[cfg(unix)]
pub use inherited::{ListenFds, hand_over, handed_over, inherited_descriptor};
pub use machines::producer::{Awaited, Flow, Producer, ProducerKind, ProducerRegistered};
pub use machines::sent_calls::SentCalls;
#[cfg(unix)]
pub use process::{
    ChildDescriptor, ChildProcess, OnceDescriptor, ProcessProtocol, ProcessProtocolHandle,
    ProcessProtocolRef, ProcessTransport, Program, WeakProcessProtocol, WindowSize,
};
pub use reactor::{
    FullReactor, JobQueue, Reactor, ReactorLifecycle, ReactorStats, ReactorStreams, ReactorTcp,
    ReactorThreads, ReactorUdp, Threads,
};
#[cfg(unix)]
pub use reactor::{
    PassTarget, ReactorAdoption, ReactorDescriptors, ReactorProcess, ReactorStdio, ReactorUnix,
    ReactorUnixDatagram,
};
#[cfg(unix)]
pub use service::{Restart, RestartError, Restarting, ServiceManager, ServiceManagerError};
#[cfg(all(unix, not(target_vendor = "apple")))]
pub use service::{RunAs, RunAsError};
#[cfg(unix)]
pub use socket::AdoptedSocket;
#[cfg(unix)]
pub use stdio::StandardIo;
pub use stream::StreamOptions;
pub use tcp::{IntoTcpConnect, IntoTcpListen, KeepAlive, TcpConnect, TcpListen, TcpOptions};
pub use udp::{IntoUdpListen, UdpListen};
#[cfg(unix)]
pub use unix::{
    DescriptorError, IntoUnixConnect, IntoUnixDatagram, IntoUnixListen, NotPassed, PeerCredentials,
    UnixConnect, UnixDatagramListen, UnixDescriptors, UnixListen, UnixName, UnixOptions,
};
#[cfg(unix)]
pub use watch::{Watch, Watcher};

/// The events of the operating system, in the version that this crate uses: for
/// [`ReactorHandle::watch_source`].
#[cfg(unix)]
pub use mio;
pub use values::address::Address;
pub use values::address_error::AddressError;
#[cfg(unix)]
pub use values::adopt_error::{AdoptError, SocketFamily};
pub use values::connection_id::ConnectionId;
pub use values::error::{ConnectError, ListenError, MainError, RunError, error_chain};
#[cfg(unix)]
pub use values::inherited_error::InheritedError;
pub use values::log_limit::{LeftOut, LogLimit};
pub use values::panic::catch_panic;
#[cfg(unix)]
pub use values::pass_error::PassError;
#[cfg(unix)]
pub use values::process_error::{ProcessError, SpawnError};
#[cfg(unix)]
pub use values::process_exit::ProcessExit;
pub use values::reason::Reason;
pub use values::settings::StreamSettings;
#[cfg(unix)]
pub use values::signal::{Signal, UnknownSignal};
#[cfg(unix)]
pub use values::signal_error::SignalError;
pub use values::socket_address::{IpAddress, SocketAddress};
pub use values::stats::{
    ConnectionState, ConnectionStats, ConnectionsByState, Figure, FigureKind, FigureName,
    Histogram, LongestWork, LoopTimes, PortStats, Refused, Stats, Work,
};
