//! Ports of datagrams with a bug: networks that lose, repeat and reorder where the suite expects a
//! machine alone with itself, and ways that do not keep to what they were told.

use std::cell::Cell;
use std::mem;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use retwist_conformance::datagrams::{Facts, Kind, Open, Way, case};
use retwist_reactor::testing::{DatagramNetwork, Fate};
use retwist_reactor::{
    Clock, DatagramProtocolRef, ListenError, ListeningPort, ReactorUdp, UdpListen,
};

use super::silently;

const LOSES: u8 = 1;
const REPEATS: u8 = 2;
const REORDERS: u8 = 3;
const TAKES_ANY_LENGTH: u8 = 4;
const CONNECTS_NOTHING: u8 = 5;
const IS_DEAF: u8 = 6;
const IS_STUCK: u8 = 7;

struct Broken<const BUG: u8>(Option<DatagramNetwork>);

impl<const BUG: u8> Way for Broken<BUG> {
    fn facts() -> Facts {
        Facts::new(65_507)
    }

    fn new() -> Self {
        let network = DatagramNetwork::new();
        let count = Cell::new(0);
        network.fates(move |_| {
            count.set(count.get() + 1);
            let is_tenth = count.get() % 10 == 0;
            match BUG {
                LOSES if is_tenth => Fate::Lost,
                REPEATS if is_tenth => Fate::Repeated(vec![Duration::ZERO; 2]),
                REORDERS if is_tenth => Fate::Late(Duration::from_millis(5)),
                _ => Fate::Arrives,
            }
        });
        Broken(Some(network))
    }

    fn open(
        &self,
        open: Open,
        protocol: DatagramProtocolRef,
    ) -> Result<ListeningPort, ListenError> {
        let at = open.at.and_then(|address| address.socket());
        let free = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);
        let mut options = UdpListen::address(at.unwrap_or(free));
        if let Some(peer) = open.connected_to
            && BUG != CONNECTS_NOTHING
        {
            options = options.connected_to(peer.socket().unwrap());
        }
        if let Some(bytes) = open.max_datagram
            && BUG != TAKES_ANY_LENGTH
        {
            options = options.max_datagram(bytes);
        }
        self.network().listen_datagrams(options, protocol)
    }

    fn pass(&self, wait: Duration) {
        // The hand of a stuck clock does not move.
        let wait = if BUG == IS_STUCK {
            Duration::ZERO
        } else {
            wait
        };
        self.network().advance(wait);
    }

    fn clock(&self) -> Clock {
        Clock::clone(self.network().clock())
    }
}

impl<const BUG: u8> Broken<BUG> {
    fn network(&self) -> &DatagramNetwork {
        self.0.as_ref().expect("it is there until it is dropped")
    }
}

impl<const BUG: u8> Drop for Broken<BUG> {
    fn drop(&mut self) {
        if BUG == IS_DEAF {
            mem::forget(self.0.take());
        }
    }
}

#[track_caller]
fn is_found<const BUG: u8>(name: &str) {
    let fails = |kind| silently(|| case(name).run(kind)).is_err();
    assert!(fails(Kind::of::<Broken<BUG>>()), "{name} misses it");
    assert!(!fails(Kind::of::<Broken<0>>()), "{name} fails anyway");
}

#[test]
fn lost_datagrams() {
    is_found::<LOSES>("delivery::a_burst_in_order");
}

#[test]
fn repeated_datagrams() {
    is_found::<REPEATS>("delivery::a_burst_in_order");
}

#[test]
fn reordered_datagrams() {
    is_found::<REORDERS>("delivery::a_burst_in_order");
}

#[test]
fn a_limit_of_length_that_is_not_set() {
    is_found::<TAKES_ANY_LENGTH>("delivery::a_long_one_is_told_as_cut");
}

#[test]
fn a_peer_that_is_not_kept_to() {
    is_found::<CONNECTS_NOTHING>("connected::only_the_peer_is_heard");
}

#[test]
fn a_loop_whose_end_is_not_told() {
    is_found::<IS_DEAF>("closing::the_end_of_the_loop_is_told");
}

#[test]
fn timers_that_do_not_come() {
    is_found::<IS_STUCK>("delivery::sent_from_a_timer");
}
