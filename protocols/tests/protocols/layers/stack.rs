//! Every layer, and stacks of them.

use std::rc::Rc;
use std::time::Duration;

use retwist_protocols::{
    FactoryPolicy, Limits, Policy, ProxyHeader, ProxyProtocol, SendProxyHeader, Tap, ThrottleReads,
    ThrottleWrites, Timeout,
};
use retwist_reactor::testing::{Pair, Side};
use retwist_reactor::{Address, Channel, FactoryRef, Layer, ProtocolRef, Seat, factory};

use crate::common::address;

pub(crate) const HOUR: Duration = Duration::from_secs(3600);

/// A layer to be put under a client and the one that belongs under its server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Timeout,
    ReadThrottle,
    WriteThrottle,
    Limits,
    Tap,
    ProxyV1,
    ProxyV2,
    Negotiation,
}

pub(crate) const KINDS: [Kind; 8] = [
    Kind::Timeout,
    Kind::ReadThrottle,
    Kind::WriteThrottle,
    Kind::Limits,
    Kind::Tap,
    Kind::ProxyV1,
    Kind::ProxyV2,
    Kind::Negotiation,
];

impl Kind {
    fn under_client(self, above: ProtocolRef) -> ProtocolRef {
        let header = ProxyHeader::client(address("192.0.2.1:1234"), address("198.51.100.9:443"));
        match self {
            Kind::ProxyV1 => SendProxyHeader::v1(&header).wrap(above),
            Kind::ProxyV2 => SendProxyHeader::v2(&header).wrap(above),
            _ => self.under_server(above),
        }
    }

    fn under_server(self, above: ProtocolRef) -> ProtocolRef {
        match self {
            Kind::Timeout => Timeout::new().idle(HOUR).total(2 * HOUR).wrap(above),
            Kind::ReadThrottle => ThrottleReads::each(100_000, 10_000).wrap(above),
            Kind::WriteThrottle => ThrottleWrites::each(100_000, 10_000).wrap(above),
            Kind::Limits => {
                let limited = Limits::new()
                    .total(1)
                    .factory(factory(move |_| above.clone()));
                FactoryRef::from(limited)
                    .build_protocol(&Address::Unknown)
                    .expect("there is room")
            }
            Kind::Tap => Tap::new()
                .to(|_, event| drop(event.to_string()))
                .wrap(above),
            Kind::ProxyV1 | Kind::ProxyV2 => {
                ProxyProtocol::trusting(["192.0.2.1".parse().expect("a prefix")]).wrap(above)
            }
            Kind::Negotiation => Negotiation::new(above).as_protocol(),
        }
    }
}

/// The first of `kinds` is nearest to the wire.
pub(crate) fn stack(kinds: &[Kind], client: ProtocolRef, server: ProtocolRef) -> Pair {
    let client = kinds
        .iter()
        .rfold(client, |above, kind| kind.under_client(above));
    let server = kinds
        .iter()
        .rfold(server, |above, kind| kind.under_server(above));
    Pair::new(client, server)
}

/// Says that a handshake is completed before it delivers anything.
struct Negotiation {
    seat: Seat,
}

impl Negotiation {
    fn new(above: ProtocolRef) -> Rc<Self> {
        Rc::new_cyclic(|me| Negotiation {
            seat: Seat::new(me, above),
        })
    }
}

impl Channel for Negotiation {
    fn seat(&self) -> &Seat {
        &self.seat
    }
}

impl Layer for Negotiation {
    fn connection_made(&self) {
        self.seat.open();
        self.seat.handshake_completed();
    }
}

/// What the log of one end must be, whatever the stack, with these things in between.
pub(crate) fn expected(kinds: &[Kind], side: Side, between: &[&str]) -> Vec<String> {
    let proxied = kinds
        .iter()
        .any(|kind| matches!(kind, Kind::ProxyV1 | Kind::ProxyV2));
    let made = match side {
        Side::Client => "made server client",
        Side::Server if proxied => "made 192.0.2.1:1234 198.51.100.9:443",
        Side::Server => "made client server",
    };
    let handshakes = kinds
        .iter()
        .filter(|kind| **kind == Kind::Negotiation)
        .count();
    let mut log = vec![made.to_owned()];
    // More than one handshake may be told as one.
    log.extend((0..handshakes.min(1)).map(|_| "handshake".to_owned()));
    log.extend(between.iter().map(|&what| what.to_owned()));
    log
}
