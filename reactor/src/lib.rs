//! The reactor of retwist: the loop, the traits [`Protocol`] and [`Transport`], and the only code
//! that knows a socket, a clock or a thread.
//!
//! Users depend on the crate `retwist`, whose documentation starts with the rules; authors of a
//! layer or of a protocol library depend on this one. A floor plan, each floor using only what is
//! below it:
//!
//! ```text
//! reactor                                the loop's public face: listen, connect, run, call_later
//! core          lifecycle signals remote one pass of the loop, startup and shutdown
//! tcp   unix   udp   testing   layer     kinds of transport: sockets, memory, what sits on another transport
//! socket                                 sockets that carry a stream, of every family
//! stream datagram                        byte streams, and ports of datagrams, of every kind
//! sources connector connect_attempt port what the system reports on
//! channel handle seat                    what a transport supplies; what a protocol holds; who listens
//! protocol transport factory holder      the traits that users meet, and where a protocol is kept
//! clock turn timers output producer      time, turns, and small machines that are tested alone
//! address address_error reason error settings log_limit   values
//! ```

mod address;
mod address_error;
mod channel;
mod clock;
mod connect_attempt;
mod connector;
mod core;
mod datagram;
mod error;
mod factory;
mod handle;
mod layer;
mod lifecycle;
mod log_limit;
mod occupant;
mod output;
mod panic;
mod port;
mod producer;
mod protocol;
mod reactor;
mod reason;
mod remote;
mod seat;
mod sent_calls;
mod settings;
mod signals;
mod socket;
mod sources;
mod stream;
mod tcp;
pub mod testing;
mod timers;
mod transport;
mod turn;
mod udp;
#[cfg(unix)]
mod unix;

pub use address::Address;
pub use address_error::AddressError;
pub use channel::Channel;
pub use clock::{Clock, DelayedCall};
pub use connect_attempt::ConnectAttempt;
pub use connector::{Connector, ConnectorState};
pub use datagram::{
    DatagramProtocol, DatagramProtocolHandle, DatagramProtocolRef, DatagramTransport,
    NetworkInterface, SendError, SendFailure, UdpError, UdpOption, WeakDatagramProtocol,
};
pub use error::{ConnectError, ListenError, RunError, error_chain};
pub use factory::{BuildFactory, Factory, FactoryRef, IntoFactory, IntoProtocol, factory};
pub use layer::Layer;
pub use lifecycle::{Hold, Phase, SystemEvent, TriggerId};
pub use log_limit::{LeftOut, LogLimit};
pub use panic::catch_panic;
pub use port::ListeningPort;
pub use producer::{Awaited, Flow, Producer, ProducerKind, ProducerRegistered};
pub use protocol::{CallTarget, Protocol, ProtocolHandle, ProtocolRef, WeakProtocol};
#[cfg(unix)]
pub use reactor::ReactorUnix;
pub use reactor::{
    Reactor, ReactorHandle, ReactorSettings, ReactorStreams, ReactorTcp, ReactorUdp,
};
pub use reason::Reason;
pub use remote::{CallFromThreadError, ReactorGone, Remote};
pub use seat::Seat;
pub use sent_calls::SentCalls;
pub use settings::StreamSettings;
pub use stream::StreamOptions;
pub use tcp::{
    IntoTcpConnect, IntoTcpListen, IpAddress, KeepAlive, SocketAddress, TcpConnect, TcpListen,
    TcpOptions,
};
pub use transport::{Reading, Transport, TransportRef};
pub use udp::UdpListen;
#[cfg(target_os = "linux")]
pub use unix::PeerCredentials;
#[cfg(unix)]
pub use unix::{IntoUnixConnect, IntoUnixListen, UnixConnect, UnixListen, UnixName, UnixOptions};
