//! Sends that fail: told in a later turn, and never fatal.

use retwist::Address;

use crate::peer::{Event, Peer};
use crate::way::Way;

over_every_way! {
    too_long,
    another_family,
    no_address_at_all,
    not_connected,
    failures_in_a_row_are_one,
    failing_in_answer_to_a_failure_does_not_hang,
    a_broadcast_without_permission,
}

fn failed(kind: &str) -> Event {
    Event::Failed(kind.to_owned(), 1)
}

/// Sends what is given, in the callback that starts the protocol; returns what is told then, and
/// checks that the port serves on.
fn told<W: Way>(way: &W, data: &'static [u8], to: Option<Address>) -> Vec<Event> {
    let (server, client) = (Peer::new(), Peer::new());
    let (_port, there) = way.listen(W::free(), server.quiet());
    let myself = client.clone();
    let good = there.clone();
    way.listen(
        W::free(),
        client.reacting(move |transport, event| {
            if *event == Event::Started {
                transport.send_to(b"one", &good);
                match &to {
                    Some(to) => transport.send_to(data, to),
                    None => transport.send(data),
                }
                transport.send_to(b"two", &good);
                assert_eq!(myself.events().len(), 1, "told in the call");
            }
        }),
    );
    way.until(|| server.received().len() == 2);
    way.comes_to_rest();
    assert_eq!(server.received(), [b"one", b"two"]);
    client.events()[1..].to_vec()
}

fn too_long<W: Way>(way: W) {
    static LONG: [u8; 65_536] = [1; 65_536];
    let server = Peer::new();
    let (_port, there) = way.listen(W::free(), server.quiet());
    assert_eq!(told(&way, &LONG, Some(there)), [failed("TooLong")]);
}

fn another_family<W: Way>(way: W) {
    let other = match W::LOCAL.is_ipv4() {
        true => "[::1]:9",
        false => "127.0.0.1:9",
    };
    let to = Address::Udp(other.parse().unwrap());
    assert_eq!(told(&way, b"lost", Some(to)), [failed("AddressFamily")]);
}

fn no_address_at_all<W: Way>(way: W) {
    let to = Address::Memory("nowhere".into());
    assert_eq!(told(&way, b"lost", Some(to)), [failed("AddressFamily")]);
}

fn not_connected<W: Way>(way: W) {
    assert_eq!(told(&way, b"lost", None), [failed("NotConnected")]);
}

fn failures_in_a_row_are_one<W: Way>(way: W) {
    let client = Peer::new();
    way.listen(
        W::free(),
        client.reacting(|transport, event| {
            if *event == Event::Started {
                for _ in 0..1000 {
                    transport.send(b"lost");
                }
            }
        }),
    );
    way.until(|| client.events().len() == 2);
    way.comes_to_rest();
    assert_eq!(
        client.events()[1..],
        [Event::Failed("NotConnected".to_owned(), 1000)]
    );
}

fn failing_in_answer_to_a_failure_does_not_hang<W: Way>(way: W) {
    let client = Peer::new();
    let myself = client.clone();
    way.listen(
        W::free(),
        client.reacting(move |transport, _| {
            if myself.events().len() < 50 {
                transport.send(b"lost");
            }
        }),
    );
    way.until(|| client.events().len() == 50);
    way.comes_to_rest();
    assert_eq!(client.events().len(), 50);
}

fn a_broadcast_without_permission<W: Way>(way: W) {
    if W::LOCAL.is_ipv6() {
        return;
    }
    let (server, client) = (Peer::new(), Peer::new());
    let (_port, there) = way.listen(W::free(), server.quiet());
    let everyone = Address::Udp(([255, 255, 255, 255], 9).into());
    way.listen(
        retwist::UdpListen::port(0),
        client.reacting(move |transport, event| {
            if *event == Event::Started {
                transport.send_to(b"lost", &everyone);
                transport.send_to(b"sent", &there);
            }
        }),
    );
    way.until(|| !server.received().is_empty() && client.events().len() > 1);
    // A machine without any network has no way there either.
    let told = client.events()[1].clone();
    assert!(
        told == failed("BroadcastForbidden") || told == failed("Unreachable"),
        "{told:?}"
    );
}
