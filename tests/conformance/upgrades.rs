//! Random conversations that enter and leave TLS, against a model. Each side receives exactly what
//! the other wrote, in clear or under any depth of TLS, and the bytes that come behind a change in
//! the same piece go to the next protocol.
//!
//! `RETWIST_SCHEDULES` sets how many are tried: see `tests/run`.

use std::rc::Rc;
use std::time::Duration;

use proptest::prelude::*;
use retwist::testing::Pair;
use retwist::tls::{TlsRole, TlsTransport, start_tls, stop_tls};
use retwist::{Protocol, ProtocolHandle, Reason, TransportRef};
use retwist_conformance::streams::{conversations, pattern_from};

use crate::ways::configs;

/// One side asks and the other answers, each with this many bytes; then both make the change.
#[derive(Clone, Debug)]
struct Exchange {
    /// Whether the side that accepted the connection asks.
    server_asks: bool,
    question: usize,
    answer: usize,
    change: Change,
    /// The reader pauses for this long after the first piece. Not after later ones: by then the
    /// other side may wait for a handshake, which has a deadline.
    pause: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Change {
    None,
    /// Into TLS; the side that accepted the connection may be the client of TLS.
    Start {
        reversed: bool,
    },
    Stop,
}

/// How deep the layers may be.
const DEEPEST: usize = 3;

fn exchange() -> impl Strategy<Value = Exchange> {
    let size = || prop_oneof![1_usize..100, 1_usize..5_000, Just(20_000)];
    let change = prop_oneof![
        1 => Just(Change::None),
        3 => any::<bool>().prop_map(|reversed| Change::Start { reversed }),
        3 => Just(Change::Stop),
    ];
    let pause = prop_oneof![3 => Just(None), 1 => (0_u64..20).prop_map(Some)];
    (any::<bool>(), size(), size(), change, pause).prop_map(
        |(server_asks, question, answer, change, pause)| Exchange {
            server_asks,
            question,
            answer,
            change,
            pause,
        },
    )
}

/// Removes the changes that cannot be made, and the last one, which the close would overtake.
fn possible(mut script: Vec<Exchange>) -> Vec<Exchange> {
    let mut depth = 0;
    if let Some(last) = script.last_mut() {
        last.change = Change::None;
    }
    for exchange in &mut script {
        match exchange.change {
            Change::Start { .. } if depth < DEEPEST => depth += 1,
            Change::Stop if depth > 0 => depth -= 1,
            _ => exchange.change = Change::None,
        }
    }
    script
}

/// One of the two.
struct Side {
    is_server: bool,
    script: Rc<[Exchange]>,
    /// Which exchange goes on.
    at: usize,
    /// How much of it is still to come from the peer.
    missing: usize,
    written: usize,
    received: Vec<u8>,
    /// The present and the next depth of TLS.
    depth: usize,
    lost: Option<Reason>,
}

impl Side {
    fn new(is_server: bool, script: &Rc<[Exchange]>) -> ProtocolHandle<Side> {
        ProtocolHandle::new(Side {
            is_server,
            script: script.clone(),
            at: 0,
            missing: 0,
            written: 0,
            received: Vec::new(),
            depth: 0,
            lost: None,
        })
    }

    fn exchange(&self) -> Option<Exchange> {
        self.script.get(self.at).cloned()
    }

    fn asks(&self, exchange: &Exchange) -> bool {
        exchange.server_asks == self.is_server
    }

    /// Begins the next exchange, or the one that a change has held up.
    fn begin(&mut self, transport: &TransportRef) {
        let Some(exchange) = self.exchange() else {
            if !self.is_server {
                transport.lose_connection();
            }
            return;
        };
        if self.asks(&exchange) {
            self.missing = exchange.answer;
            self.say(transport, exchange.question);
        } else {
            self.missing = exchange.question;
        }
    }

    /// In two writes.
    fn say(&mut self, transport: &TransportRef, count: usize) {
        let bytes = pattern_from(self.written, count);
        let (one, other) = bytes.split_at(count / 3);
        transport.write(one);
        transport.write(other);
        self.written += count;
    }

