use std::error::Error;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::str::FromStr;
use std::time::Duration;

use retwist_reactor::{Connector, FactoryRef, ReactorTcp, StreamSettings, TcpConnect, chain};
use retwist_tls::{ClientOptions, TlsFactory, TlsRole, TrustRoots};

use super::description::{Description, Value};
use super::tls::{self, Wrapped};
use super::{EndpointError, Mistake};

/// Somewhere to connect to, made by [`client_from_string`].
#[doc(alias = "IStreamClientEndpoint")]
#[derive(Clone)]
pub struct ClientEndpoint {
    text: String,
    kind: Kind,
}

#[derive(Clone)]
enum Kind {
    Tcp(TcpConnect),
    Tls(TcpConnect, TlsRole),
}

/// Understands where to connect to. Nothing is connected yet.
#[doc(alias = "clientFromString")]
pub fn client_from_string(text: &str) -> Result<ClientEndpoint, EndpointError> {
    let description = Description::parse(text)?;
    let kind = match description.kind.as_str() {
        "tcp" => tcp(text, description)?,
        "tls" | "ssl" => tls(text, description)?,
        _ => return Err(description.unknown_kind()),
    };
    Ok(ClientEndpoint {
        text: text.to_owned(),
        kind,
    })
}

fn tcp(text: &str, description: Description<'_>) -> Result<Kind, EndpointError> {
    let places = description.arguments(["host", "port", "timeout", "bindAddress"])?;
    Ok(Kind::Tcp(connect(text, places)?))
}

fn tls(text: &str, description: Description<'_>) -> Result<Kind, EndpointError> {
    let [host, port, timeout, bind, roots, certificate, key, name] = description.arguments([
        "host",
        "port",
        "timeout",
        "bindAddress",
        "trustRoots",
        "certificate",
        "privateKey",
        "name",
    ])?;
    let server = name
        .as_ref()
        .or(host.as_ref())
        .map(|name| name.value.clone());
    let connect = connect(text, [host, port, timeout, bind])?;

    let refused = |error: &dyn Error| EndpointError::new(text, 0, Mistake::Tls(chain(error)));
    let roots = match roots {
        Some(file) => TrustRoots::from_pem_file(&file.value)
            .map_err(|error| file.mistake(Mistake::Tls(chain(&error))))?,
        None => TrustRoots::platform().map_err(|error| refused(&error))?,
    };
    let mut options = ClientOptions::new(roots);
    if let Some(identity) = tls::identity(certificate, key)? {
        options = options.identity(identity);
    }
    let config = options.build().map_err(|error| refused(&error))?;
    let role = TlsRole::client(config, &server.unwrap_or_default());
    Ok(Kind::Tls(connect, role.map_err(|error| refused(&error))?))
}

