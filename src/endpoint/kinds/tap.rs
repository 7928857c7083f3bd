use retwist_protocols::{FactoryPolicy, Policy, Tap};

use super::values;
use crate::endpoint::{EndpointError, Endpoints, Value};

pub(super) fn add(endpoints: Endpoints) -> Endpoints {
    endpoints
        .server_layer("tap", ["limit"], |_, given, below| {
            let policy = policy(given)?;
            Ok(below.over(move |inner| policy.clone().factory(inner)))
        })
        .client_layer("tap", ["limit"], |_, given, below| {
            let policy = policy(given)?;
            Ok(below.over(move |above| policy.wrap(above)))
        })
}

fn policy([limit]: [Option<Value>; 1]) -> Result<Tap, EndpointError> {
    let limit = limit.as_ref().map(values::count).transpose()?;
    Ok(match limit {
        Some(bytes) => Tap::new().limit(bytes as usize),
        None => Tap::new(),
    })
}
