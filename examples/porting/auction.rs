//! A lamp is sold. All who are connected may bid for it: a number on a line.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::error::Error;
use std::rc::Rc;

use retwist::endpoint::server_from_string;
use retwist::protocols::{Framed, LineReceiver, LineTransport};
use retwist::{Address, Factory, IntoProtocol, Reactor, Reason};

/// What all bidders share.
#[derive(Default)]
struct Auction {
    highest: Cell<u64>,
    bidders: RefCell<HashMap<Address, LineTransport>>,
}

impl Factory for Auction {
    fn build_protocol(self: &Rc<Self>, peer: &Address) -> impl IntoProtocol {
        let (auction, paddle) = (self.clone(), peer.clone());
        Framed::lines(Bidder { auction, paddle })
    }
}

impl Auction {
    fn take(&self, bid: u64, paddle: &Address) {
        self.highest.set(bid);
        for (other, bidder) in &*self.bidders.borrow() {
            if other == paddle {
                bidder.send_line("yours");
            } else {
                bidder.send_line(format!("{bid} is bid"));
            }
        }
    }
}

struct Bidder {
    auction: Rc<Auction>,
    paddle: Address,
}

impl LineReceiver for Bidder {
    fn connection_made(&mut self, transport: &LineTransport) {
        let mut bidders = self.auction.bidders.borrow_mut();
        bidders.insert(self.paddle.clone(), transport.clone());
        transport.send_line(format!("a lamp, at {}", self.auction.highest.get()));
    }

    fn line_received(&mut self, transport: &LineTransport, line: &[u8]) {
        let highest = self.auction.highest.get();
        match str::from_utf8(line).ok().and_then(|bid| bid.parse().ok()) {
            Some(bid) if bid > highest => self.auction.take(bid, &self.paddle),
            _ => transport.send_line(format!("more than {highest}, please")),
        }
    }

    fn connection_lost(&mut self, _: &Reason) {
        self.auction.bidders.borrow_mut().remove(&self.paddle);
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let endpoint = std::env::args().nth(1).ok_or("usage: auction ENDPOINT")?;
    let reactor = Reactor::new()?;
    let port = server_from_string(&endpoint)?.listen_factory(&reactor, Auction::default())?;
    println!("listening on {}", port.address());
    reactor.run()?;
    Ok(())
}
