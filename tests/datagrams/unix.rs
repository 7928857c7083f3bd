//! UNIX sockets: names, receivers that are full or gone, and strangers; over paths, abstract names and
//! memory.

mod names;
mod sockets;

use std::time::Duration;

use retwist::{Address, UdpError, UnixDatagramListen};
use retwist_conformance::datagrams::{Event, Peer};

#[cfg(target_os = "linux")]
use names::Abstract;
use names::{Memory, Names, Paths};
pub use names::{OverMemory, OverPaths};

macro_rules! over_all_names {
    ($($case:ident),* $(,)?) => {
        over_all_names!(@ paths: Paths; $($case),*);
        #[cfg(target_os = "linux")]
        over_all_names!(@ abstract_names: Abstract; $($case),*);
        over_all_names!(@ memory: Memory; $($case),*);
    };
    (@ $name:ident: $names:ident; $($case:ident),*) => {
        mod $name {
            $(
                #[test]
                fn $case() {
                    super::$case(&<super::$names as super::Names>::new());
                }
            )*
        }
    };
}

over_all_names! {
    a_name_can_be_answered,
    what_has_no_name_cannot,
    a_receiver_that_is_full_loses_nothing,
    a_connected_receiver_that_is_full_loses_nothing,
    more_than_the_queue_takes_is_told,
    a_receiver_that_is_full_holds_up_no_other,
    a_receiver_that_goes_while_it_is_full,
    a_receiver_that_has_gone_is_told,
    a_peer_that_has_gone_is_told_and_found_again,
    a_peer_may_come_later,
    only_the_peer_is_heard,
    what_came_before_the_connection_is_from_the_peer_alone,
    a_close_waits_for_a_receiver,
    it_has_no_groups,
}

fn a_name_can_be_answered(names: &impl Names) {
    let (server, client) = (Peer::new(), Peer::new());
    let port = names.open(names.named("server"), server.echoing());
    let there = port.address();
    assert_eq!(there, Address::from(&names.name("server")));
    let to = there.clone();
    names.open(
        names.named("client"),
        client.reacting(move |transport, event| {
            if *event == Event::Started {
                transport.send_to(b"hello", &to);
                transport.send_to(b"", &to);
            }
        }),
    );
    names.until(|| client.received().len() == 2);
    let here = Address::from(&names.name("client"));
    assert_eq!(
        server.events()[1..],
        [
            Event::Received(b"hello".to_vec(), here.clone()),
            Event::Received(Vec::new(), here)
        ]
    );
    assert_eq!(
        client.events()[1],
        Event::Received(b"hello".to_vec(), there)
    );
}

fn what_has_no_name_cannot(names: &impl Names) {
    let (server, client) = (Peer::new(), Peer::new());
    let port = names.open(names.named("server"), server.echoing());
    let there = port.address();
    let sends = client.reacting(move |transport, event| {
        if *event == Event::Started {
            transport.send_to(b"hello", &there);
        }
    });
    let client_port = names.open(UnixDatagramListen::unnamed(), sends);
    assert_eq!(client_port.address(), Address::Unix(None));
    names.until(|| server.events().len() == 3);
    assert_eq!(
        server.events()[1..],
        [
            Event::Received(b"hello".to_vec(), Address::Unix(None)),
            Event::Failed("Unnamed".to_owned(), 1)
        ]
    );
}

fn numbered(count: u16) -> Vec<Vec<u8>> {
    (0..count)
        .map(|number| number.to_be_bytes().to_vec())
        .collect()
}

/// Far more than the system keeps for a receiver (10 on Linux), which is paused at first.
fn a_receiver_that_is_full_loses_nothing(names: &impl Names) {
    let (server, client) = (Peer::new(), Peer::new());
    let port = names.open(names.named("server"), server.quiet());
    names.until(|| !server.events().is_empty());
    port.pause_accepting();
    let there = port.address();
    let sends = client.reacting(move |transport, event| {
        if *event == Event::Started {
            for data in numbered(1000) {
                transport.send_to(&data, &there);
            }
        }
    });
    names.open(UnixDatagramListen::unnamed(), sends);
    for _ in 0..5 {
        names.pass(Duration::from_millis(5));
    }
    assert!(client.transport().buffered() > 0);
    port.resume_accepting();
    names.until(|| server.received().len() == 1000);
    assert_eq!(server.received(), numbered(1000));
    names.comes_to_rest();
    assert_eq!(client.events(), [Event::Started]);
}

fn a_connected_receiver_that_is_full_loses_nothing(names: &impl Names) {
    let (server, client) = (Peer::new(), Peer::new());
    let port = names.open(names.named("server"), server.quiet());
    names.until(|| !server.events().is_empty());
    port.pause_accepting();
    let sends = client.reacting(move |transport, event| {
        if *event == Event::Started {
            for data in numbered(1000) {
                transport.send(&data);
            }
        }
    });
    names.open(UnixDatagramListen::connect(names.name("server")), sends);
    for _ in 0..5 {
        names.pass(Duration::from_millis(5));
    }
    assert!(client.transport().buffered() > 0);
    port.resume_accepting();
    names.until(|| server.received().len() == 1000);
    assert_eq!(server.received(), numbered(1000));
    assert_eq!(client.events(), [Event::Started]);
}

