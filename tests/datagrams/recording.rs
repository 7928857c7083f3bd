//! One protocol on a port that records: what its errors become, in each order in which the system may
//! report them.

use std::io::{Error, ErrorKind};

use retwist::testing::{ManualClock, RecordingDatagrams};
use retwist::{Address, NetworkInterface, UdpListen, UdpOption};

use retwist_conformance::datagrams::{Event, Peer};

fn client() -> Address {
    Address::Udp(([192, 0, 2, 1], 5000).into())
}

fn connected() -> (RecordingDatagrams, Peer) {
    let peer = Peer::new();
    let options = UdpListen::connect(client().socket().unwrap());
    let clock = std::rc::Rc::new(ManualClock::new());
    (
        RecordingDatagrams::with_options(&clock, options, peer.quiet()),
        peer,
    )
}

fn send(recording: &RecordingDatagrams, data: &[u8]) {
    recording.transport().send(data);
    recording.clock().run();
}

#[test]
fn what_it_answers_is_recorded() {
    let peer = Peer::new();
    let recording = RecordingDatagrams::start(peer.echoing());
    recording.receive(b"one", &client());
    recording.receive(b"", &client());
    assert_eq!(
        recording.take_sent(),
        [(b"one".to_vec(), client()), (vec![], client())]
    );
    assert_eq!(recording.take_sent(), []);
    recording.shut_down();
    assert_eq!(
        peer.events().last(),
        Some(&Event::Stopped("Done".to_owned()))
    );
}

#[test]
fn its_settings_are_recorded() {
    let recording = RecordingDatagrams::start(Peer::new().quiet());
    let transport = recording.transport();
    transport.set_broadcast(true).unwrap();
    transport
        .join_group([239, 1, 2, 3], NetworkInterface::Any)
        .unwrap();
    transport.set_multicast_ttl(4).unwrap();
    assert_eq!(
        recording.settings(),
        [
            UdpOption::Broadcast(true),
            UdpOption::Join([239, 1, 2, 3].into(), NetworkInterface::Any),
            UdpOption::MulticastTtl(4),
        ]
    );
}

/// A refusal that a send meets is about an earlier datagram.
#[test]
fn a_refusal_that_a_send_meets() {
    let (recording, peer) = connected();
    recording.fail_send(ErrorKind::ConnectionRefused.into());
    send(&recording, b"1");
    send(&recording, b"2");
    assert_eq!(
        recording.take_sent(),
        [(b"1".to_vec(), client()), (b"2".to_vec(), client())]
    );
    assert_eq!(peer.events(), [Event::Started, Event::Refused]);
}

/// But a port that is refused each time is not tried without end.
#[test]
fn refused_twice() {
    let (recording, peer) = connected();
    for _ in 0..2 {
        recording.fail_send(ErrorKind::ConnectionRefused.into());
    }
    send(&recording, b"1");
    send(&recording, b"2");
    assert_eq!(recording.take_sent(), [(b"2".to_vec(), client())]);
    assert_eq!(
        peer.events(),
        [
            Event::Started,
            Event::Refused,
            Event::Failed("Failed".to_owned(), 1)
        ]
    );
}

#[test]
fn an_interrupted_send_is_made_again() {
    let (recording, peer) = connected();
    recording.fail_send(ErrorKind::Interrupted.into());
    send(&recording, b"1");
    assert_eq!(recording.take_sent().len(), 1);
    assert_eq!(peer.events(), [Event::Started]);
}

#[test]
fn errors_of_the_system_have_names() {
    for (error, name) in [
        (Error::from(ErrorKind::NetworkUnreachable), "Unreachable"),
        (Error::from(ErrorKind::HostUnreachable), "Unreachable"),
        (Error::from(ErrorKind::PermissionDenied), "PermissionDenied"),
        (Error::from(ErrorKind::OutOfMemory), "Failed"),
    ] {
        let (recording, peer) = connected();
        recording.fail_send(error);
        send(&recording, b"1");
        send(&recording, b"2");
        assert_eq!(peer.events()[1..], [Event::Failed(name.to_owned(), 1)]);
        assert_eq!(recording.take_sent(), [(b"2".to_vec(), client())]);
    }
}

#[test]
fn blocked_and_unblocked() {
    let (recording, peer) = connected();
    recording.fail_send(ErrorKind::WouldBlock.into());
    for data in [b"1", b"2", b"3"] {
        send(&recording, data);
    }
    assert_eq!(recording.take_sent(), []);
    assert_eq!(recording.transport().buffered(), 3);
    recording.unblock();
    assert_eq!(recording.take_sent().len(), 3);
    assert_eq!(recording.transport().buffered(), 0);
    assert_eq!(peer.events(), [Event::Started]);
}

#[test]
fn what_icmp_says_where_a_datagram_was_expected() {
    let (recording, peer) = connected();
    recording.receive_error(ErrorKind::ConnectionRefused.into());
    recording.receive_error(ErrorKind::HostUnreachable.into());
    recording.receive(b"still here", &client());
    assert_eq!(
        peer.events(),
        [
            Event::Started,
            Event::Refused,
            Event::Failed("Unreachable".to_owned(), 1),
            Event::Received(b"still here".to_vec(), client()),
        ]
    );
}

/// The system may keep what came from others before the port was connected.
#[test]
fn a_stranger_is_not_heard() {
    let (recording, peer) = connected();
    recording.receive(b"false", &Address::Udp(([192, 0, 2, 1], 5001).into()));
    recording.receive(b"true", &client());
    assert_eq!(peer.received(), [b"true"]);
}

#[test]
fn a_port_that_is_not_connected_hears_of_no_refusal() {
    let peer = Peer::new();
    let recording = RecordingDatagrams::start(peer.quiet());
    recording.receive_error(ErrorKind::ConnectionRefused.into());
    recording.receive_error(ErrorKind::ConnectionReset.into());
    recording.receive(b"still here", &client());
    assert_eq!(peer.events().len(), 2);
    assert_eq!(peer.received(), [b"still here"]);
}
