//! Weighs some things on scales, one after the other, and again what is lost on the way.

use std::collections::VecDeque;
use std::error::Error;
use std::time::Duration;

use retwist::{
    Address, DatagramProtocol, DatagramTransport, DelayedCall, Reactor, ReactorHandle, Reason,
    UdpListen,
};

struct Weigher {
    reactor: ReactorHandle,
    weights: VecDeque<String>,
    again: Option<DelayedCall>,
}

impl Weigher {
    fn weigh(&mut self, transport: &DatagramTransport) {
        let Some(weight) = self.weights.front() else {
            return transport.stop_listening();
        };
        transport.send(weight.as_bytes());
        let again = transport.call_later(Duration::from_secs(5), self, Self::weigh);
        self.again = Some(again);
    }
}

impl DatagramProtocol for Weigher {
    fn start_protocol(&mut self, transport: &DatagramTransport) {
        self.weigh(transport);
    }

    fn datagram_received(&mut self, transport: &DatagramTransport, data: &[u8], _: &Address) {
        if let Some(again) = self.again.take() {
            again.cancel();
        }
        let weight = self.weights.pop_front().unwrap_or_default();
        println!("{weight}: {}", String::from_utf8_lossy(data));
        self.weigh(transport);
    }

    fn connection_refused(&mut self, transport: &DatagramTransport) {
        println!("there are no scales");
        // The timer ends with the port.
        transport.stop_listening();
    }

    fn stop_protocol(&mut self, _: &Reason) {
        self.reactor.stop();
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let port = arguments.next().ok_or("usage: weigher PORT WEIGHT...")?;
    let reactor = Reactor::new()?;
    let weigher = Weigher {
        reactor: reactor.handle(),
        weights: arguments.collect(),
        again: None,
    };
    let scales = ([127, 0, 0, 1], port.parse()?).into();
    reactor.listen_udp(UdpListen::connect(scales), weigher)?;
    Ok(reactor.run()?)
}
