//! The addresses of hosts: text, special names, the search list, two families.

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType as WireType;
use retwist_deferred::Failure;
use retwist_deferred::names::{DnsError, DnsSettings};

use crate::world::{
    Asked, ONE, SECOND, World, a, aaaa, cname, from_zone, name, now, reply, reply_code, settings,
};

/// The addresses that are found at once.
fn addresses(world: &World, host: &str) -> Result<Vec<String>, Failure<DnsError>> {
    let found = world.names.addresses(host);
    world.run();
    now(found).map(|found| found.iter().map(ToString::to_string).collect())
}

/// The names that a server has been asked for, each once.
fn asked_for(asked: &Asked) -> Vec<String> {
    let mut names: Vec<_> = asked
        .borrow()
        .iter()
        .map(|query| query.queries[0].name().to_string())
        .collect();
    names.dedup();
    names
}

#[test]
fn both_families_are_asked_for_at_once() {
    let world = World::new();
    let asked = world.serve_zone(
        ONE,
        vec![
            a("example.org", "192.0.2.1"),
            a("example.org", "192.0.2.2"),
            aaaa("example.org", "2001:db8::1"),
            cname("www.example.org", "example.org"),
            a("four.example", "192.0.2.4"),
            aaaa("six.example", "2001:db8::6"),
        ],
    );
    let all = ["2001:db8::1", "192.0.2.1", "192.0.2.2"];
    assert_eq!(addresses(&world, "example.org").unwrap(), all);
    assert_eq!(asked.borrow().len(), 2);
    assert_eq!(addresses(&world, "WWW.example.org.").unwrap(), all);
    assert_eq!(addresses(&world, "four.example").unwrap(), ["192.0.2.4"]);
    assert_eq!(addresses(&world, "six.example").unwrap(), ["2001:db8::6"]);
    world.assert_clean();
}

#[test]
fn text_and_special_names_are_not_asked_for() {
    let world = World::new();
    let asked = world.serve(ONE, reply);
    for (host, expected) in [
        ("192.0.2.1", &["192.0.2.1"][..]),
        ("2001:db8::1", &["2001:db8::1"]),
        ("fe80::1%7", &["fe80::1"]),
        ("localhost", &["::1", "127.0.0.1"]),
        ("LocalHost.", &["::1", "127.0.0.1"]),
        ("db.localhost", &["::1", "127.0.0.1"]),
    ] {
        assert_eq!(addresses(&world, host).unwrap(), expected, "{host}");
    }
    for host in ["invalid", "some.INVALID", "x.onion."] {
        let failure = addresses(&world, host).unwrap_err();
        assert!(
            matches!(failure, Failure::Error(DnsError::NoSuchName(_))),
            "{host}: {failure}"
        );
    }
    for host in ["", ".", "a..b", "no name", &"x.".repeat(200)] {
        let failure = addresses(&world, host).unwrap_err();
        assert!(
            matches!(failure, Failure::Error(DnsError::InvalidName(_))),
            "{host}: {failure}"
        );
    }
    assert!(asked.borrow().is_empty());
    world.assert_clean();
}

#[cfg(feature = "idna")]
#[test]
fn letters_outside_of_ascii() {
    let world = World::new();
    world.serve_zone(ONE, vec![a("xn--bcher-kva.example", "192.0.2.1")]);
    assert_eq!(addresses(&world, "Bücher.example").unwrap(), ["192.0.2.1"]);
}

#[test]
fn the_search_list() {
    for (ndots, host, expected) in [
        (
            1,
            "host",
            &["host.a.example.", "host.b.example.", "host."][..],
        ),
        (1, "host.", &["host."]),
        (
            1,
            "host.sub",
            &["host.sub.", "host.sub.a.example.", "host.sub.b.example."],
        ),
        (
            2,
            "host.sub",
            &["host.sub.a.example.", "host.sub.b.example.", "host.sub."],
        ),
        (0, "host", &["host.", "host.a.example.", "host.b.example."]),
    ] {
        let world = World::with(DnsSettings {
            search: vec!["a.example".to_owned(), "b.example".to_owned()],
            ndots,
            ..settings(&[ONE])
        });
        let asked = world.serve_zone(ONE, Vec::new());
        let failure = addresses(&world, host).unwrap_err();
        assert!(matches!(failure, Failure::Error(DnsError::NoSuchName(_))));
        assert_eq!(asked_for(&asked), expected, "{host} with ndots {ndots}");
        world.assert_clean();
    }
}

#[test]
fn the_search_ends_with_the_first_host_and_with_a_server_that_fails() {
    let world = World::with(DnsSettings {
        search: vec!["a.example".to_owned(), "b.example".to_owned()],
        ..settings(&[ONE])
    });
    let zone = vec![
        cname("host.a.example", "real.example"),
        a("real.example", "192.0.2.1"),
        a("host.b.example", "192.0.2.2"),
        a("broken.b.example", "192.0.2.3"),
    ];
    let asked = world.serve(ONE, move |query| {
        if query.queries[0].name() == &name("broken.a.example") {
            reply_code(query, ResponseCode::ServFail)
        } else {
            from_zone(query, &zone)
        }
    });
    assert_eq!(addresses(&world, "host").unwrap(), ["192.0.2.1"]);
    assert_eq!(asked_for(&asked), ["host.a.example."]);
    let failure = addresses(&world, "broken").unwrap_err();
    assert!(
        matches!(failure, Failure::Error(DnsError::AllFailed(..))),
        "{failure}"
    );
    assert_eq!(asked_for(&asked), ["host.a.example.", "broken.a.example."]);
    world.assert_clean();
}

/// A server that does not answer for one of the families.
#[test]
fn one_family_does_not_wait_long_for_the_other() {
    for silent in [WireType::A, WireType::AAAA] {
        let world = World::new();
        let zone = vec![
            a("example.org", "192.0.2.1"),
            aaaa("example.org", "2001:db8::1"),
        ];
        world.serve_bytes(ONE, move |query| {
            if query.queries[0].query_type() == silent {
                return Vec::new();
            }
            vec![from_zone(query, &zone).to_vec().unwrap()]
        });
        let mut found = world.names.addresses("example.org");
        world.advance(SECOND - SECOND / 10);
        assert!(!found.is_called());
        world.advance(SECOND / 10);
        assert_eq!(found.take().unwrap().unwrap().len(), 1);
        world.assert_clean();
    }
}

#[test]
fn no_address_at_all() {
    let world = World::new();
    world.serve(ONE, reply);
    let failure = addresses(&world, "example.org").unwrap_err();
    assert_eq!(failure.to_string(), "example.org has no address");
    // One family is known not to exist, and nothing is known of the other.
    let world = World::new();
    world.serve(ONE, |query| match query.queries[0].query_type() {
        WireType::A => reply(query),
        _ => reply_code(query, ResponseCode::ServFail),
    });
    let failure = addresses(&world, "example.org").unwrap_err();
    assert!(
        matches!(failure, Failure::Error(DnsError::AllFailed(..))),
        "{failure}"
    );
    world.assert_clean();
}
