//! A network in memory that loses, repeats, delays and overflows, under a clock moved by hand.

use std::cell::Cell;
use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::rc::Rc;
use std::time::Duration;

use proptest::prelude::*;
use retwist::testing::{DatagramNetwork, Fate};
use retwist::{
    Address, DatagramProtocol, DatagramTransport, DelayedCall, NetworkInterface, UdpListen,
};

use retwist_conformance::datagrams::{Event, Peer};

fn server() -> UdpListen {
    UdpListen::connect("127.0.0.1:7".parse().unwrap())
}

/// A client that sends what it is to send, one datagram a number.
fn sends(peer: &Peer, numbers: std::ops::Range<u8>) -> impl DatagramProtocol + use<> {
    peer.reacting(move |transport, event| {
        if *event == Event::Started {
            for number in numbers.clone() {
                transport.send(&[number]);
            }
        }
    })
}

#[test]
fn what_is_lost_is_not_told() {
    let (network, one, other) = (DatagramNetwork::new(), Peer::new(), Peer::new());
    network.fates(|passing| match passing.data {
        [number] if number % 2 == 0 => Fate::Lost,
        _ => Fate::Arrives,
    });
    network.listen_udp(7, other.quiet()).unwrap();
    network.listen_udp(server(), sends(&one, 0..5)).unwrap();
    network.run();
    assert_eq!(other.received(), [[1], [3]]);
    assert_eq!(one.events(), [Event::Started]);
}

#[test]
fn later_ones_overtake_a_late_one() {
    let (network, one, other) = (DatagramNetwork::new(), Peer::new(), Peer::new());
    let late = Duration::from_millis(30);
    network.fates(move |passing| match passing.data {
        [1] => Fate::Late(late),
        [2] => Fate::Repeated(vec![Duration::ZERO, 2 * late]),
        _ => Fate::Arrives,
    });
    network.listen_udp(7, other.quiet()).unwrap();
    network.listen_udp(server(), sends(&one, 0..4)).unwrap();
    network.run();
    assert_eq!(other.received(), [[0], [2], [3]]);
    network.advance(late);
    assert_eq!(other.received()[3..], [[1]]);
    network.advance(late);
    assert_eq!(other.received()[3..], [[1], [2]]);
}

#[test]
fn what_overflows_the_receiver_is_lost() {
    let (network, one, other) = (DatagramNetwork::new(), Peer::new(), Peer::new());
    let port = network
        .listen_udp(UdpListen::port(7).receive_buffer(100), other.quiet())
        .unwrap();
    port.pause_accepting();
    network.listen_udp(server(), sends(&one, 0..200)).unwrap();
    network.run();
    port.resume_accepting();
    network.run();
    let received = other.received();
    assert!((10..100).contains(&received.len()), "{}", received.len());
    assert_eq!(received[..3], [[0], [1], [2]]);
}

#[test]
fn what_the_system_does_not_take_waits() {
    let (network, one, other) = (DatagramNetwork::new(), Peer::new(), Peer::new());
    network.window(3);
    network.listen_udp(7, other.quiet()).unwrap();
    network.listen_udp(server(), sends(&one, 0..100)).unwrap();
    network.run();
    assert_eq!(other.received().len(), 100);
    assert!(
        other
            .received()
            .iter()
            .enumerate()
            .all(|(number, data)| *data == [number as u8])
    );
    assert_eq!(one.events(), [Event::Started]);
}

#[test]
fn what_does_not_fit_the_queue_is_told_and_then_that_there_is_room() {
    let (network, one, other) = (DatagramNetwork::new(), Peer::new(), Peer::new());
    network.window(3);
    network.listen_udp(7, other.quiet()).unwrap();
    // Each counts for 65 bytes.
    let options = server().send_queue(650);
    network.listen_udp(options, sends(&one, 0..100)).unwrap();
    network.run();
    let kept = other.received().len();
    assert!((10..20).contains(&kept), "{kept}");
    let full = Event::Failed("QueueFull".to_owned(), 100 - kept);
    assert_eq!(one.events(), [Event::Started, full, Event::CanSendAgain]);
}

#[test]
fn a_queue_that_is_full_of_empty_ones() {
    let (network, one, other) = (DatagramNetwork::new(), Peer::new(), Peer::new());
    network.window(1);
    network.listen_udp(7, other.quiet()).unwrap();
    let floods = one.reacting(|transport, event| {
        if *event == Event::Started {
            for _ in 0..10_000 {
                transport.send(b"");
            }
        }
    });
    network.listen_udp(server(), floods).unwrap();
    network.run();
    assert!(other.received().len() < 5000);
    assert!(one.has(&Event::CanSendAgain));
}

