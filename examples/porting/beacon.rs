//! Blinks to a broadcast address or a multicast group, and says which others do.

use std::collections::HashSet;
use std::error::Error;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use retwist::{Address, DatagramProtocol, DatagramTransport, Reactor, UdpError, UdpListen};

struct Beacon {
    name: String,
    everyone: SocketAddr,
    seen: HashSet<String>,
}

impl Beacon {
    fn set_up(&self, transport: &DatagramTransport) -> Result<(), UdpError> {
        if !self.everyone.ip().is_multicast() {
            return transport.set_broadcast(true);
        }
        transport.join_group(self.everyone.ip(), Ipv4Addr::LOCALHOST.into())?;
        transport.set_multicast_interface(Ipv4Addr::LOCALHOST.into())
    }

    fn blink(&mut self, transport: &DatagramTransport) {
        transport.send_to(self.name.as_bytes(), &Address::Udp(self.everyone));
        transport.call_later(Duration::from_millis(100), self, Self::blink);
    }
}

impl DatagramProtocol for Beacon {
    fn start_protocol(&mut self, transport: &DatagramTransport) {
        if let Err(error) = self.set_up(transport) {
            eprintln!("{error}");
        }
        self.blink(transport);
    }

    fn datagram_received(&mut self, _: &DatagramTransport, data: &[u8], _: &Address) {
        let name = String::from_utf8_lossy(data).into_owned();
        if name != self.name && self.seen.insert(name.clone()) {
            println!("{name} blinks");
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [name, address, port] = &arguments[..] else {
        return Err("usage: beacon NAME ADDRESS PORT".into());
    };
    let everyone = SocketAddr::new(address.parse()?, port.parse()?);
    let options = UdpListen::port(everyone.port()).reuse_address(true);
    let beacon = Beacon {
        name: name.clone(),
        everyone,
        seen: HashSet::new(),
    };
    let reactor = Reactor::new()?;
    reactor.listen_udp(options, beacon)?;
    Ok(reactor.run()?)
}
