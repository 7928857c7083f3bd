//! Connects a protocol, and tells it what to say.

use std::error::Error;
use std::time::Duration;

use retwist::deferred::DialerExt;
use retwist::endpoint::{Network, client_from_string};
use retwist::{
    Protocol, ProtocolHandle, Reactor, ReactorHandle, Reason, TransportRef, error_chain,
};

struct Greeter {
    reactor: ReactorHandle,
    transport: Option<TransportRef>,
}

impl Greeter {
    fn send_message(&mut self, message: &str) {
        if let Some(transport) = &self.transport {
            transport.write(format!("MESSAGE {message}\n").as_bytes());
        }
    }

    fn leave(&mut self) {
        if let Some(transport) = &self.transport {
            transport.lose_connection();
        }
    }
}

impl Protocol for Greeter {
    fn connection_made(&mut self, transport: &TransportRef) {
        self.transport = Some(transport.clone());
    }

    fn data_received(&mut self, _: &TransportRef, _: &[u8]) {}

    fn connection_lost(&mut self, _: &Reason) {
        self.reactor.stop();
    }
}

fn got_protocol(reactor: &ReactorHandle, p: ProtocolHandle<Greeter>) {
    p.call(|greeter| greeter.send_message("Hello"));
    let (later, last) = (p.clone(), p);
    reactor.call_later(Duration::from_millis(100), move || {
        later.call(|greeter| greeter.send_message("This is sent a little later"));
    });
    reactor.call_later(Duration::from_millis(200), move || {
        last.call(Greeter::leave)
    });
}

fn main() -> Result<(), Box<dyn Error>> {
    let endpoint = std::env::args().nth(1).ok_or("usage: greeter ENDPOINT")?;
    let reactor = Reactor::new()?;
    let point = client_from_string(&endpoint)?.on(&Network::new(&reactor));
    let greeter = Greeter {
        reactor: reactor.handle(),
        transport: None,
    };
    let handle = reactor.handle();
    point
        .connect_to(greeter)
        .done(move |connected| match connected {
            Ok(p) => got_protocol(&handle, p),
            Err(failure) => {
                eprintln!("{}", error_chain(&failure));
                handle.stop();
            }
        });
    reactor.run()?;
    Ok(())
}