#[test]
fn a_close_waits_for_the_system_but_not_for_long() {
    let (network, one, other) = (DatagramNetwork::new(), Peer::new(), Peer::new());
    network.window(1);
    let late = Duration::from_secs(1);
    network.fates(move |_| Fate::Late(late));
    network.listen_udp(7, other.quiet()).unwrap();
    network.listen_udp(server(), sends(&one, 0..5)).unwrap();
    network.run();
    one.transport().stop_listening();
    network.run();
    assert!(!one.is_stopped() && !one.transport().is_listening());
    network.advance(Duration::from_millis(1500));
    assert!(!one.is_stopped());
    network.advance(Duration::from_millis(500));
    let dropped = Event::Failed("Stopped".to_owned(), 3);
    let stopped = Event::Stopped("CloseTimedOut".to_owned());
    assert_eq!(one.events(), [Event::Started, dropped, stopped]);
    network.advance(Duration::from_secs(9));
    assert_eq!(other.received(), [[0], [1]]);
}

#[test]
fn a_close_that_the_system_lets_end() {
    let (network, one, other) = (DatagramNetwork::new(), Peer::new(), Peer::new());
    network.window(1);
    network.listen_udp(7, other.quiet()).unwrap();
    network
        .listen_udp(
            server(),
            one.reacting(|transport, event| {
                if *event == Event::Started {
                    for number in 0..5 {
                        transport.send(&[number]);
                    }
                    transport.stop_listening();
                }
            }),
        )
        .unwrap();
    network.run();
    assert_eq!(other.received().len(), 5);
    assert_eq!(
        one.events(),
        [Event::Started, Event::Stopped("Done".to_owned())]
    );
}

#[test]
fn a_protocol_is_asked_to_finish() {
    let (network, one, other) = (DatagramNetwork::new(), Peer::new(), Peer::new());
    network.listen_udp(7, other.quiet()).unwrap();
    network
        .listen_udp(
            server(),
            one.reacting(|transport, event| {
                if *event == Event::ShuttingDown {
                    transport.send(b"goodbye");
                }
            }),
        )
        .unwrap();
    network.run();
    network.shut_down();
    assert_eq!(
        one.events(),
        [
            Event::Started,
            Event::ShuttingDown,
            Event::Stopped("Done".to_owned())
        ]
    );
}

/// The loopback interface of a system gives back what it is given, whatever the sender wants.
#[test]
fn a_sender_that_does_not_want_to_hear_itself() {
    let (network, member) = (DatagramNetwork::new(), Peer::new());
    let any = UdpListen::address(([0, 0, 0, 0], 7).into());
    network.listen_udp(any, member.quiet()).unwrap();
    network.run();
    let transport = member.transport();
    let group = Ipv4Addr::new(239, 255, 42, 99);
    let local = NetworkInterface::from(Ipv4Addr::LOCALHOST);
    transport.join_group(group, local).unwrap();
    transport.set_multicast_interface(local).unwrap();
    transport.set_multicast_loopback(false).unwrap();
    let to = Address::Udp((group, 7).into());
    transport.send_to(b"silent", &to);
    network.run();
    transport.set_multicast_loopback(true).unwrap();
    transport.send_to(b"loud", &to);
    network.run();
    assert_eq!(member.received(), [b"loud"]);
}

/// What everybody writes over datagrams: a number on each, and again until it is answered.
struct Insists {
    next: u8,
    last: u8,
    answered: Rc<Cell<u8>>,
    again: Option<DelayedCall>,
}

impl Insists {
    fn ask(&mut self, transport: &DatagramTransport) {
        if self.next < self.last {
            transport.send(&[self.next]);
            let again = transport.call_later(Duration::from_millis(100), self, Self::ask);
            self.again = Some(again);
        }
    }
}

impl DatagramProtocol for Insists {
    fn start_protocol(&mut self, transport: &DatagramTransport) {
        self.ask(transport);
    }

    fn datagram_received(&mut self, transport: &DatagramTransport, data: &[u8], _: &Address) {
        if data != [self.next] {
            return;
        }
        if let Some(again) = self.again.take() {
            let _ = again.cancel();
        }
        self.next += 1;
        self.answered.set(self.next);
        self.ask(transport);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whatever the network does for a while: once it lets everything pass, the conversation ends,
    /// and the server has heard nothing but what was sent.
    #[test]
    fn any_weather(weather in proptest::collection::vec(0_u8..8, 0..200), window in 1_usize..4) {
        let (network, other) = (DatagramNetwork::new(), Peer::new());
        network.window(window);
        let mut weather = weather.into_iter();
        network.fates(move |_| {
            let time = |number: u8| Duration::from_millis(u64::from(number) * 37);
            match weather.next() {
                Some(0..=2) => Fate::Lost,
                Some(number @ 3..=4) => Fate::Late(time(number)),
                Some(number @ 5..=6) => Fate::Repeated(vec![time(number), Duration::ZERO, time(1)]),
                _ => Fate::Arrives,
            }
        });
        network.listen_udp(7, other.echoing()).unwrap();
        let answered = Rc::new(Cell::new(0));
        let insists = Insists { next: 0, last: 20, answered: answered.clone(), again: None };
        network.listen_udp(server(), insists).unwrap();
        network.advance(Duration::from_secs(60));
        prop_assert_eq!(answered.get(), 20);
        let heard: BTreeSet<_> = other.received().into_iter().collect();
        let sent: BTreeSet<_> = (0..20_u8).map(|number| vec![number]).collect();
        prop_assert_eq!(heard, sent);
        prop_assert_eq!(network.clock().pending_calls(), 0);
    }
}
