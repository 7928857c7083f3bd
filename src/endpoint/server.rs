use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use retwist_reactor::{
    FactoryRef, ListenError, ListeningPort, ReactorTcp, StreamSettings, TcpListen, chain,
};
use retwist_tls::{ServerOptions, TlsFactory, TlsRole};

use super::description::{Description, Value};
use super::tls::{self, Wrapped};
use super::{EndpointError, Mistake};

/// Somewhere to listen, made by [`server_from_string`].
#[doc(alias = "IStreamServerEndpoint")]
#[derive(Clone)]
pub struct ServerEndpoint {
    text: String,
    kind: Kind,
}

#[derive(Clone)]
enum Kind {
    Tcp(TcpListen),
    Tls(TcpListen, TlsRole),
}

/// Understands where to listen. Nothing is opened yet.
#[doc(alias = "serverFromString")]
pub fn server_from_string(text: &str) -> Result<ServerEndpoint, EndpointError> {
    let description = Description::parse(text)?;
    let kind = match description.kind.as_str() {
        "tcp" => tcp(text, description, Ipv4Addr::UNSPECIFIED.into(), interface)?,
        "tcp6" => tcp(text, description, Ipv6Addr::UNSPECIFIED.into(), interface6)?,
        "tls" | "ssl" => tls(text, description)?,
        _ => return Err(description.unknown_kind()),
    };
    Ok(ServerEndpoint {
        text: text.to_owned(),
        kind,
    })
}

/// What understands the value of `interface`.
type Interface = fn(&Value<'_>) -> Result<IpAddr, EndpointError>;

fn tcp(
    text: &str,
    description: Description<'_>,
    everywhere: IpAddr,
    interface: Interface,
) -> Result<Kind, EndpointError> {
    let places = description.arguments(["port", "interface", "backlog"])?;
    Ok(Kind::Tcp(listen(text, places, everywhere, interface)?))
}

fn tls(text: &str, description: Description<'_>) -> Result<Kind, EndpointError> {
    let [port, address, backlog, key, certificate] =
        description.arguments(["port", "interface", "backlog", "privateKey", "certKey"])?;
    let everywhere = Ipv4Addr::UNSPECIFIED.into();
    let listen = listen(text, [port, address, backlog], everywhere, interface)?;
    let Some(identity) = tls::identity(certificate, key)? else {
        return Err(Description::missing(text, "privateKey"));
    };
    let config = ServerOptions::new(identity).build();
    let refused = |error| Mistake::Tls(chain(&error));
    let config = config.map_err(|error| EndpointError::new(text, 0, refused(error)))?;
    Ok(Kind::Tls(listen, TlsRole::server(config)))
}

fn listen(
    text: &str,
    [port, address, backlog]: [Option<Value<'_>>; 3],
    everywhere: IpAddr,
    interface: Interface,
) -> Result<TcpListen, EndpointError> {
    let port = port.ok_or_else(|| Description::missing(text, "port"))?;
    let port = port.read("a port, a number from 0 to 65535", |port| port.parse().ok())?;
    let address = match address {
        Some(address) => interface(&address)?,
        None => everywhere,
    };
    let listen = TcpListen::port(port).interface(address);
    let Some(backlog) = backlog else {
        return Ok(listen);
    };
    let wanted = "a number of connections, at least 1";
    let at_least_one = |backlog: &u32| *backlog > 0;
    let backlog = backlog.read(wanted, |text| text.parse().ok().filter(at_least_one))?;
    Ok(listen.backlog(backlog))
}

fn interface(value: &Value<'_>) -> Result<IpAddr, EndpointError> {
    let wanted = "an IP address of this machine or localhost";
    value.read(wanted, |interface| match interface {
        "localhost" => Some(Ipv4Addr::LOCALHOST.into()),
        _ => interface.parse().ok(),
    })
}

fn interface6(value: &Value<'_>) -> Result<IpAddr, EndpointError> {
    let wanted = "an IPv6 address of this machine or localhost";
    value.read(wanted, |interface| match interface {
        "localhost" => Some(Ipv6Addr::LOCALHOST.into()),
        _ => interface.parse::<Ipv6Addr>().ok().map(IpAddr::from),
    })
}

impl ServerEndpoint {
    /// Listens. The protocols come from `factory`, which may be a closure.
    pub fn listen(
        &self,
        reactor: &dyn ReactorTcp,
        factory: impl Into<FactoryRef>,
    ) -> Result<ListeningPort, ListenError> {
        match &self.kind {
            Kind::Tcp(listen) => reactor.listen(listen.clone(), factory.into()),
            Kind::Tls(listen, role) => {
                let factory = TlsFactory::new(role.clone(), Wrapped(factory.into()));
                reactor.listen(listen.clone(), factory.into())
            }
        }
    }

    /// The bounds of the connections that are accepted, where the defaults will not do.
    pub fn settings(self, settings: StreamSettings) -> Self {
        let kind = match self.kind {
            Kind::Tcp(listen) => Kind::Tcp(listen.settings(settings)),
            Kind::Tls(listen, role) => Kind::Tls(listen.settings(settings), role),
        };
        ServerEndpoint { kind, ..self }
    }
}

impl FromStr for ServerEndpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        server_from_string(text)
    }
}

