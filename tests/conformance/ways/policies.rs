use std::cell::Cell;
use std::time::Duration;

use retwist::protocols::{
    FactoryPolicy, Limits, Policy, ProxyHeader, ProxyProtocol, SendProxyHeader, Tap, ThrottleReads,
    ThrottleWrites, Timeout,
};
use retwist::{Address, FactoryRef, ProtocolRef, StreamSettings};
use retwist_conformance::streams::{How, Layering};

/// All the layers that pass everything on, stacked.
pub struct Policies;

const DAY: Duration = Duration::from_secs(24 * 3600);

impl Layering for Policies {
    fn new(_: &How) -> Self {
        Policies
    }

    fn client(&self, above: ProtocolRef) -> ProtocolRef {
        let timed = Timeout::new().idle(DAY).total(DAY).wrap(above);
        let tapped = Tap::new().to(|_, _| ()).wrap(timed);
        ThrottleReads::each(u32::MAX, u32::MAX).wrap(tapped)
    }
}

/// Write throttles with a rate that no case reaches.
pub struct Throttled(How);

fn throttled(above: ProtocolRef, settings: &StreamSettings) -> ProtocolRef {
    ThrottleWrites::each(u32::MAX, u32::MAX)
        .output_limit(settings.output_limit)
        .close_timeout(settings.close_timeout)
        .wrap(above)
}

impl Layering for Throttled {
    fn new(how: &How) -> Self {
        Throttled(how.clone())
    }

    fn client(&self, above: ProtocolRef) -> ProtocolRef {
        throttled(above, &self.0.client)
    }

    fn server(&self, above: ProtocolRef) -> ProtocolRef {
        throttled(above, &self.0.server)
    }
}

/// The side that connects sends a PROXY header first.
pub struct Proxied;

impl Layering for Proxied {
    fn new(_: &How) -> Self {
        Proxied
    }

    fn client(&self, above: ProtocolRef) -> ProtocolRef {
        // Which leaves the addresses as they are.
        SendProxyHeader::v2(&ProxyHeader::local()).wrap(above)
    }

    fn server(&self, above: ProtocolRef) -> ProtocolRef {
        ProxyProtocol::trusting_anyone().wrap(above)
    }
}

/// The side that accepts counts its connections.
pub struct Limited(Limits);

impl Layering for Limited {
    fn new(_: &How) -> Self {
        Limited(Limits::new().total(1000))
    }

    fn client(&self, above: ProtocolRef) -> ProtocolRef {
        above
    }

    fn server(&self, above: ProtocolRef) -> ProtocolRef {
        let above = Cell::new(Some(above));
        let counted = self
            .0
            .clone()
            .factory(retwist::factory(move |_| above.take()));
        let counted = FactoryRef::from(counted).build_protocol(&Address::Unknown);
        counted.expect("it is below the limit")
    }
}
