//! What is kept, and for how long.

use std::time::Duration;

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{RData, rdata};
use retwist_deferred::Failure;
use retwist_deferred::names::{DnsError, DnsSettings, RecordType};

use crate::world::{
    ONE, SECOND, World, a, cname, now, record, reply, reply_code, reply_with, settings, soa,
};

fn with_ttl(ttl: u32) -> impl Fn(&Message) -> Message {
    move |query| {
        let address = rdata::A::new(192, 0, 2, 1);
        let mut records = vec![a("example.org", "192.0.2.2")];
        records.push(record("example.org", ttl, RData::A(address)));
        reply_with(query, records)
    }
}

#[test]
fn an_answer_is_kept_as_long_as_its_first_record_to_expire() {
    let world = World::new();
    let asked = world.serve(ONE, with_ttl(10));
    for (after, questions, left) in [(0, 1, 10), (0, 1, 10), (4, 1, 6), (5, 1, 1), (1, 2, 10)] {
        world.advance(SECOND * after);
        let found = now(world.lookup("Example.ORG", RecordType::A)).unwrap();
        assert_eq!(asked.borrow().len(), questions);
        assert_eq!(found.records[1].ttl, SECOND * left);
        assert_eq!(found.records[0].ttl, SECOND * (290 + left));
    }
    world.names.clear_cache();
    drop(world.lookup("example.org", RecordType::A));
    assert_eq!(asked.borrow().len(), 3);
    drop(world.lookup("example.org", RecordType::Aaaa));
    assert_eq!(asked.borrow().len(), 4);
}

#[test]
fn an_alias_expires_too() {
    let world = World::new();
    let asked = world.serve(ONE, |query| {
        let alias = rdata::CNAME(crate::world::name("b.example"));
        let alias = record("a.example", 5, RData::CNAME(alias));
        reply_with(query, vec![alias, a("b.example", "192.0.2.1")])
    });
    for (after, questions) in [(0, 1), (4, 1), (1, 2)] {
        world.advance(SECOND * after);
        assert_eq!(world.found("a.example", RecordType::A).len(), 2);
        assert_eq!(asked.borrow().len(), questions);
    }
}

#[test]
fn no_time_is_no_time_and_a_hundred_years_are_a_day() {
    for ttl in [0, 0x8000_0000, u32::MAX] {
        let world = World::new();
        let asked = world.serve(ONE, with_ttl(ttl));
        assert_eq!(world.found("example.org", RecordType::A).len(), 2);
        assert_eq!(world.found("example.org", RecordType::A).len(), 2);
        assert_eq!(asked.borrow().len(), 2, "{ttl}");
        assert_eq!(world.names.cached(), 0);
    }
    let world = World::new();
    let asked = world.serve(ONE, |query| {
        let address = RData::A(rdata::A::new(192, 0, 2, 1));
        reply_with(query, vec![record("example.org", 0x7fff_ffff, address)])
    });
    for (hours, questions) in [(0, 1), (23, 1), (1, 2)] {
        world.advance(Duration::from_secs(hours * 3600));
        assert_eq!(world.found("example.org", RecordType::A).len(), 1);
        assert_eq!(asked.borrow().len(), questions);
    }
}

/// RFC 2308: by the lesser of the SOA record's own time and its minimum; without one, not at all.
#[test]
fn absence_is_kept_as_the_soa_record_says() {
    for (code, is_for_all_types) in [
        (ResponseCode::NXDomain, true),
        (ResponseCode::NoError, false),
    ] {
        for (ttl, minimum, lifetime) in [(60, 30, 30), (20, 900, 20)] {
            let world = World::new();
            let asked = world.serve(ONE, move |query| {
                let mut reply = reply_code(query, code);
                reply.add_authority(soa(ttl, minimum));
                reply
            });
            let missing = |kind| {
                let failure = now(world.lookup("missing.example", kind)).unwrap_err();
                match failure {
                    Failure::Error(DnsError::NoSuchName(_)) => assert!(is_for_all_types),
                    Failure::Error(DnsError::NoRecords(..)) => assert!(!is_for_all_types),
                    failure => panic!("{failure}"),
                }
                asked.borrow().len()
            };
            assert_eq!(missing(RecordType::A), 1);
            world.advance(SECOND * (lifetime - 1));
            assert_eq!(missing(RecordType::A), 1);
            let other = missing(RecordType::Mx);
            assert_eq!(other, if is_for_all_types { 1 } else { 2 });
            world.advance(SECOND);
            assert_eq!(missing(RecordType::A), other + 1);
        }
        let world = World::new();
        let asked = world.serve(ONE, move |query| reply_code(query, code));
        for questions in [1, 2] {
            now(world.lookup("missing.example", RecordType::A)).unwrap_err();
            assert_eq!(asked.borrow().len(), questions);
        }
    }
}

#[test]
fn the_type_that_no_record_has_stands_for_no_other() {
    let world = World::new();
    world.serve(ONE, |query| {
        let mut reply = match query.queries[0].query_type() {
            hickory_proto::rr::RecordType::A => with_ttl(60)(query),
            _ => reply(query),
        };
        reply.add_authority(soa(60, 60));
        reply
    });
    now(world.lookup("example.org", RecordType::Other(0))).unwrap_err();
    assert_eq!(world.found("example.org", RecordType::A).len(), 2);
}

#[test]
fn a_failure_is_not_kept() {
    let world = World::new();
    let asked = world.serve(ONE, |query| reply_code(query, ResponseCode::ServFail));
    for questions in [1, 2] {
        now(world.lookup("example.org", RecordType::A)).unwrap_err();
        assert_eq!(asked.borrow().len(), questions);
    }
}

#[test]
fn the_number_of_entries_is_bounded() {
    let world = World::with(DnsSettings {
        cache_entries: 10,
        ..settings(&[ONE])
    });
    let asked = world.serve(ONE, |query| {
        let owner = query.queries[0].name().to_string();
        // The last one asked for expires first.
        let number: u32 = owner
            .trim_matches(|c: char| !c.is_ascii_digit())
            .parse()
            .unwrap();
        let address = RData::A(rdata::A::new(192, 0, 2, 1));
        reply_with(query, vec![record(&owner, 1000 - number, address)])
    });
    for number in 0..100 {
        world.found(&format!("n{number}.example"), RecordType::A);
        assert!(world.names.cached() <= 10);
    }
    // What lives longest stays: 0 to 8, and the last one.
    let before = asked.borrow().len();
    for number in [0, 1, 2, 3, 4, 5, 6, 7, 8, 99] {
        world.found(&format!("n{number}.example"), RecordType::A);
    }
    assert_eq!(asked.borrow().len(), before);
    world.advance(SECOND * 1000);
    world.found("n0.example", RecordType::A);
    assert_eq!(world.names.cached(), 1, "what has expired is gone");

    let none = World::with(DnsSettings {
        cache_entries: 0,
        ..settings(&[ONE])
    });
    let asked = none.serve(ONE, with_ttl(60));
    none.found("example.org", RecordType::A);
    none.found("example.org", RecordType::A);
    assert_eq!((asked.borrow().len(), none.names.cached()), (2, 0));
}

#[test]
fn an_alias_beside_an_answer_is_no_entry_of_its_own() {
    let world = World::new();
    let asked = world.serve(ONE, |query| {
        let chain = vec![cname("a.example", "b.example"), a("b.example", "192.0.2.1")];
        reply_with(query, chain)
    });
    world.found("a.example", RecordType::A);
    assert_eq!(world.names.cached(), 1);
    world.found("b.example", RecordType::A);
    assert_eq!(asked.borrow().len(), 2);
}
