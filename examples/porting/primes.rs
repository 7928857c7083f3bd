//! Counts the primes up to each number that it is sent, a few at a time, and serves others meanwhile.

use std::error::Error;
use std::time::Duration;

use retwist::Reactor;
use retwist::endpoint::server_from_string;
use retwist::protocols::{Framed, LineReceiver, LineTransport};

struct Primes;

impl LineReceiver for Primes {
    fn line_received(&mut self, transport: &LineTransport, line: &[u8]) {
        match String::from_utf8_lossy(line).parse() {
            Ok(last) => self.count(transport, last, 2, 0),
            Err(_) => transport.send_line("a number, please"),
        }
    }
}

impl Primes {
    fn count(&mut self, transport: &LineTransport, last: u64, start: u64, found: usize) {
        let end = last.min(start + 999);
        let found = found + (start..=end).filter(is_prime).count();
        if end == last {
            transport.send_line(format!("{found} up to {last}"));
        } else {
            transport.call_later(Duration::ZERO, self, move |primes, transport| {
                primes.count(transport, last, end + 1, found);
            });
        }
    }
}

fn is_prime(number: &u64) -> bool {
    !(2..=number.isqrt()).any(|factor| number.is_multiple_of(factor))
}

fn main() -> Result<(), Box<dyn Error>> {
    let endpoint = std::env::args().nth(1).ok_or("usage: primes ENDPOINT")?;
    let reactor = Reactor::new()?;
    let port = server_from_string(&endpoint)?.listen(&reactor, |_| Framed::lines(Primes))?;
    println!("listening on {}", port.address());
    Ok(reactor.run()?)
}
