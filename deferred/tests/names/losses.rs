//! What a network does to datagrams, and what forgers send.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use hickory_proto::op::{Message, OpCode};
use retwist_deferred::Failure;
use retwist_deferred::names::{DnsError, DnsSettings, RecordType, ServerError};
use retwist_reactor::testing::Fate;
use retwist_reactor::{Address, DatagramProtocol, DatagramTransport, UdpListen};

use crate::world::{
    ONE, SECOND, TIMEOUT, TWO, World, a, address, name, reply, reply_with, settings, texts,
};

fn host(query: &Message) -> Message {
    reply_with(query, vec![a("example.org", "192.0.2.1")])
}

/// A world in which the first datagrams to this place are lost, this many of them.
fn losing(world: &World, to: &'static str, count: usize) {
    let lost = Cell::new(0);
    world.reactor.datagrams().fates(move |passing| {
        if passing.to == address(to) && lost.get() < count {
            lost.set(lost.get() + 1);
            Fate::Lost
        } else {
            Fate::Arrives
        }
    });
}

#[test]
fn a_lost_query_is_sent_again() {
    let world = World::new();
    let asked = world.serve(ONE, host);
    losing(&world, ONE, 1);
    let mut found = world.lookup("example.org", RecordType::A);
    world.advance(TIMEOUT - SECOND / 10);
    assert!(!found.is_called());
    world.advance(SECOND / 10);
    assert_eq!(texts(&found.take().unwrap().unwrap()), ["192.0.2.1"]);
    assert_eq!(asked.borrow().len(), 1);
    world.assert_clean();
}

#[test]
fn after_the_last_attempt_it_fails() {
    let world = World::with(DnsSettings {
        attempts: 3,
        deadline: TIMEOUT * 7,
        ..settings(&[ONE, TWO])
    });
    losing(&world, ONE, usize::MAX);
    let asked = world.serve_bytes(TWO, |_| Vec::new());
    let mut found = world.lookup("example.org", RecordType::A);
    world.advance(TIMEOUT * 6 - SECOND / 10);
    assert!(!found.is_called());
    world.advance(SECOND / 10);
    let failure = found.take().unwrap().unwrap_err();
    let Failure::Error(DnsError::AllFailed(_, servers)) = &failure else {
        panic!("{failure}");
    };
    assert!(
        servers
            .iter()
            .all(|(_, error)| matches!(error, ServerError::TimedOut(_)))
    );
    assert_eq!(
        failure.to_string(),
        "no name server answers for example.org: 192.0.2.53:53 does not answer within 5 s; 192.0.2.54:53 does not answer within 5 s"
    );
    assert_eq!(asked.borrow().len(), 3);
    world.assert_clean();
}

/// A server that answers when another one is being asked already.
#[test]
fn a_late_answer_counts() {
    let world = World::with(settings(&[ONE, TWO]));
    world.serve(ONE, host);
    let second = world.serve_bytes(TWO, |_| Vec::new());
    world.reactor.datagrams().fates(|passing| {
        if passing.from == address(ONE) {
            Fate::Late(TIMEOUT + SECOND)
        } else {
            Fate::Arrives
        }
    });
    let mut found = world.lookup("example.org", RecordType::A);
    world.advance(TIMEOUT);
    assert_eq!((second.borrow().len(), found.is_called()), (1, false));
    world.advance(SECOND);
    assert!(found.take().unwrap().is_ok());
    world.assert_clean();
}

/// Answers that come when nothing waits for them, and answers that come twice.
#[test]
fn duplicates_and_what_comes_too_late() {
    let world = World::new();
    world.serve(ONE, host);
    world.reactor.datagrams().fates(|passing| {
        if passing.from == address(ONE) {
            Fate::Repeated(vec![Duration::ZERO, Duration::ZERO, SECOND, TIMEOUT * 20])
        } else {
            Fate::Repeated(vec![Duration::ZERO, Duration::ZERO])
        }
    });
    assert_eq!(world.found("example.org", RecordType::A), ["192.0.2.1"]);
    assert_eq!(world.found("example.org", RecordType::A), ["192.0.2.1"]);
    world.advance(TIMEOUT * 30);
    world.assert_clean();
}

