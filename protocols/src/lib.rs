//! Framing and layers: what people build protocols from.
//!
//! **Framing** turns bytes into units for one protocol: [lines](LineReceiver),
//! [netstrings](Netstrings), strings with a [length before them](IntStrings), [records](Records),
//! or [one's own](Framing). It is no layer: a [`Framed`] is a protocol.
//!
//! **Layers** sit between a transport and a protocol, which does not know of them, and stack in any
//! order. A [`Policy`] is the settings of one, and puts it under a protocol, a connection or a
//! factory: [`Timeout`], [`ThrottleReads`], [`ThrottleWrites`], [`Limits`], [`Tap`],
//! [`ProxyProtocol`] and [`SendProxyHeader`], [`SocksClient`], [`HttpConnect`]. What has to be said
//! before the application may talk is an [`Opening`], and one's own is one trait.
//!
//! **Proxies**: a [`SocksServer`], and a [`Relay`] between any two connections.
//!
//! Nothing here does I/O or knows what time it is: all of it runs over any transport, and is tested
//! over memory.

mod bucket;
mod cutter;
mod destination;
mod file_sender;
mod frame_transport;
mod framed;
mod framing;
mod hex_dump;
mod http_connect;
mod int_strings;
mod ip_prefix;
mod limits;
mod line_receiver;
mod lines;
mod netstrings;
mod opening;
mod policy;
mod proxy;
mod receiver;
mod records;
mod relay;
mod socks;
mod tap;
mod throttle_reads;
mod throttle_writes;
mod timeout;
mod timer;

pub use destination::{BadHostName, Destination, HostName};
pub use file_sender::{FileSendError, FileSender};
pub use frame_transport::FrameTransport;
pub use framed::Framed;
pub use framing::{Frame, Framing, LengthLimitExceeded, StringTooLong};
pub use hex_dump::HexDump;
pub use http_connect::{HttpConnect, HttpConnectError, HttpHandshake};
pub use int_strings::{Int8Strings, Int16Strings, Int32Strings, IntStrings};
pub use ip_prefix::{IpPrefix, IpPrefixError};
pub use limits::Limits;
pub use line_receiver::LineReceiver;
pub use lines::{LineTransport, Lines};
pub use netstrings::{NetstringError, Netstrings};
pub use opening::{Opening, OpeningError, OpeningLayer, Step};
pub use policy::{FactoryPolicy, Policy, WrappingFactory};
pub use proxy::error::ProxyError;
pub use proxy::header::{ProxyHeader, ProxyOrigin, Tlv};
pub use proxy::receiver::{ProxyProtocol, ProxyReceiver};
pub use proxy::sender::{ProxySender, SendProxyHeader};
pub use receiver::FrameReceiver;
pub use records::Records;
pub use relay::Relay;
pub use socks::client::{SocksClient, SocksHandshake};
pub use socks::error::{SocksError, SocksReply};
pub use socks::request::SocksRequest;
pub use socks::server::SocksServer;
pub use tap::{Tap, TapEvent, TapLayer, Traffic};
pub use throttle_reads::{ReadThrottle, ThrottleReads};
pub use throttle_writes::{ThrottleWrites, WriteThrottle};
pub use timeout::{TimedOut, Timeout, TimeoutLayer};
