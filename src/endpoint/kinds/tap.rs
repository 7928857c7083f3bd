use retwist_protocols::{FactoryPolicy, Policy, Tap};

use super::values;
use crate::endpoint::{EndpointError, Endpoints, Value};

pub(super) fn add(endpoints: Endpoints) -> Endpoints {
    endpoints
        .server_layer("tap", ["limit"], |_, given, below| {
            let limit = limit(given)?;
            Ok(below.over(move |inner| tap(limit).factory(inner)))
        })
        .client_layer("tap", ["limit"], |_, given, below| {
            let policy = tap(limit(given)?);
            Ok(below.over(move |above| policy.wrap(above)))
        })
}

/// The number of bytes of each piece that are logged.
fn limit([limit]: [Option<Value>; 1]) -> Result<Option<u32>, EndpointError> {
    limit.as_ref().map(values::count).transpose()
}

fn tap(limit: Option<u32>) -> Tap {
    match limit {
        Some(bytes) => Tap::new().limit(bytes as usize),
        None => Tap::new(),
    }
}
