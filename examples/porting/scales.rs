//! Scales: each datagram puts a weight on them, and is answered with the sum.

use std::error::Error;

use retwist::{Address, DatagramProtocol, DatagramTransport, Reactor, UdpListen};

#[derive(Default)]
struct Scales {
    sum: u64,
}

impl DatagramProtocol for Scales {
    fn datagram_received(&mut self, transport: &DatagramTransport, data: &[u8], sender: &Address) {
        let answer = match String::from_utf8_lossy(data).parse::<u64>() {
            Ok(weight) => {
                self.sum = self.sum.saturating_add(weight);
                format!("{} in all", self.sum)
            }
            Err(_) => "a weight, please".to_owned(),
        };
        transport.send_to(answer.as_bytes(), sender);
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let port = std::env::args().nth(1).ok_or("usage: scales PORT")?;
    let options = UdpListen::port(port.parse()?).interface([127, 0, 0, 1]);
    let reactor = Reactor::new()?;
    let port = reactor.listen_udp(options, Scales::default())?;
    println!("listening on {}", port.address());
    Ok(reactor.run()?)
}
