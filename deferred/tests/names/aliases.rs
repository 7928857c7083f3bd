//! Names that stand for other names.

use retwist_deferred::Failure;
use retwist_deferred::names::{DnsError, RecordType};

use crate::world::{ONE, World, a, cname, from_zone, now, reply_with, soa};

#[test]
fn a_chain_is_followed_whatever_its_order() {
    let chain = || {
        vec![
            a("d.example", "192.0.2.1"),
            cname("c.example", "d.example"),
            cname("a.example", "B.example"),
            cname("b.example", "c.example"),
            a("d.example", "192.0.2.2"),
        ]
    };
    let world = World::new();
    let asked = world.serve(ONE, move |query| reply_with(query, chain()));
    let found = now(world.lookup("A.example", RecordType::A)).unwrap();
    let aliases: Vec<_> = found
        .aliases
        .iter()
        .map(|alias| alias.data.to_string())
        .collect();
    assert_eq!(aliases, ["B.example.", "c.example.", "d.example."]);
    assert_eq!(found.canonical_name, "d.example");
    assert_eq!(found.records.len(), 2);
    assert_eq!(asked.borrow().len(), 1);
}

/// A server that follows no alias out of its zone: the target is asked for.
#[test]
fn the_end_of_a_chain_is_asked_for() {
    let world = World::new();
    let asked = world.serve(ONE, |query| {
        let question = query.queries[0].name().to_string();
        match &*question {
            "a.example." => reply_with(query, vec![cname("a.example", "b.example")]),
            "b.example." => reply_with(query, vec![cname("b.example", "c.example")]),
            _ => reply_with(query, vec![a("c.example", "192.0.2.1")]),
        }
    });
    let found = world.found("a.example", RecordType::A);
    assert_eq!(found, ["b.example.", "c.example.", "192.0.2.1"]);
    assert_eq!(asked.borrow().len(), 3);
    world.assert_clean();
}

#[test]
fn circles_and_endless_chains_end() {
    let circle = World::new();
    let asked = circle.serve(ONE, |query| {
        let both = vec![
            cname("a.example", "b.example"),
            cname("b.example", "a.example"),
        ];
        reply_with(query, both)
    });
    let failure = now(circle.lookup("a.example", RecordType::A)).unwrap_err();
    assert!(
        matches!(failure, Failure::Error(DnsError::AliasLoop(_))),
        "{failure}"
    );
    assert_eq!(asked.borrow().len(), 1);
    circle.assert_clean();

    let itself = World::new();
    itself.serve(ONE, |query| {
        reply_with(query, vec![cname("a.example", "a.example")])
    });
    let failure = now(itself.lookup("a.example", RecordType::A)).unwrap_err();
    assert!(
        matches!(failure, Failure::Error(DnsError::AliasLoop(_))),
        "{failure}"
    );

    // Each answer names a name that has never been heard of.
    let endless = World::new();
    let asked = endless.serve(ONE, |query| {
        let question = query.queries[0].name().to_string();
        let number: u32 = question
            .trim_matches(|c: char| !c.is_ascii_digit())
            .parse()
            .unwrap();
        let next = cname(&question, &format!("n{}.example", number + 1));
        reply_with(query, vec![next])
    });
    let failure = now(endless.lookup("n0.example", RecordType::A)).unwrap_err();
    assert!(
        matches!(failure, Failure::Error(DnsError::AliasLoop(_))),
        "{failure}"
    );
    assert_eq!(asked.borrow().len(), 17);
    endless.assert_clean();
}

#[test]
fn an_alias_that_leads_nowhere() {
    let world = World::new();
    let zone = vec![
        cname("gone.example", "missing.example"),
        cname("bare.example", "mail.example"),
        a("mail.example", "192.0.2.1"),
    ];
    let asked = world.serve(ONE, move |query| from_zone(query, &zone));
    let failure = now(world.lookup("gone.example", RecordType::A)).unwrap_err();
    assert_eq!(failure.to_string(), "missing.example does not exist");
    let failure = now(world.lookup("bare.example", RecordType::Mx)).unwrap_err();
    assert_eq!(failure.to_string(), "mail.example has no record of type MX");
    // The alias itself exists.
    assert_eq!(
        world.found("gone.example", RecordType::Cname),
        ["missing.example."]
    );
    assert_eq!(asked.borrow().len(), 3);
}

/// An alias with an SOA record beside it: the server has looked, and there is nothing.
#[test]
fn a_chain_with_an_soa_record_is_at_its_end() {
    let world = World::new();
    let asked = world.serve(ONE, |query| {
        let mut reply = reply_with(query, vec![cname("a.example", "b.example")]);
        reply.add_authority(soa(60, 60));
        reply
    });
    let failure = now(world.lookup("a.example", RecordType::A)).unwrap_err();
    assert_eq!(failure.to_string(), "b.example has no record of type A");
    assert_eq!(asked.borrow().len(), 1);
}
