use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

use retwist_deferred::{Dialer, HostnameEndpoint};
use retwist_reactor::{FactoryRef, StreamSettings, TcpConnect, TcpListen};

use super::values;
use crate::endpoint::{
    ClientEndpoint, EndpointError, Endpoints, Network, Position, ServerEndpoint, Value,
};

const SERVER: [&str; 4] = ["port", "interface", "backlog", "ipv6Only"];
const CLIENT: [&str; 4] = ["host", "port", "timeout", "bindAddress"];

pub(super) fn add(endpoints: Endpoints) -> Endpoints {
    endpoints
        .server("tcp", SERVER, |position, given| {
            server(position, given, Ipv4Addr::UNSPECIFIED.into(), interface)
        })
        .server("tcp6", SERVER, |position, given| {
            server(position, given, Ipv6Addr::UNSPECIFIED.into(), interface6)
        })
        .client("tcp", CLIENT, client)
}

fn server(
    position: &Position,
    [port, address, backlog, v6_only]: [Option<Value>; 4],
    everywhere: IpAddr,
    interface: fn(&Value, u16) -> Result<SocketAddr, EndpointError>,
) -> Result<ServerEndpoint, EndpointError> {
    let port = port.ok_or_else(|| position.missing("port"))?;
    let port = port.read(wanted(&port), |port| port.parse().ok())?;
    let everywhere = SocketAddr::new(everywhere, port);
    let address = address.map_or(Ok(everywhere), |address| interface(&address, port))?;
    let mut listen = TcpListen::address(address).v6_only(values::yes(v6_only)?);
    if let Some(backlog) = backlog {
        let wanted = "a number of connections, at least 1";
        let at_least_one = |backlog: &u32| *backlog > 0;
        let backlog = backlog.read(wanted, |text| text.parse().ok().filter(at_least_one))?;
        listen = listen.backlog(backlog);
    }
    Ok(ServerEndpoint::new(move |reactor, settings, factory| {
        reactor.listen(listen.clone().settings(settings), factory)
    }))
}

/// An address is what other programs take in front of the port.
fn wanted(port: &Value) -> &'static str {
    if port.text().parse::<IpAddr>().is_ok() {
        "a port, a number from 0 to 65535; the address goes behind it, as in tcp:8007:interface=127.0.0.1"
    } else {
        "a port, a number from 0 to 65535"
    }
}

pub(super) fn interface(value: &Value, port: u16) -> Result<SocketAddr, EndpointError> {
    let wanted = "an IP address of this machine or localhost";
    values::interface(value, port, Ipv4Addr::LOCALHOST.into(), wanted, |_| true)
}

pub(super) fn interface6(value: &Value, port: u16) -> Result<SocketAddr, EndpointError> {
    let wanted = "an IPv6 address of this machine or localhost";
    let localhost = Ipv6Addr::LOCALHOST.into();
    values::interface(value, port, localhost, wanted, SocketAddr::is_ipv6)
}

/// The destination of a client.
#[derive(Clone)]
struct There {
    host: String,
    port: u16,
    timeout: Duration,
    bind_address: Option<IpAddr>,
}

fn client(
    position: &Position,
    [host, port, timeout, bind]: [Option<Value>; 4],
) -> Result<ClientEndpoint, EndpointError> {
    let host = host.ok_or_else(|| position.missing("host"))?;
    let name = values::host(&host)?;
    let port = values::port(&port.ok_or_else(|| position.missing("port"))?)?;
    let wanted = "an IP address of this machine, of the same family as the host's";
    let there: Option<IpAddr> = name.parse().ok();
    let same_family = |bind: &IpAddr| there.is_none_or(|there| there.is_ipv4() == bind.is_ipv4());
    let bind = bind.map(|bind| bind.read(wanted, |bind| bind.parse().ok().filter(same_family)));
    let there = There {
        host: name.clone(),
        port,
        timeout: timeout.map_or(Ok(Duration::from_secs(30)), |time| values::seconds(&time))?,
        bind_address: bind.transpose()?,
    };
    let endpoint = ClientEndpoint::new(move |network, settings| there.dialer(network, settings));
    Ok(endpoint.leading_to_value(&name, &host))
}

impl There {
    fn dialer(&self, network: &Network, settings: StreamSettings) -> Rc<dyn Dialer> {
        let reactor = network.reactor();
        let Some(address) = values::literal(&self.host, self.port) else {
            let endpoint =
                HostnameEndpoint::new(reactor, network.resolver(), &*self.host, self.port)
                    .timeout(self.timeout)
                    .settings(settings);
            return Rc::new(match self.bind_address {
                Some(address) => endpoint.bind_address(address),
                None => endpoint,
            });
        };
        let mut how = TcpConnect::address(address)
            .timeout(self.timeout)
            .settings(settings);
        if let Some(address) = self.bind_address {
            how = how.bind_address(SocketAddr::new(address, 0));
        }
        Rc::new(move |factory: FactoryRef| reactor.connect(how.clone(), factory))
    }
}
