//! Small requests with large answers, all in one delivery.

use std::cell::Cell;
use std::rc::Rc;

use retwist_protocols::{Framed, LineReceiver, LineTransport};
use retwist_reactor::testing::Pair;
use retwist_reactor::{Protocol, Reason, TransportRef};

const REQUESTS: usize = 20_000;
const ANSWER: [u8; 4096] = [b'x'; 4096];

/// What has happened so far.
#[derive(Default)]
struct Seen {
    answered: Cell<usize>,
    /// The most bytes that have waited to be sent.
    waiting: Cell<usize>,
    heard: Cell<usize>,
    lost: Cell<bool>,
}

struct Server(Rc<Seen>);

impl LineReceiver for Server {
    fn line_received(&mut self, transport: &LineTransport, line: &[u8]) {
        assert_eq!(line, b"G");
        self.0.answered.set(self.0.answered.get() + 1);
        transport.send_line(ANSWER);
        let waiting = self.0.waiting.get().max(transport.buffered());
        self.0.waiting.set(waiting);
    }
}

/// Asks for all at once, and reads all the time, or not at all.
struct Client {
    reads: bool,
    seen: Rc<Seen>,
}

impl Protocol for Client {
    fn connection_made(&mut self, transport: &TransportRef) {
        transport.write(&b"G\r\n".repeat(REQUESTS));
        if !self.reads {
            transport.pause_producing();
        }
    }

    fn data_received(&mut self, _: &TransportRef, data: &[u8]) {
        self.seen.heard.set(self.seen.heard.get() + data.len());
    }

    fn connection_lost(&mut self, _: &Reason) {
        self.seen.lost.set(true);
    }
}

fn ask(reads: bool) -> (Pair, Rc<Seen>) {
    let seen = Rc::new(Seen::default());
    let client = Client {
        reads,
        seen: seen.clone(),
    };
    let pair = Pair::new(client, Framed::lines(Server(seen.clone())));
    pair.run();
    (pair, seen)
}

#[test]
fn a_client_that_reads_gets_all_answers() {
    let (_pair, seen) = ask(true);
    assert!(!seen.lost.get());
    assert_eq!(seen.answered.get(), REQUESTS);
    assert_eq!(seen.heard.get(), REQUESTS * (ANSWER.len() + 2));
}

#[test]
fn a_client_that_does_not_read_costs_no_more_than_the_high_water_mark() {
    let (_pair, seen) = ask(false);
    assert!(!seen.lost.get());
    assert!(seen.answered.get() < REQUESTS);
    // One answer is added to the last that was within it.
    let bound = 64 * 1024 + ANSWER.len() + 2;
    assert!(seen.waiting.get() <= bound, "{} bytes", seen.waiting.get());
}