    /// The peer's part has come whole, with `rest` behind it.
    fn heard_all(&mut self, transport: &TransportRef, exchange: &Exchange, rest: &[u8]) {
        if !self.asks(exchange) {
            self.say(transport, exchange.answer);
        }
        self.at += 1;
        if exchange.change == Change::None {
            self.begin(transport);
            return match rest {
                [] => {}
                rest => self.data_received(transport, rest),
            };
        }
        // It is for the next protocol.
        transport.unread(rest);
        match exchange.change {
            Change::None => {}
            Change::Start { reversed } => {
                let (accepting, connecting) = configs();
                let role = if self.is_server == reversed {
                    TlsRole::client(connecting.clone(), "localhost").unwrap()
                } else {
                    TlsRole::server(accepting.clone())
                };
                self.depth += 1;
                let protected = start_tls(transport, role).unwrap();
                self.begin(&protected);
            }
            Change::Stop => {
                self.depth -= 1;
                stop_tls(transport).unwrap();
            }
        }
    }
}

impl Protocol for Side {
    fn connection_made(&mut self, transport: &TransportRef) {
        self.begin(transport);
    }

    fn transport_switched(&mut self, transport: &TransportRef) {
        // After a start it has begun already.
        let stopped = self.at > 0 && self.script[self.at - 1].change == Change::Stop;
        if stopped {
            assert_eq!(TlsTransport::of(transport).is_some(), self.depth > 0);
            self.begin(transport);
        }
    }

    fn data_received(&mut self, transport: &TransportRef, data: &[u8]) {
        let exchange = self.exchange().expect("nothing comes after the last");
        assert_eq!(TlsTransport::of(transport).is_some(), self.depth > 0);
        let whole = if self.asks(&exchange) {
            exchange.answer
        } else {
            exchange.question
        };
        let is_first = self.missing == whole;
        let (mine, rest) = data.split_at(data.len().min(self.missing));
        self.received.extend_from_slice(mine);
        self.missing -= mine.len();
        if self.missing == 0 {
            self.heard_all(transport, &exchange, rest);
        } else if let Some(milliseconds) = exchange.pause.filter(|_| is_first) {
            transport.pause_producing();
            let resumes = transport.clone();
            let pause = Duration::from_millis(milliseconds);
            transport
                .clock()
                .call_later(pause, move || resumes.resume_producing());
        }
    }

    fn connection_lost(&mut self, reason: &Reason) {
        assert!(self.lost.replace(reason.clone()).is_none());
    }
}

fn converse(script: Vec<Exchange>, cut: usize, delay: u64) {
    let script: Rc<[Exchange]> = possible(script).into();
    let sides = [false, true].map(|is_server| Side::new(is_server, &script));
    let pair = Pair::new(&sides[0], &sides[1])
        .cut(cut)
        .delay(Duration::from_millis(delay));
    pair.advance(Duration::from_secs(3600));
    let told = |side: &ProtocolHandle<Side>| {
        side.try_call(|side| {
            let reason = side.lost.clone().expect("the end is told");
            (
                side.at,
                side.written,
                std::mem::take(&mut side.received),
                reason,
            )
        })
        .expect("no call of it is running")
    };
    let [client, server] = [told(&sides[0]), told(&sides[1])];
    for (one, other) in [(&client, &server), (&server, &client)] {
        let (reached, _, received, reason) = one;
        assert_eq!(*reached, script.len(), "it ended early: {reason}");
        assert!(reason.is_clean(), "{reason}");
        assert!(
            *received == pattern_from(0, other.1),
            "other bytes than were written"
        );
    }
    assert_eq!(pair.clock().pending_calls(), 0, "a timer is left");
}

proptest! {
    #![proptest_config(conversations(50))]

    #[test]
    fn any_way_into_tls_and_out_of_it_loses_nothing(
        script in prop::collection::vec(exchange(), 1..10),
        // A delay for each byte would let the handshake take longer than it may.
        (cut, delay) in prop_oneof![
            (prop_oneof![Just(1_usize), Just(3), Just(64), Just(usize::MAX)], Just(0_u64)),
            (prop_oneof![Just(1_000_usize), Just(usize::MAX)], 0_u64..5),
        ],
    ) {
        converse(script, cut, delay);
    }
}
