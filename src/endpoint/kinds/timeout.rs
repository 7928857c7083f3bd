use retwist_protocols::{FactoryPolicy, Policy, Timeout};

use super::values;
use crate::endpoint::{EndpointError, Endpoints, Position, Value};

pub(super) fn add(endpoints: Endpoints) -> Endpoints {
    let names = ["idle", "total", "grace"];
    endpoints
        .server_layer("timeout", names, |position, given, below| {
            let policy = policy(position, given)?;
            Ok(below.over(move |inner| policy.clone().factory(inner)))
        })
        .client_layer("timeout", names, |position, given, below| {
            let policy = policy(position, given)?;
            Ok(below.over(move |above| policy.wrap(above)))
        })
}

fn policy(
    position: &Position,
    [idle, total, grace]: [Option<Value>; 3],
) -> Result<Timeout, EndpointError> {
    if idle.is_none() && total.is_none() {
        return Err(position.missing("idle or total"));
    }
    let mut policy = Timeout::new();
    if let Some(idle) = idle {
        policy = policy.idle(values::seconds(&idle)?);
    }
    if let Some(total) = total {
        policy = policy.total(values::seconds(&total)?);
    }
    if let Some(grace) = grace {
        policy = policy.grace(values::seconds(&grace)?);
    }
    Ok(policy)
}
