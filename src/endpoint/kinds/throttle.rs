use retwist_protocols::{FactoryPolicy, Policy, ThrottleReads, ThrottleWrites};

use super::values;
use crate::endpoint::{EndpointError, Endpoints, Position, Value};

pub(super) fn add(endpoints: Endpoints) -> Endpoints {
    let names = ["read", "write", "burst", "together"];
    endpoints
        .server_layer("throttle", names, |position, given, mut below| {
            let Throttle { reads, writes } = Throttle::of(position, given)?;
            if let Some(reads) = reads {
                below = below.over(move |inner| reads.reads().factory(inner));
            }
            if let Some(writes) = writes {
                below = below.over(move |inner| writes.writes().factory(inner));
            }
            Ok(below)
        })
        .client_layer("throttle", names, |position, given, mut below| {
            let Throttle { reads, writes } = Throttle::of(position, given)?;
            if let Some(reads) = reads.map(Rate::reads) {
                below = below.over(move |above| reads.wrap(above));
            }
            if let Some(writes) = writes.map(Rate::writes) {
                below = below.over(move |above| writes.wrap(above));
            }
            Ok(below)
        })
}

/// The rates of reading and writing.
struct Throttle {
    reads: Option<Rate>,
    writes: Option<Rate>,
}

#[derive(Clone, Copy)]
struct Rate {
    bytes: u32,
    burst: u32,
    together: bool,
}

impl Throttle {
    fn of(
        position: &Position,
        [read, write, burst, together]: [Option<Value>; 4],
    ) -> Result<Self, EndpointError> {
        if read.is_none() && write.is_none() {
            return Err(position.missing("read or write rate"));
        }
        let together = values::yes(together)?;
        let burst = burst.as_ref().map(values::count).transpose()?;
        let rate = |value: Option<Value>| {
            let bytes = value.as_ref().map(values::count).transpose()?;
            Ok(bytes.map(|bytes| Rate {
                bytes,
                burst: burst.unwrap_or(bytes),
                together,
            }))
        };
        Ok(Throttle {
            reads: rate(read)?,
            writes: rate(write)?,
        })
    }
}

impl Rate {
    fn reads(self) -> ThrottleReads {
        if self.together {
            ThrottleReads::together(self.bytes, self.burst)
        } else {
            ThrottleReads::each(self.bytes, self.burst)
        }
    }

    fn writes(self) -> ThrottleWrites {
        if self.together {
            ThrottleWrites::together(self.bytes, self.burst)
        } else {
            ThrottleWrites::each(self.bytes, self.burst)
        }
    }
}