fn connect(
    text: &str,
    [host_given, port, timeout, bind]: [Option<Value<'_>>; 4],
) -> Result<TcpConnect, EndpointError> {
    let missing = |name| Description::missing(text, name);
    let host = host(&host_given.ok_or_else(|| missing("host"))?)?;
    let port = port.ok_or_else(|| missing("port"))?;
    let wanted = "a port, a number from 1 to 65535";
    let port = port.read(wanted, |port| port.parse().ok().filter(|port| *port > 0))?;
    let mut connect = TcpConnect::address(SocketAddr::new(host, port));
    if let Some(timeout) = timeout {
        connect = connect.timeout(timeout.read("a number of seconds above 0", seconds)?);
    }
    if let Some(bind) = bind {
        let wanted = "an IP address of this machine, of the same family as the host's";
        let same_family = |address: &IpAddr| address.is_ipv4() == host.is_ipv4();
        let address = bind.read(wanted, |bind| bind.parse().ok().filter(same_family))?;
        connect = connect.bind_address(SocketAddr::new(address, 0));
    }
    Ok(connect)
}

/// No name is looked up here: that takes as long as it takes, and the reactor has only one thread.
fn host(value: &Value<'_>) -> Result<IpAddr, EndpointError> {
    match value.value.as_str() {
        "" => Err(value.mistake(Mistake::Missing("host"))),
        "localhost" => Ok(Ipv4Addr::LOCALHOST.into()),
        host => host
            .parse()
            .map_err(|_| value.mistake(Mistake::HostName(host.to_owned()))),
    }
}

fn seconds(text: &str) -> Option<Duration> {
    let duration = Duration::try_from_secs_f64(text.parse().ok()?).ok()?;
    (!duration.is_zero()).then_some(duration)
}

impl ClientEndpoint {
    /// Begins to connect; never done before a later turn. The protocol comes from `factory`, which
    /// also hears how it goes.
    pub fn connect(&self, reactor: &dyn ReactorTcp, factory: impl Into<FactoryRef>) -> Connector {
        match &self.kind {
            Kind::Tcp(connect) => reactor.connect(connect.clone(), factory.into()),
            Kind::Tls(connect, role) => {
                let factory = TlsFactory::new(role.clone(), Wrapped(factory.into()));
                reactor.connect(connect.clone(), factory.into())
            }
        }
    }

    /// The bounds of the connections that are made, where the defaults will not do.
    pub fn settings(self, settings: StreamSettings) -> Self {
        let kind = match self.kind {
            Kind::Tcp(connect) => Kind::Tcp(connect.settings(settings)),
            Kind::Tls(connect, role) => Kind::Tls(connect.settings(settings), role),
        };
        ClientEndpoint { kind, ..self }
    }
}

impl FromStr for ClientEndpoint {
    type Err = EndpointError;

    fn from_str(text: &str) -> Result<Self, EndpointError> {
        client_from_string(text)
    }
}

/// The string that it was made from.
impl fmt::Display for ClientEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for ClientEndpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientEndpoint({:?})", self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn connect(text: &str) -> TcpConnect {
        match client_from_string(text).unwrap().kind {
            Kind::Tcp(connect) => connect,
            Kind::Tls(..) => panic!("{text} is TLS"),
        }
    }

    #[test]
    fn destinations() {
        let to = |address: &str| TcpConnect::address(address.parse().unwrap());
        assert_eq!(connect("tcp:192.0.2.1:25"), to("192.0.2.1:25"));
        assert_eq!(connect("tcp:port=25:host=192.0.2.1"), to("192.0.2.1:25"));
        assert_eq!(connect("tcp:localhost:25"), to("127.0.0.1:25"));
        assert_eq!(connect(r"tcp:\:\:1:25"), to("[::1]:25"));
        assert_eq!(
            connect("tcp:192.0.2.1:25:timeout=0.5"),
            to("192.0.2.1:25").timeout(Duration::from_millis(500))
        );
        assert_eq!(
            connect("tcp:192.0.2.1:25:bindAddress=192.0.2.2"),
            to("192.0.2.1:25").bind_address("192.0.2.2:0".parse().unwrap())
        );
    }

    #[test]
    fn mistakes_have_a_place() {
        for (text, position, says) in [
            ("tcp", 3, "the host is missing"),
            ("tcp:", 4, "the host is missing"),
            ("tcp:localhost", 13, "the port is missing"),
            ("tcp:localhost:0", 14, "not a port"),
            ("tcp:example.org:80", 4, "cannot be looked up yet"),
            ("tcp:1.2.3.4:1:timeout=0", 22, "not a number of seconds"),
            ("tcp:1.2.3.4:1:timeout=NaN", 22, "not a number of seconds"),
            ("tcp:1.2.3.4:1:timeout=1e99", 22, "not a number of seconds"),
            (r"tcp:1.2.3.4:1:bindAddress=\:\:1", 26, "same family"),
            ("tcp6:localhost:1", 0, "no kind of endpoint"),
            ("unix:/tmp/socket", 0, "not supported yet"),
            ("tls:localhost:1:trustRoots=nowhere.pem", 27, "nowhere.pem"),
            ("tls:localhost:1:certificate=nowhere.pem", 28, "nowhere.pem"),
        ] {
            let error = client_from_string(text).unwrap_err();
            let message = error.to_string();
            assert_eq!(error.position(), position, "{message}");
            assert!(message.contains(says), "{message}");
        }
    }
}
