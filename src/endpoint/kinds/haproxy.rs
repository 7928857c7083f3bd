use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use retwist_protocols::{
    FactoryPolicy, IpPrefix, Policy, ProxyHeader, ProxyProtocol, SendProxyHeader,
};
use retwist_reactor::Address;

use super::values;
use crate::endpoint::{ClientEndpoint, EndpointError, Endpoints, Position, ServerEndpoint, Value};

pub(super) fn add(mut endpoints: Endpoints) -> Endpoints {
    for kind in ["haproxy", "proxy"] {
        endpoints = endpoints
            .server_layer(kind, ["trusted", "timeout"], server)
            .client_layer(kind, ["version", "source", "destination"], client);
    }
    endpoints
}

fn server(
    _: &Position,
    [trusted, timeout]: [Option<Value>; 2],
    below: ServerEndpoint,
) -> Result<ServerEndpoint, EndpointError> {
    let mut policy = match trusted {
        None => ProxyProtocol::trusting([
            IpPrefix::new(Ipv4Addr::LOCALHOST.into(), 8),
            IpAddr::from(Ipv6Addr::LOCALHOST).into(),
        ]),
        Some(trusted) if trusted.text() == "any" => ProxyProtocol::trusting_anyone(),
        Some(trusted) => {
            let wanted = "any, or addresses such as 10.0.0.0/8,192.0.2.1";
            ProxyProtocol::trusting(values::list(&trusted, wanted, |text| text.parse().ok())?)
        }
    };
    if let Some(timeout) = timeout {
        policy = policy.deadline(values::seconds(&timeout)?);
    }
    Ok(below.over(move |inner| policy.clone().factory(inner)))
}

fn client(
    position: &Position,
    [version, source, destination]: [Option<Value>; 3],
    below: ClientEndpoint,
) -> Result<ClientEndpoint, EndpointError> {
    let header = match (source, destination) {
        (None, None) => ProxyHeader::local(),
        (Some(source), Some(destination)) => ProxyHeader::client(
            Address::from(values::address(&source)?),
            Address::from(values::address(&destination)?),
        ),
        (Some(_), None) => return Err(position.missing("destination")),
        (None, Some(_)) => return Err(position.missing("source")),
    };
    let first = version.map_or(Ok(false), |version| {
        version.read("1 or 2", |text| match text {
            "1" => Some(true),
            "2" => Some(false),
            _ => None,
        })
    })?;
    let policy = if first {
        SendProxyHeader::v1(&header)
    } else {
        SendProxyHeader::v2(&header)
    };
    Ok(below.over(move |above| policy.wrap(above)))
}
