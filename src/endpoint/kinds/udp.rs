use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use retwist_reactor::UdpListen;

use super::{tcp, values};
use crate::endpoint::{DatagramEndpoint, EndpointError, Endpoints, Position, Value};

const NAMES: [&str; 4] = ["port", "interface", "reuse", "broadcast"];

pub(super) fn add(endpoints: Endpoints) -> Endpoints {
    endpoints
        .datagram("udp", NAMES, |position, given| {
            port(
                position,
                given,
                Ipv4Addr::UNSPECIFIED.into(),
                tcp::interface,
            )
        })
        .datagram("udp6", NAMES, |position, given| {
            port(
                position,
                given,
                Ipv6Addr::UNSPECIFIED.into(),
                tcp::interface6,
            )
        })
}

fn port(
    position: &Position,
    [port, address, reuse, broadcast]: [Option<Value>; 4],
    everywhere: IpAddr,
    interface: fn(&Value, u16) -> Result<SocketAddr, EndpointError>,
) -> Result<DatagramEndpoint, EndpointError> {
    let port = port.ok_or_else(|| position.missing("port"))?;
    let port = port.read("a port, a number from 0 to 65535", |port| port.parse().ok())?;
    let everywhere = SocketAddr::new(everywhere, port);
    let address = address.map_or(Ok(everywhere), |address| interface(&address, port))?;
    let options = UdpListen::address(address)
        .reuse_address(values::yes(reuse)?)
        .broadcast(values::yes(broadcast)?);
    Ok(DatagramEndpoint::new(move |reactor, protocol| {
        reactor.listen_datagrams(options.clone(), protocol)
    }))
}