fn more_than_the_queue_takes_is_told(names: &impl Names) {
    let (server, client) = (Peer::new(), Peer::new());
    let port = names.open(names.named("server"), server.quiet());
    names.until(|| !server.events().is_empty());
    port.pause_accepting();
    let sends = client.reacting(move |transport, event| {
        if *event == Event::Started {
            for data in numbered(1000) {
                transport.send(&data);
            }
        }
    });
    let options = UnixDatagramListen::connect(names.name("server")).send_queue(50 * 66);
    names.open(options, sends);
    names.until(|| client.events().len() == 2);
    port.resume_accepting();
    names.until(|| client.has(&Event::CanSendAgain));
    names.until(|| client.transport().buffered() == 0);
    names.comes_to_rest();
    let arrived = server.received().len();
    assert_eq!(server.received(), numbered(1000)[..arrived]);
    let full = Event::Failed("QueueFull".to_owned(), 1000 - arrived);
    assert_eq!(client.events()[1], full);
}

/// As many for the full one as there is room, and what is for others goes meanwhile.
fn a_receiver_that_is_full_holds_up_no_other(names: &impl Names) {
    let (stuck, well, client) = (Peer::new(), Peer::new(), Peer::new());
    let port = names.open(names.named("stuck"), stuck.quiet());
    let other = names.open(names.named("well"), well.quiet());
    names.until(|| !stuck.events().is_empty() && !well.events().is_empty());
    port.pause_accepting();
    let (to_stuck, to_well) = (port.address(), other.address());
    let options = UnixDatagramListen::unnamed().send_queue(500 * 66);
    names.open(options, client.quiet());
    names.until(|| !client.events().is_empty());
    for data in numbered(1000) {
        client.transport().send_to(&data, &to_stuck);
        client.transport().send_to(&data, &to_well);
        if data[1] % 7 == 0 {
            names.pass(Duration::ZERO);
        }
    }
    names.until(|| well.received().len() == 1000);
    assert_eq!(well.received(), numbered(1000));
    assert_eq!(stuck.received().len(), 0);
    names.until(|| client.events().len() > 1);
    let mut dropped = 0;
    for event in &client.events()[1..] {
        match event {
            Event::Failed(error, count) if error == "QueueFull" => dropped += count,
            other => panic!("{other:?}"),
        }
    }
    port.resume_accepting();
    names.until(|| client.has(&Event::CanSendAgain));
    names.comes_to_rest();
    let arrived = 1000 - dropped;
    assert!((500..600).contains(&arrived), "{arrived}");
    assert_eq!(stuck.received(), numbered(1000)[..arrived]);
    assert_eq!(client.transport().buffered(), 0);
}

fn a_receiver_that_goes_while_it_is_full(names: &impl Names) {
    let (stuck, client) = (Peer::new(), Peer::new());
    let port = names.open(names.named("stuck"), stuck.quiet());
    names.until(|| !stuck.events().is_empty());
    port.pause_accepting();
    let there = port.address();
    names.open(UnixDatagramListen::unnamed(), client.quiet());
    names.until(|| !client.events().is_empty());
    for data in numbered(100) {
        client.transport().send_to(&data, &there);
    }
    names.comes_to_rest();
    let waiting = client.transport().buffered() / 2;
    assert!(waiting > 50);
    port.stop_listening();
    names.until(|| client.events().len() > 1);
    let told = Event::Failed("NoReceiver".to_owned(), waiting);
    assert_eq!(client.events()[1..], [told]);
    assert_eq!(client.transport().buffered(), 0);
}

fn a_receiver_that_has_gone_is_told(names: &impl Names) {
    let (server, client) = (Peer::new(), Peer::new());
    let port = names.open(names.named("server"), server.quiet());
    let there = port.address();
    names.open(UnixDatagramListen::unnamed(), client.quiet());
    names.until(|| !client.events().is_empty() && !server.events().is_empty());
    client.transport().send_to(b"one", &there);
    names.until(|| server.received().len() == 1);
    port.stop_listening();
    for _ in 0..3 {
        client.transport().send_to(b"lost", &there);
    }
    names.until(|| client.events().len() == 2);
    assert_eq!(
        client.events()[1],
        Event::Failed("NoReceiver".to_owned(), 3)
    );
    port.start_listening().unwrap();
    client.transport().send_to(b"two", &there);
    names.until(|| server.received().len() == 2);
}

