//! Framing and layers: what people build protocols from.
//!
//! **Framing** turns bytes into units for one protocol: [lines](LineReceiver),
//! [netstrings](Netstrings), strings with a [length before them](IntStrings), [blocks](Blocks) of
//! known sizes, or a [framing of your own](Framing). It is not a layer: a [`Framed`] is a protocol.
//!
//! **Layers** sit between a transport and a protocol, which does not know of them, and stack in any
//! order. A [`Policy`] holds the settings of a layer, and puts it under a protocol, a connection or a
//! factory: [`Timeout`], [`ThrottleReads`], [`ThrottleWrites`], [`Limits`], [`Tap`],
//! [`ProxyProtocol`] and [`SendProxyHeader`], [`SocksClient`], [`HttpConnect`]. A layer that talks to
//! the peer before the application does is an [`Opening`]; your own takes one trait.
//!
//! **Remote calls**: [`amp`], in both directions on one connection.
//!
//! **STARTTLS** in every [`Dialect`]: [`StartTlsServer`] and [`StartTlsClient`] hold the conversation
//! before TLS, under a protocol that begins with TLS.
//!
//! **Proxies**: a [`SocksServer`], a [`TunnelServer`] that is the destination itself, and a [`Relay`] between any two connections.
//!
//! Nothing in this crate does I/O or reads a clock: all of it runs over any transport, and is tested
//! over memory.
//!
//! **Mail** (feature `mail`): clients, in the module `mail`.
//!
//! Features: `tokio-codec` adds `Codec`, which makes a framing of any `Decoder` of `tokio_util`; `sasl` adds
//! the module `sasl`, authentication for servers and clients; `mail` adds that and the clients of mail.

pub mod amp;
mod bucket;
mod destination;
mod file_sender;
mod framing;
mod hex_dump;
mod http_connect;
mod ip_prefix;
mod limits;
#[cfg(feature = "mail")]
pub mod mail;
mod opening;
mod policy;
mod proxy;
mod relay;
#[cfg(feature = "sasl")]
pub mod sasl;
mod socks;
mod starttls;
mod tap;
mod throttle_reads;
mod throttle_writes;
mod timeout;
mod timer;
mod tunnel;

pub use destination::{BadHostName, Destination, HostName};
pub use file_sender::{FileSendError, FileSender};
pub use framing::blocks::{Blocks, BlocksError};
#[cfg(feature = "tokio-codec")]
pub use framing::codec::{Codec, CodecError};
pub use framing::error::{FrameTimedOut, LengthLimitExceeded, StringTooLong, UnfinishedFrame};
pub use framing::framed::Framed;
pub use framing::int_strings::{Int8Strings, Int16Strings, Int32Strings, IntStrings};
pub use framing::line_receiver::LineReceiver;
pub use framing::lines::{LineTransport, Lines};
pub use framing::netstrings::{NetstringError, Netstrings};
pub use framing::receiver::FrameReceiver;
pub use framing::transport::FrameTransport;
pub use framing::weak::WeakReceiver;
pub use framing::{ByteFraming, Frame, FrameEncoder, Framing};
pub use hex_dump::HexDump;
pub use http_connect::{HttpConnect, HttpConnectError, HttpHandshake};
pub use ip_prefix::{IpPrefix, IpPrefixError};
pub use limits::Limits;
pub use opening::{Opening, OpeningError, OpeningLayer, Step};
pub use policy::{FactoryPolicy, Policy, WrappingFactory};
pub use proxy::error::ProxyError;
pub use proxy::header::{ProxyHeader, ProxyOrigin, Tlv};
pub use proxy::receiver::{ProxyProtocol, ProxyReceiver};
pub use proxy::sender::{ProxySender, SendProxyHeader};
pub use relay::{Relay, RelayBroken};
pub use socks::client::{SocksClient, SocksHandshake};
pub use socks::error::{SocksError, SocksReply};
pub use socks::request::SocksRequest;
pub use socks::server::SocksServer;
pub use starttls::{
    Dialect, HideStartTls, HideStartTlsLayer, MysqlGreeting, MysqlLogin, MysqlSequence,
    MysqlSequenceLayer, PlainClient, PlainClientQuestions, PlainServer, PlainServerGreeting,
    StartTlsClient, StartTlsError, StartTlsExchange, StartTlsServer, UnknownDialect,
};
pub use tap::{Tap, TapEvent, TapLayer, Traffic};
pub use throttle_reads::{ReadThrottle, ThrottleReads};
pub use throttle_writes::{ThrottleWrites, WriteThrottle};
pub use timeout::{TimedOut, Timeout, TimeoutLayer};
pub use tunnel::{TunnelError, TunnelRequest, TunnelServer};