/// Messages that reach the port before the right one, each wrong in one respect.
#[test]
fn forged_answers_are_passed_over() {
    type Forge = fn(&Message) -> Message;
    fn forged(query: &Message) -> Message {
        reply_with(query, vec![a("example.org", "192.0.2.66")])
    }
    let forgeries: [(&str, Forge); 6] = [
        ("another id", |query| {
            let mut forged = forged(query);
            forged.metadata.id ^= 0x8000;
            forged
        }),
        ("another name", |query| {
            let mut query = query.clone();
            query.queries[0].set_name(name("example.net"));
            forged(&query)
        }),
        ("another type", |query| {
            let mut query = query.clone();
            query.queries[0].set_query_type(hickory_proto::rr::RecordType::TXT);
            forged(&query)
        }),
        ("another class", |query| {
            let mut query = query.clone();
            query.queries[0].set_query_class(hickory_proto::rr::DNSClass::CH);
            forged(&query)
        }),
        ("no question", |query| {
            let mut forged = forged(query);
            forged.queries.clear();
            forged
        }),
        ("a query", |query| {
            let mut forged = Message::new(
                query.metadata.id,
                hickory_proto::op::MessageType::Query,
                OpCode::Query,
            );
            forged.add_queries(query.queries.clone());
            forged
        }),
    ];
    for (what, forge) in forgeries {
        let world = World::new();
        world.serve_bytes(ONE, move |query| {
            vec![
                forge(query).to_vec().unwrap(),
                host(query).to_vec().unwrap(),
            ]
        });
        assert_eq!(
            world.found("example.org", RecordType::A),
            ["192.0.2.1"],
            "{what}"
        );
        world.assert_clean();
    }
}

#[test]
fn an_answer_from_another_address_is_passed_over() {
    /// Answers whatever it hears of from an address of its own.
    struct Forger(Rc<Cell<usize>>);
    impl DatagramProtocol for Forger {
        fn datagram_received(&mut self, transport: &DatagramTransport, data: &[u8], _: &Address) {
            let (port, query) = data.split_at(2);
            let port = u16::from_be_bytes([port[0], port[1]]);
            let query = Message::from_vec(query).unwrap();
            let forged = reply_with(&query, vec![a("example.org", "192.0.2.66")]);
            let to = Address::Udp(([127, 0, 0, 1], port).into());
            transport.send_to(&forged.to_vec().unwrap(), &to);
            self.0.set(self.0.get() + 1);
        }
    }
    let world = World::new();
    let forged = Rc::new(Cell::new(0));
    let network = world.reactor.datagrams();
    network
        .listen_udp(
            UdpListen::address(address("198.51.100.1:53")),
            Forger(forged.clone()),
        )
        .unwrap();
    // The server tells the forger everything, and answers a second later.
    struct Traitor;
    impl DatagramProtocol for Traitor {
        fn datagram_received(
            &mut self,
            transport: &DatagramTransport,
            data: &[u8],
            from: &Address,
        ) {
            let mut told = from.port().unwrap().to_be_bytes().to_vec();
            told.extend_from_slice(data);
            transport.send_to(&told, &Address::Udp(address("198.51.100.1:53")));
            let (data, from) = (data.to_vec(), from.clone());
            transport.call_later(SECOND, self, move |_, transport| {
                let answer = host(&Message::from_vec(&data).unwrap());
                transport.send_to(&answer.to_vec().unwrap(), &from);
            });
        }
    }
    let server = UdpListen::address(address(ONE));
    network.listen_udp(server, Traitor).unwrap();
    let mut found = world.lookup("example.org", RecordType::A);
    assert_eq!((forged.get(), found.is_called()), (1, false));
    world.advance(SECOND);
    assert_eq!(texts(&found.take().unwrap().unwrap()), ["192.0.2.1"]);
}

