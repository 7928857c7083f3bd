use std::time::Duration;

use retwist::protocols::{
    Policy, ProxyHeader, ProxyProtocol, SendProxyHeader, Tap, ThrottleReads, ThrottleWrites,
    Timeout,
};
use retwist::{Clock, ProtocolRef};

use crate::way::{How, Way};

/// All the layers that pass everything on, stacked, on any way.
pub struct Policies<W>(W);

const DAY: Duration = Duration::from_secs(24 * 3600);

fn standing_by(above: ProtocolRef) -> ProtocolRef {
    let timed = Timeout::new().idle(DAY).total(DAY).wrap(above);
    let tapped = Tap::new().to(|_, _| ()).wrap(timed);
    ThrottleReads::each(u32::MAX, u32::MAX).wrap(tapped)
}

impl<W: Way> Way for Policies<W> {
    const MUCH: usize = W::MUCH;

    fn new(how: How) -> Self {
        Policies(W::new(how))
    }

    fn connect(&mut self, client: ProtocolRef, server: ProtocolRef) {
        self.0.connect(standing_by(client), standing_by(server));
    }

    fn pass(&self, wait: Duration) {
        self.0.pass(wait);
    }

    fn one_pass(&self) {
        self.0.one_pass();
    }

    fn clock(&self) -> Clock {
        self.0.clock()
    }
}

/// Write throttles with a rate that no case reaches, on any way.
pub struct Throttled<W> {
    way: W,
    how: How,
}

impl<W: Way> Way for Throttled<W> {
    const MUCH: usize = W::MUCH;

    fn new(how: How) -> Self {
        Throttled {
            way: W::new(how.clone()),
            how,
        }
    }

    fn connect(&mut self, client: ProtocolRef, server: ProtocolRef) {
        let [client, server] =
            [(client, &self.how.client), (server, &self.how.server)].map(|(above, settings)| {
                ThrottleWrites::each(u32::MAX, u32::MAX)
                    .output_limit(settings.output_limit)
                    .close_timeout(settings.close_timeout)
                    .wrap(above)
            });
        self.way.connect(client, server);
    }

    fn pass(&self, wait: Duration) {
        self.way.pass(wait);
    }

    fn one_pass(&self) {
        self.way.one_pass();
    }

    fn clock(&self) -> Clock {
        self.way.clock()
    }
}

/// The side that connects sends a PROXY header first, on any way.
pub struct Proxied<W>(W);

impl<W: Way> Way for Proxied<W> {
    const MUCH: usize = W::MUCH;

    fn new(how: How) -> Self {
        Proxied(W::new(how))
    }

    fn connect(&mut self, client: ProtocolRef, server: ProtocolRef) {
        // Which leaves the addresses as they are.
        let client = SendProxyHeader::v2(&ProxyHeader::local()).wrap(client);
        let server = ProxyProtocol::trusting_anyone().wrap(server);
        self.0.connect(client, server);
    }

    fn pass(&self, wait: Duration) {
        self.0.pass(wait);
    }

    fn one_pass(&self) {
        self.0.one_pass();
    }

    fn clock(&self) -> Clock {
        self.0.clock()
    }
}