fn a_peer_that_has_gone_is_told_and_found_again(names: &impl Names) {
    let (server, client) = (Peer::new(), Peer::new());
    let port = names.open(names.named("server"), server.echoing());
    let options = names.named("client").connected_to(names.name("server"));
    let client_port = names.open(options, client.quiet());
    names.until(|| !client.events().is_empty() && !server.events().is_empty());
    for round in 1..4 {
        client.transport().send(b"here?");
        names.until(|| client.received().len() == round);
        port.stop_listening();
        client.transport().send(b"lost");
        names.until(|| client.count(|event| *event == Event::Refused) == round);
        port.start_listening().unwrap();
        names.until(|| server.count(|event| *event == Event::Started) == round + 1);
    }
    assert!(client_port.is_listening());
    assert_eq!(client.count(|event| matches!(event, Event::Failed(..))), 0);
}

fn a_peer_may_come_later(names: &impl Names) {
    let (server, client) = (Peer::new(), Peer::new());
    let options = names.named("client").connected_to(names.name("server"));
    names.open(options, client.quiet());
    names.until(|| !client.events().is_empty());
    client.transport().send(b"lost");
    names.until(|| client.has(&Event::Refused));
    names.open(names.named("server"), server.echoing());
    client.transport().send(b"hello");
    names.until(|| client.received().len() == 1);
    assert_eq!(server.received(), [b"hello"]);
}

fn only_the_peer_is_heard(names: &impl Names) {
    let (server, stranger, client) = (Peer::new(), Peer::new(), Peer::new());
    names.open(names.named("server"), server.quiet());
    names.open(names.named("stranger"), stranger.quiet());
    let options = names.named("client").connected_to(names.name("server"));
    let port = names.open(options, client.quiet());
    let peers = [&server, &stranger, &client];
    names.until(|| peers.iter().all(|peer| !peer.events().is_empty()));
    stranger.transport().send_to(b"false", &port.address());
    server.transport().send_to(b"true", &port.address());
    names.until(|| !client.received().is_empty() && stranger.events().len() == 2);
    names.comes_to_rest();
    assert_eq!(client.received(), [b"true"]);
    let told = Event::Failed("PermissionDenied".to_owned(), 1);
    assert_eq!(stranger.events()[1], told);
}

fn what_came_before_the_connection_is_from_the_peer_alone(names: &impl Names) {
    let (server, stranger, client) = (Peer::new(), Peer::new(), Peer::new());
    names.open(names.named("server"), server.quiet());
    names.open(names.named("stranger"), stranger.quiet());
    let port = names.open(names.named("client"), client.quiet());
    let peers = [&server, &stranger, &client];
    names.until(|| peers.iter().all(|peer| !peer.events().is_empty()));
    port.pause_accepting();
    for _ in 0..3 {
        stranger.transport().send_to(b"false", &port.address());
        server.transport().send_to(b"true", &port.address());
    }
    names.comes_to_rest();
    let there = Address::from(&names.name("server"));
    client.transport().connect(&there).unwrap();
    assert_eq!(client.transport().peer(), Some(there.clone()));
    let again = client.transport().connect(&there);
    assert!(matches!(again, Err(UdpError::AlreadyConnected(_))));
    port.resume_accepting();
    names.until(|| client.received().len() == 3);
    names.comes_to_rest();
    assert_eq!(client.received(), [b"true"; 3]);
}

fn a_close_waits_for_a_receiver(names: &impl Names) {
    let (server, client) = (Peer::new(), Peer::new());
    let port = names.open(names.named("server"), server.quiet());
    names.until(|| !server.events().is_empty());
    port.pause_accepting();
    let there = port.address();
    let sends = client.reacting(move |transport, event| {
        if *event == Event::Started {
            for data in numbered(100) {
                transport.send_to(&data, &there);
            }
            transport.stop_listening();
        }
    });
    names.open(UnixDatagramListen::unnamed(), sends);
    names.comes_to_rest();
    assert!(!client.is_stopped());
    port.resume_accepting();
    names.until(|| client.is_stopped() && server.received().len() == 100);
    assert_eq!(client.events()[1], Event::Stopped("Done".to_owned()));
}

fn it_has_no_groups(names: &impl Names) {
    let client = Peer::new();
    names.open(names.named("client"), client.quiet());
    names.until(|| !client.events().is_empty());
    let group: std::net::Ipv4Addr = [239, 255, 1, 1].into();
    let joined = client.transport().join_group(group, Default::default());
    assert!(matches!(joined, Err(UdpError::AddressFamily)));
    assert!(client.transport().set_broadcast(true).is_err());
    let nowhere = Address::Udp(([127, 0, 0, 1], 9).into());
    let connected = client.transport().connect(&nowhere);
    assert!(matches!(connected, Err(UdpError::AddressFamily)));
    client.transport().send_to(b"lost", &nowhere);
    client.transport().send(b"lost");
    names.until(|| client.events().len() == 3);
    assert_eq!(
        client.events()[1],
        Event::Failed("AddressFamily".to_owned(), 1)
    );
    assert_eq!(
        client.events()[2],
        Event::Failed("NotConnected".to_owned(), 1)
    );
}
