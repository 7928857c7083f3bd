//! Says on which port it serves, on sockets that systemd has opened.

use retwist::endpoint::server_from_string;
use retwist::{MainError, Protocol, Reactor, TransportRef};

struct Greeter;

impl Protocol for Greeter {
    fn connection_made(&mut self, transport: &TransportRef) {
        let port = transport.host().port().unwrap_or_default();
        transport.write(format!("you have reached port {port}\r\n").as_bytes());
        transport.lose_connection();
    }
}

fn main() -> Result<(), MainError> {
    let reactor = Reactor::new()?;
    for endpoint in std::env::args().skip(1) {
        let port = server_from_string(&endpoint)?.listen(&reactor, |_| Greeter)?;
        println!("listening on {}", port.address());
    }
    // Beyond the original: what needs this service waits until it is ready.
    #[cfg(unix)]
    retwist::ServiceManager::attach(&reactor)?;
    reactor.run()?;
    Ok(())
}
