//! A lamp is sold. All who are connected may bid for it: a number on a line.

use std::cell::RefCell;
use std::collections::HashMap;
use std::error::Error;
use std::rc::Rc;

use retwist::endpoint::server_from_string;
use retwist::protocols::{Framed, LineReceiver, LineTransport};
use retwist::{Address, Reactor, Reason};

/// What all bidders share.
#[derive(Default)]
struct Auction {
    highest: u64,
    bidders: HashMap<Address, LineTransport>,
}

impl Auction {
    fn take(&mut self, bid: u64, paddle: &Address) {
        self.highest = bid;
        for (other, bidder) in &self.bidders {
            if other == paddle {
                bidder.send_line("yours");
            } else {
                bidder.send_line(format!("{bid} is bid"));
            }
        }
    }
}

struct Bidder {
    auction: Rc<RefCell<Auction>>,
    paddle: Address,
}

impl LineReceiver for Bidder {
    fn connection_made(&mut self, transport: &LineTransport) {
        let mut auction = self.auction.borrow_mut();
        transport.send_line(format!("a lamp, at {}", auction.highest));
        auction
            .bidders
            .insert(self.paddle.clone(), transport.clone());
    }

    fn line_received(&mut self, transport: &LineTransport, line: &[u8]) {
        let bid = str::from_utf8(line).ok().and_then(|bid| bid.parse().ok());
        let mut auction = self.auction.borrow_mut();
        match bid {
            Some(bid) if bid > auction.highest => auction.take(bid, &self.paddle),
            _ => transport.send_line(format!("more than {}, please", auction.highest)),
        }
    }

    fn connection_lost(&mut self, _: &Reason) {
        self.auction.borrow_mut().bidders.remove(&self.paddle);
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let endpoint = std::env::args().nth(1).ok_or("usage: auction ENDPOINT")?;
    let auction = Rc::<RefCell<Auction>>::default();
    let factory = move |peer: &Address| {
        let (auction, paddle) = (auction.clone(), peer.clone());
        Framed::lines(Bidder { auction, paddle })
    };
    let reactor = Reactor::new()?;
    let port = server_from_string(&endpoint)?.listen(&reactor, factory)?;
    println!("listening on {}", port.address());
    reactor.run()?;
    Ok(())
}