/// With letters in random case, an answer must have them in the same.
#[test]
fn the_case_of_letters_is_checked_if_it_is_random() {
    let long = "abcdefghijklmnopqrstuvwxyz.abcdefghijklmnopqrstuvwxyz.example";
    for random_case in [false, true] {
        let world = World::with(DnsSettings {
            random_case,
            ..settings(&[ONE])
        });
        let asked = world.serve_bytes(ONE, move |query| {
            let mut forged = query.clone();
            forged.queries[0].set_name(name(long));
            let forged = reply_with(&forged, vec![a(long, "192.0.2.66")]);
            let genuine = reply_with(query, vec![a(long, "192.0.2.1")]);
            vec![forged.to_vec().unwrap(), genuine.to_vec().unwrap()]
        });
        let expected = if random_case {
            "192.0.2.1"
        } else {
            "192.0.2.66"
        };
        assert_eq!(world.found(long, RecordType::A), [expected]);
        let sent = asked.borrow()[0].queries[0].name().to_ascii();
        assert_eq!(sent != format!("{long}."), random_case, "{sent}");
    }
}

#[test]
fn ids_and_ports_are_random() {
    let world = World::new();
    let asked = world.serve(ONE, reply);
    let ports = Rc::<RefCell<Vec<u16>>>::default();
    let seen = ports.clone();
    world.reactor.datagrams().fates(move |passing| {
        if passing.to == address(ONE) {
            seen.borrow_mut().push(passing.from.port());
        }
        Fate::Arrives
    });
    for number in 0..200 {
        drop(world.lookup(&format!("n{number}.example"), RecordType::A));
    }
    let asked = asked.borrow();
    let ids: Vec<_> = asked.iter().map(|query| query.metadata.id).collect();
    for (numbers, spread) in [(ids, 30_000), (ports.take(), 20_000)] {
        let mut sorted = numbers;
        sorted.sort_unstable();
        sorted.dedup();
        // Two of 200 are alike by chance now and then; twenty never are.
        assert!(sorted.len() > 180, "{}", sorted.len());
        assert!(sorted.last().unwrap() - sorted.first().unwrap() > spread);
    }
}

/// An answer that is cut, or is no message at all: the next server is asked, or the time runs on.
#[test]
fn garbage_harms_nothing() {
    let whole = |query: &Message| host(query).to_vec().unwrap();
    let cut = move |query: &Message, length: usize| {
        let whole = whole(query);
        whole[..length.min(whole.len() - 1)].to_vec()
    };
    let noise = |query: &Message| {
        let mut noise = vec![0xc0; 600];
        noise[..2].copy_from_slice(&query.metadata.id.to_be_bytes());
        noise
    };
    for length in 0..=80 {
        let world = World::with(settings(&[ONE, TWO]));
        world.serve_bytes(ONE, move |query| {
            vec![cut(query, length), noise(query), Vec::new()]
        });
        world.serve(TWO, host);
        let mut found = world.lookup("example.org", RecordType::A);
        world.advance(TIMEOUT);
        let found = found.take().unwrap().unwrap();
        assert_eq!(texts(&found), ["192.0.2.1"], "{length}");
        world.assert_clean();
    }
}

#[test]
fn the_longest_answer_arrives_whole() {
    let world = World::new();
    world.serve(ONE, |query| {
        let addresses = (0..2000_u32).map(|number| {
            let address = std::net::Ipv4Addr::from(0x0a00_0000 + number);
            a("example.org", &address.to_string())
        });
        let reply = reply_with(query, addresses.collect());
        assert!(reply.to_vec().unwrap().len() > 50_000);
        reply
    });
    let found = world.found("example.org", RecordType::A);
    assert_eq!(found.len(), 2000);
    assert_eq!(found[1999], "10.0.7.207");
    assert_eq!(world.names.cached(), 0, "what is large is not kept");
}
