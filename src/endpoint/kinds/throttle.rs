use retwist_protocols::{FactoryPolicy, Policy, ThrottleReads, ThrottleWrites};

use super::values;
use crate::endpoint::{EndpointError, Endpoints, Place, Value};

pub(super) fn add(endpoints: Endpoints) -> Endpoints {
    let names = ["read", "write", "burst", "together"];
    endpoints
        .server_layer("throttle", names, |place, given, mut below| {
            let (reads, writes) = policies(place, given)?;
            if let Some(reads) = reads {
                below = below.over(move |inner| reads.clone().factory(inner));
            }
            if let Some(writes) = writes {
                below = below.over(move |inner| writes.clone().factory(inner));
            }
            Ok(below)
        })
        .client_layer("throttle", names, |place, given, mut below| {
            let (reads, writes) = policies(place, given)?;
            if let Some(reads) = reads {
                below = below.over(move |above| reads.wrap(above));
            }
            if let Some(writes) = writes {
                below = below.over(move |above| writes.wrap(above));
            }
            Ok(below)
        })
}

type Policies = (Option<ThrottleReads>, Option<ThrottleWrites>);

fn policies(
    place: &Place,
    [read, write, burst, together]: [Option<Value>; 4],
) -> Result<Policies, EndpointError> {
    if read.is_none() && write.is_none() {
        return Err(place.missing("read or write rate"));
    }
    let (reads, writes) = match values::yes(together)? {
        true => (
            ThrottleReads::together as fn(_, _) -> _,
            ThrottleWrites::together as fn(_, _) -> _,
        ),
        false => (
            ThrottleReads::each as fn(_, _) -> _,
            ThrottleWrites::each as fn(_, _) -> _,
        ),
    };
    let burst = burst.as_ref().map(values::count).transpose()?;
    let read = read.as_ref().map(values::count).transpose()?;
    let write = write.as_ref().map(values::count).transpose()?;
    Ok((
        read.map(|rate| reads(rate, burst.unwrap_or(rate))),
        write.map(|rate| writes(rate, burst.unwrap_or(rate))),
    ))
}
