use retwist_protocols::{FactoryPolicy, Limits};

use super::values;
use crate::endpoint::{EndpointError, Endpoints, Position, ServerEndpoint, Value};

pub(super) fn add(endpoints: Endpoints) -> Endpoints {
    endpoints.server_layer("limit", ["total", "perPeer", "ipv6Prefix"], server)
}

fn server(
    position: &Position,
    [total, per_peer, ipv6_prefix]: [Option<Value>; 3],
    below: ServerEndpoint,
) -> Result<ServerEndpoint, EndpointError> {
    if total.is_none() && per_peer.is_none() {
        return Err(position.missing("total or perPeer"));
    }
    let count = |value: Option<Value>| value.as_ref().map(values::count).transpose();
    let (total, per_peer) = (count(total)?, count(per_peer)?);
    let bits = |text: &str| text.parse().ok().filter(|bits: &u8| *bits <= 128);
    let ipv6_prefix = ipv6_prefix.map(|value| value.read("a number from 0 to 128", bits));
    let ipv6_prefix = ipv6_prefix.transpose()?;
    Ok(below.over(move |inner| {
        let mut limits = Limits::new();
        if let Some(total) = total {
            limits = limits.total(total as usize);
        }
        if let Some(per_peer) = per_peer {
            limits = limits.per_peer(per_peer as usize);
        }
        if let Some(bits) = ipv6_prefix {
            limits = limits.ipv6_prefix(bits);
        }
        limits.factory(inner)
    }))
}