/// The string that it was made from.
impl fmt::Display for ServerEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for ServerEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ServerEndpoint({:?})", self.text)
    }
}

#[cfg(test)]
mod tests {
    use retwist_reactor::testing::MemoryReactor;
    use retwist_reactor::{Address, Protocol, TransportRef};

    use super::*;
    use crate::endpoint::Mistake;

    struct Deaf;

    impl Protocol for Deaf {
        fn data_received(&mut self, _: &TransportRef, _: &[u8]) {}
    }

    #[track_caller]
    fn listened(text: &str) -> TcpListen {
        let reactor = MemoryReactor::new();
        let endpoint = server_from_string(text).unwrap();
        endpoint.listen(&reactor, |_: &Address| Deaf).unwrap();
        reactor.listening().remove(0)
    }

    #[test]
    fn ports() {
        let port = TcpListen::port(8007);
        assert_eq!(listened("tcp:8007"), port);
        assert_eq!(listened("tcp:port=8007"), port);
        let local = port.clone().interface(Ipv4Addr::LOCALHOST);
        assert_eq!(listened("tcp:8007:interface=127.0.0.1"), local);
        assert_eq!(listened("tcp:interface=127.0.0.1:port=8007"), local);
        assert_eq!(listened("tcp:8007:127.0.0.1"), local);
        assert_eq!(listened("tcp:8007:interface=localhost"), local);
        assert_eq!(listened("tcp:8007:backlog=5"), port.clone().backlog(5));
        let six = port.clone().interface(Ipv6Addr::UNSPECIFIED);
        assert_eq!(listened("tcp6:8007"), six);
        let local = port.interface(Ipv6Addr::LOCALHOST);
        assert_eq!(listened(r"tcp6:8007:interface=\:\:1"), local);
        assert_eq!(listened(r"tcp:8007:interface=\:\:1"), local);
        assert_eq!(listened("tcp6:8007:interface=localhost"), local);
    }

    #[test]
    fn settings_are_passed_on() {
        let settings = StreamSettings {
            output_limit: 1,
            ..StreamSettings::default()
        };
        let reactor = MemoryReactor::new();
        let endpoint = server_from_string("tcp:1").unwrap();
        let endpoint = endpoint.settings(settings.clone());
        endpoint.listen(&reactor, |_: &Address| Deaf).unwrap();
        assert_eq!(reactor.listening(), [TcpListen::port(1).settings(settings)]);
    }

    #[test]
    fn mistakes_have_a_place() {
        let value = |given: &str| Mistake::Value {
            given: given.into(),
            wanted: "",
        };
        let table = [
            ("", 0, Mistake::UnknownKind(String::new())),
            ("8007", 0, Mistake::UnknownKind("8007".into())),
            ("tcp4:1", 0, Mistake::UnknownKind("tcp4".into())),
            ("=:1", 0, Mistake::UnknownKind("=".into())),
            ("stdio:", 0, Mistake::KindNotYet("stdio".into())),
            ("tls:443", 7, Mistake::Missing("privateKey")),
            (r"unix:\:\=\\", 0, Mistake::KindNotYet("unix".into())),
            ("tcp", 3, Mistake::Missing("port")),
            ("tcp:1:interface=::1", 17, Mistake::TooMany(String::new())),
            ("tcp:", 4, value("")),
            ("tcp:-1", 4, value("-1")),
            ("tcp:65536", 4, value("65536")),
            ("tcp:1:interface=eth0", 16, value("eth0")),
            ("tcp6:1:interface=127.0.0.1", 17, value("127.0.0.1")),
            ("tcp:1:backlog=0", 14, value("0")),
            (
                "tcp:1:interfaec=::1",
                6,
                Mistake::UnknownName("interfaec".into()),
            ),
            ("tcp:1:port=2", 6, Mistake::Twice("port")),
            ("tcp:1:", 6, value("")),
            ("tcp:1:::", 8, Mistake::TooMany(String::new())),
            (r"é:\x", 2, Mistake::Escape),
            (r"tcp:1\", 5, Mistake::Escape),
        ];
        for (text, position, expected) in table {
            let error = server_from_string(text).unwrap_err();
            let mistake = match error.mistake().clone() {
                Mistake::Value { given, .. } => value(&given),
                mistake => mistake,
            };
            assert_eq!((error.position(), mistake), (position, expected), "{text}");
        }
    }
}
