use retwist::{Clock, DescriptorStream, ProtocolRef, Reactor};
use retwist_conformance::streams::{Ability, Cut, Facts, How, Way};
use std::os::unix::net::UnixStream;
use std::time::Duration;

/// Connections over a pair of descriptors.
struct Gauge {
    how: How,
    reactor: Reactor,
}

impl Way for Gauge {
    fn facts() -> Facts {
        // A case that fills a connection writes this many bytes. A pair of descriptors
        // cannot show a break, and has no address.
        Facts::new(8_000_000)
            .without(Ability::ShowBreak)
            .without(Ability::BreakAPause)
            .without(Ability::NameEnds)
            .without(Ability::MoveTime)
    }

    fn new(how: How) -> Self {
        let reactor = Reactor::new().unwrap();
        Gauge { how, reactor }
    }

    fn connect(&mut self, client: ProtocolRef, server: ProtocolRef) {
        let (here, there) = UnixStream::pair().unwrap();
        let ends = [
            (there, server, &self.how.server),
            (here, client, &self.how.client),
        ];
        for (socket, protocol, settings) in ends {
            let stream = DescriptorStream::new(socket).settings(settings.clone());
            let protocol = Cut::under(protocol, self.how.cut);
            self.reactor.open_descriptors(stream, protocol).unwrap();
        }
    }

    fn pass(&self, wait: Duration) {
        self.reactor.iterate(wait).unwrap();
    }

    fn one_pass(&self) {
        self.pass(Duration::ZERO);
    }

    fn clock(&self) -> Clock {
        self.reactor.clock().clone()
    }
}

retwist_conformance::streams! {
    gauge: Gauge,
}
