//! A gate that opens for a card and its number. Whether they belong together is a Deferred.

use std::cell::RefCell;
use std::collections::HashSet;
use std::error::Error;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use retwist::deferred::{Deferred, Failure, Outcome, defer_later};
use retwist::endpoint::server_from_string;
use retwist::protocols::{Framed, LineReceiver, LineTransport};
use retwist::{Address, Clock, Factory, IntoProtocol, Reactor};

#[derive(Debug)]
struct Denied;

impl fmt::Display for Denied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no entry")
    }
}

impl Error for Denied {}

/// Knows the cards. The first question about one takes a while.
struct Register {
    known: RefCell<HashSet<Vec<u8>>>,
    clock: Clock,
}

impl Register {
    fn check(&self, card: &[u8], number: &[u8]) -> Deferred<Vec<u8>, Denied> {
        let decision = decide(card, number);
        if self.known.borrow_mut().insert(card.to_vec()) {
            return defer_later(&self.clock, Duration::from_millis(100), || decision);
        }
        Deferred::from_outcome(decision)
    }
}

fn decide(card: &[u8], number: &[u8]) -> Outcome<Vec<u8>, Denied> {
    match (card, number) {
        (b"ann", b"1234") | (b"bob", b"9999") => Ok(card.to_vec()),
        _ => Err(Failure::Error(Denied)),
    }
}

impl Factory for Register {
    fn build_protocol(self: &Rc<Self>, _: &Address) -> impl IntoProtocol {
        Framed::lines(Gate {
            register: self.clone(),
            card: Vec::new(),
            visitor: b"outside".to_vec(),
        })
    }
}

struct Gate {
    register: Rc<Register>,
    card: Vec<u8>,
    visitor: Vec<u8>,
}

impl LineReceiver for Gate {
    fn line_received(&mut self, transport: &LineTransport, line: &[u8]) {
        if let Some(card) = line.strip_prefix(b"CARD ") {
            self.card = card.to_vec();
            transport.send_line("number?");
        } else if let Some(number) = line.strip_prefix(b"NUMBER ") {
            let check = self.register.check(&self.card, number);
            check.done_in(transport.me(self), Self::checked);
        } else {
            transport.send_line(&self.visitor);
        }
    }
}

impl Gate {
    fn checked(&mut self, transport: &LineTransport, check: Outcome<Vec<u8>, Denied>) {
        match check {
            Ok(visitor) => {
                transport.send_line([b"welcome, ", &visitor[..]].concat());
                self.visitor = visitor;
            }
            Err(Failure::Error(Denied)) => {
                transport.send_line("no entry");
                transport.lose_connection();
            }
            Err(_) => transport.abort_connection(),
        }
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let endpoint = std::env::args().nth(1).ok_or("usage: gate ENDPOINT")?;
    let reactor = Reactor::new()?;
    let register = Register {
        known: RefCell::default(),
        clock: reactor.clock().clone(),
    };
    let port = server_from_string(&endpoint)?.listen_factory(&reactor, register)?;
    println!("listening on {}", port.address());
    Ok(reactor.run()?)
}
