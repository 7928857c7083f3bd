//! Servers that fail, do not listen, or do not know EDNS.

use std::time::Duration;

use hickory_proto::op::{Message, ResponseCode};
use retwist_deferred::Failure;
use retwist_deferred::names::{DnsError, DnsSettings, RecordType, ServerError};
use retwist_reactor::testing::Fate;

use crate::world::{
    ONE, TIMEOUT, TWO, World, a, address, now, reply_code, reply_with, settings, texts,
};

const THREE: &str = "[2001:db8::53]:53";

fn host(query: &Message) -> Message {
    reply_with(query, vec![a("example.org", "192.0.2.1")])
}

#[test]
fn the_next_server_is_asked_at_once() {
    for code in [
        ResponseCode::ServFail,
        ResponseCode::Refused,
        ResponseCode::Unknown(11),
    ] {
        let world = World::with(settings(&[ONE, TWO]));
        let first = world.serve(ONE, move |query| reply_code(query, code));
        let second = world.serve(TWO, host);
        assert_eq!(
            world.found("example.org", RecordType::A),
            ["192.0.2.1"],
            "{code}"
        );
        assert_eq!((first.borrow().len(), second.borrow().len()), (1, 1));
        world.assert_clean();
    }
}

#[test]
fn a_server_that_does_not_listen_costs_no_time() {
    let world = World::with(settings(&[ONE, TWO, THREE]));
    let third = world.serve(THREE, host);
    assert_eq!(world.found("example.org", RecordType::A), ["192.0.2.1"]);
    assert_eq!(third.borrow().len(), 1);
    world.assert_clean();
}

#[test]
fn if_all_fail_it_says_why() {
    let world = World::with(settings(&[ONE, TWO]));
    world.serve(TWO, |query| reply_code(query, ResponseCode::ServFail));
    let failure = now(world.lookup("example.org", RecordType::A)).unwrap_err();
    let Failure::Error(DnsError::AllFailed(_, servers)) = &failure else {
        panic!("{failure}");
    };
    assert!(matches!(servers[0], (server, ServerError::Refused) if server == address(ONE)));
    assert_eq!(
        failure.to_string(),
        "no name server answers for example.org: 192.0.2.53:53 is not a name server: nothing listens there; 192.0.2.54:53 answers SERVFAIL"
    );
    assert_eq!(world.names.cached(), 0);
    world.assert_clean();

    let world = World::with(settings(&[]));
    let failure = now(world.lookup("example.org", RecordType::A)).unwrap_err();
    assert!(matches!(failure, Failure::Error(DnsError::NoServers)));
}

#[test]
fn servers_take_turns_if_they_rotate() {
    for (rotate, expected) in [(false, (6, 0)), (true, (3, 3))] {
        let world = World::with(DnsSettings {
            rotate,
            ..settings(&[ONE, TWO])
        });
        let zone = vec![a("example.org", "192.0.2.1")];
        let first = world.serve_zone(ONE, zone.clone());
        let second = world.serve_zone(TWO, zone);
        for number in 0..6 {
            drop(world.lookup(&format!("n{number}.example"), RecordType::A));
        }
        assert_eq!((first.borrow().len(), second.borrow().len()), expected);
    }
}

/// A server that does not know EDNS says so, with or without the question; or says nothing.
#[test]
fn without_edns_if_the_server_does_not_like_it() {
    for code in [
        ResponseCode::FormErr,
        ResponseCode::NotImp,
        ResponseCode::BADVERS,
    ] {
        for has_question in [true, false] {
            let world = World::new();
            let asked = world.serve(ONE, move |query| {
                if query.edns.is_none() {
                    return host(query);
                }
                let mut reply = reply_code(query, code);
                if code == ResponseCode::BADVERS {
                    reply.set_edns(hickory_proto::op::Edns::new());
                } else if !has_question {
                    reply.queries.clear();
                }
                reply
            });
            assert_eq!(world.found("example.org", RecordType::A), ["192.0.2.1"]);
            let edns: Vec<_> = asked
                .borrow()
                .iter()
                .map(|query| query.edns.is_some())
                .collect();
            assert_eq!(edns, [true, false]);
            world.assert_clean();
        }
    }
    let world = World::new();
    let asked = world.serve_bytes(ONE, |query| match &query.edns {
        Some(edns) => {
            assert_eq!(edns.max_payload(), 1232);
            Vec::new()
        }
        None => vec![host(query).to_vec().unwrap()],
    });
    let mut found = world.lookup("example.org", RecordType::A);
    world.advance(TIMEOUT);
    assert_eq!(texts(&found.take().unwrap().unwrap()), ["192.0.2.1"]);
    let asked = asked.borrow();
    assert_eq!(asked[0].metadata.id, asked[1].metadata.id);
}

#[test]
fn a_server_that_dislikes_it_either_way_has_failed() {
    let world = World::new();
    let asked = world.serve(ONE, |query| reply_code(query, ResponseCode::FormErr));
    let failure = now(world.lookup("example.org", RecordType::A)).unwrap_err();
    assert!(
        failure.to_string().ends_with("answers FORMERR"),
        "{failure}"
    );
    assert_eq!(asked.borrow().len(), 2);
    let world = World::with(DnsSettings {
        max_datagram: 0,
        ..settings(&[ONE])
    });
    let asked = world.serve(ONE, |query| reply_code(query, ResponseCode::FormErr));
    now(world.lookup("example.org", RecordType::A)).unwrap_err();
    assert_eq!(asked.borrow().len(), 1);
    assert!(asked.borrow()[0].edns.is_none());
}

/// However many servers and attempts there are, a look-up has one time limit.
#[test]
fn the_deadline_ends_everything() {
    let world = World::with(DnsSettings {
        attempts: 100,
        ..settings(&[ONE])
    });
    world.reactor.datagrams().fates(|_| Fate::Lost);
    let mut found = world.lookup("example.org", RecordType::A);
    world.advance(DnsSettings::default().deadline);
    assert!(matches!(found.take(), Some(Err(Failure::TimedOut(_)))));
    world.assert_clean();
}

#[test]
fn settings_that_make_no_sense() {
    let world = World::with(DnsSettings {
        ndots: usize::MAX,
        timeout: Duration::MAX,
        attempts: usize::MAX,
        rotate: true,
        max_datagram: u16::MAX,
        deadline: Duration::MAX,
        family_wait: Duration::MAX,
        cache_entries: usize::MAX,
        max_questions: usize::MAX,
        ..settings(&[ONE, TWO])
    });
    world.serve(TWO, host);
    let found = world.names.addresses("example.org");
    world.run();
    assert_eq!(now(found).unwrap().len(), 1);
    assert_eq!(world.found("example.org", RecordType::A), ["192.0.2.1"]);
    world.assert_clean();
    let nothing = World::with(DnsSettings {
        timeout: Duration::ZERO,
        attempts: 0,
        max_datagram: 1,
        deadline: Duration::ZERO,
        max_questions: 0,
        ..settings(&[ONE])
    });
    nothing.serve(ONE, host);
    let mut found = nothing.names.lookup("example.org", RecordType::A);
    nothing.run();
    assert!(found.take().is_some());
    nothing.assert_clean();
}
