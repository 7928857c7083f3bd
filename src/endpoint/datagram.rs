use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use retwist_reactor::{DatagramProtocolRef, ListenError, ListeningPort, ReactorUdp};

use super::{EndpointError, Endpoints};

/// A description of a port of datagrams, made by [`datagram_from_string`].
///
/// The reactors of several threads may share one.
#[derive(Clone)]
pub struct DatagramEndpoint {
    text: Arc<str>,
    open: Arc<Open>,
}

type Open = dyn Fn(&dyn ReactorUdp, DatagramProtocolRef) -> Result<ListeningPort, ListenError>
    + Send
    + Sync;

/// Reads where to receive datagrams, with the [standard](super) kinds. Opens nothing yet.
///
/// ```no_run
/// use retwist::endpoint::datagram_from_string;
/// use retwist::{Address, DatagramProtocol, DatagramTransport, Reactor};
///
/// struct Echo;
///
/// impl DatagramProtocol for Echo {
///     fn datagram_received(&mut self, transport: &DatagramTransport, data: &[u8], from: &Address) {
///         transport.send_to(data, from);
///     }
/// }
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let reactor = Reactor::new()?;
/// let port = datagram_from_string("udp:7:interface=127.0.0.1")?.listen(&reactor, Echo)?;
/// println!("listening on {}", port.address());
/// # Ok(()) }
/// ```
pub fn datagram_from_string(text: &str) -> Result<DatagramEndpoint, EndpointError> {
    Endpoints::standard().datagram_from_string(text)
}

impl DatagramEndpoint {
    /// An endpoint that opens its port with `open`: for kinds of one's own, see
    /// [`Endpoints::datagram`].
    pub fn new(
        open: impl Fn(&dyn ReactorUdp, DatagramProtocolRef) -> Result<ListeningPort, ListenError>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        DatagramEndpoint {
            text: "".into(),
            open: Arc::new(open),
        }
    }

    /// Opens the port for this protocol.
    pub fn listen(
        &self,
        reactor: &dyn ReactorUdp,
        protocol: impl Into<DatagramProtocolRef>,
    ) -> Result<ListeningPort, ListenError> {
        (self.open)(reactor, protocol.into())
    }

    pub(super) fn described(self, text: &str) -> Self {
        let text = text.into();
        DatagramEndpoint { text, ..self }
    }
}

impl FromStr for DatagramEndpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        datagram_from_string(text)
    }
}

/// The string that the endpoint was made from.
impl fmt::Display for DatagramEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for DatagramEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatagramEndpoint({:?})", self.text)
    }
}

#[cfg(test)]
mod tests {
    use retwist_reactor::testing::MemoryReactor;
    use retwist_reactor::{DatagramProtocol, UdpListen};

    use super::datagram_from_string;

    struct Deaf;
    impl DatagramProtocol for Deaf {}

    #[test]
    fn what_is_asked_for_is_opened() {
        let address = |text: &str| UdpListen::address(text.parse().unwrap());
        for (text, options) in [
            ("udp:7007", UdpListen::port(7007)),
            (
                "udp:port=7007:interface=127.0.0.1",
                address("127.0.0.1:7007"),
            ),
            (r"udp:7007:interface=\:\:1", address("[::1]:7007")),
            ("udp6:7007", address("[::]:7007")),
            ("udp6:7007:interface=localhost", address("[::1]:7007")),
            (
                "udp:7007:reuse=yes",
                UdpListen::port(7007).reuse_address(true),
            ),
            (
                "udp:7007:broadcast=yes",
                UdpListen::port(7007).broadcast(true),
            ),
            ("udp:7007:broadcast=no:reuse=no", UdpListen::port(7007)),
        ] {
            let endpoint = datagram_from_string(text).unwrap();
            assert_eq!(endpoint.to_string(), text);
            let reactor = MemoryReactor::new();
            endpoint.listen(&reactor, Deaf).unwrap();
            assert_eq!(reactor.datagrams().listening(), [options], "{text}");
        }
    }

    #[test]
    fn mistakes_have_their_place() {
        for (text, said) in [
            ("udp:80o7", "character 5: \"80o7\" is not a port"),
            ("udp:", "character 5"),
            (
                "udp:1:reuse=maybe",
                "character 13: \"maybe\" is not yes or no",
            ),
            ("udp:1:backlog=2", "backlog"),
            ("udp6:1:interface=127.0.0.1", "is not an IPv6 address"),
            ("8007", "did you mean udp:8007?"),
            ("tcp:8007", "did you mean udp:8007?"),
            (
                "127.0.0.1:8007",
                "did you mean udp:8007:interface=127.0.0.1?",
            ),
            ("upd:8007", "the kinds are udp, udp6"),
        ] {
            let error = datagram_from_string(text).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
    }
}
