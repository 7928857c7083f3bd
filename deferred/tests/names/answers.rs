//! Every type of record, and that there is none.

use hickory_proto::op::ResponseCode;
use hickory_proto::rr::{DNSClass, RData, RecordType as WireType, rdata};
use retwist_deferred::Failure;
use retwist_deferred::names::{DnsError, RecordData, RecordType, ServerError};

use crate::world::{ONE, World, a, aaaa, cname, name, now, record, reply, reply_with};

#[test]
fn every_type() {
    let world = World::new();
    let txt = rdata::TXT::from_bytes(vec![b"v=spf1 -all", b"a \"quote\" \\ \x00\xff"]);
    let unknown = rdata::NULL::with(vec![0, 5, b'i', b's', b's']);
    world.serve_zone(
        ONE,
        vec![
            a("example.org", "192.0.2.1"),
            aaaa("example.org", "2001:db8::1"),
            cname("www.example.org", "example.org"),
            record(
                "example.org",
                60,
                RData::MX(rdata::MX::new(10, name("mail.example.org"))),
            ),
            record(
                "example.org",
                60,
                RData::NS(rdata::NS(name("ns.example.org"))),
            ),
            record("example.org", 60, RData::TXT(txt)),
            record(
                "_imap._tcp.example.org",
                60,
                RData::SRV(rdata::SRV::new(1, 2, 143, name("mail.example.org"))),
            ),
            record(
                "1.2.0.192.in-addr.arpa",
                60,
                RData::PTR(rdata::PTR(name("example.org"))),
            ),
            record(
                "example.org",
                60,
                RData::Unknown {
                    code: WireType::Unknown(65_280),
                    rdata: unknown,
                },
            ),
            crate::world::soa(60, 30),
        ],
    );
    for (host, kind, expected) in [
        ("example.org", RecordType::A, "192.0.2.1"),
        ("EXAMPLE.org.", RecordType::Aaaa, "2001:db8::1"),
        ("www.example.org", RecordType::Cname, "example.org."),
        ("example.org", RecordType::Mx, "10 mail.example.org."),
        ("example.org", RecordType::Ns, "ns.example.org."),
        (
            "example.org",
            RecordType::Txt,
            r#""v=spf1 -all" "a \"quote\" \\ \000\255""#,
        ),
        (
            "_imap._tcp.example.org",
            RecordType::Srv,
            "1 2 143 mail.example.org.",
        ),
        ("1.2.0.192.in-addr.arpa", RecordType::Ptr, "example.org."),
        ("example.org", RecordType::Other(65_280), r"\# 5 0005697373"),
        (
            "example",
            RecordType::Soa,
            "ns.example. root.example. 1 2 3 4 30",
        ),
    ] {
        assert_eq!(world.found(host, kind), [expected], "{host} {kind}");
    }
    world.assert_clean();
}

#[test]
fn typed_answers() {
    let world = World::new();
    let mx = |preference, exchange: &str| {
        record(
            "example.org",
            60,
            RData::MX(rdata::MX::new(preference, name(exchange))),
        )
    };
    let srv = |priority, target: &str| {
        let srv = rdata::SRV::new(priority, 0, 993, name(target));
        record("_imaps._tcp.example.org", 60, RData::SRV(srv))
    };
    let null_mx = rdata::MX::new(0, name("."));
    let no_service = rdata::SRV::new(0, 0, 0, name("."));
    world.serve_zone(
        ONE,
        vec![
            mx(20, "second.example.org"),
            mx(10, "first.example.org"),
            srv(9, "later.example.org"),
            srv(1, "sooner.example.org"),
            record("silent.example.org", 60, RData::MX(null_mx)),
            record("_pop3._tcp.example.org", 60, RData::SRV(no_service)),
            record(
                "text.example.org",
                60,
                RData::TXT(rdata::TXT::from_bytes(vec![b"one ", b"text"])),
            ),
            record(
                "1.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2.ip6.arpa",
                60,
                RData::PTR(rdata::PTR(name("six.example.org"))),
            ),
            record(
                "7.2.0.192.in-addr.arpa",
                60,
                RData::PTR(rdata::PTR(name("four.example.org"))),
            ),
        ],
    );
    let names = &world.names;
    let mail = names.mail_exchanges("example.org");
    let services = names.services("_imaps._tcp.example.org");
    let (no_mail, no_service) = (
        names.mail_exchanges("silent.example.org"),
        names.services("_pop3._tcp.example.org"),
    );
    let texts = names.texts("text.example.org");
    let six = names.names_of("2001:db8::1".parse().unwrap());
    let four = names.names_of("192.0.2.7".parse().unwrap());
    let mapped = names.names_of("::ffff:192.0.2.7".parse().unwrap());
    let here = names.names_of("::1".parse().unwrap());
    world.run();
    let exchanges: Vec<_> = now(mail)
        .unwrap()
        .into_iter()
        .map(|mx| mx.exchange)
        .collect();
    assert_eq!(exchanges, ["first.example.org", "second.example.org"]);
    let targets: Vec<_> = now(services)
        .unwrap()
        .into_iter()
        .map(|srv| srv.target)
        .collect();
    assert_eq!(targets, ["sooner.example.org", "later.example.org"]);
    assert!(matches!(
        now(no_mail),
        Err(Failure::Error(DnsError::NotOffered(_)))
    ));
    assert!(matches!(
        now(no_service),
        Err(Failure::Error(DnsError::NotOffered(_)))
    ));
    assert_eq!(now(texts).unwrap()[0].joined(), b"one text");
    assert_eq!(now(six).unwrap(), ["six.example.org"]);
    assert_eq!(now(four).unwrap(), ["four.example.org"]);
    assert_eq!(now(mapped).unwrap(), ["four.example.org"]);
    assert_eq!(now(here).unwrap(), ["localhost"]);
    world.assert_clean();
}

#[test]
fn no_such_name_and_no_such_record() {
    let world = World::new();
    world.serve_zone(ONE, vec![a("example.org", "192.0.2.1")]);
    let missing = now(world.lookup("missing.example.org", RecordType::A)).unwrap_err();
    assert_eq!(missing.to_string(), "missing.example.org does not exist");
    assert!(matches!(missing, Failure::Error(DnsError::NoSuchName(_))));
    let empty = now(world.lookup("example.org", RecordType::Mx)).unwrap_err();
    assert_eq!(empty.to_string(), "example.org has no record of type MX");
    for text in ["two..dots", "", &"x".repeat(64)] {
        let invalid = now(world.lookup(text, RecordType::A)).unwrap_err();
        assert!(
            matches!(invalid, Failure::Error(DnsError::InvalidName(_))),
            "{text}"
        );
    }
    world.assert_clean();
}

/// What a server says of other names, of another class, or beside the answer, is not believed.
#[test]
fn only_what_was_asked_for_is_taken() {
    let world = World::new();
    world.serve(ONE, |query| {
        let mut chaos = a("example.org", "192.0.2.66");
        chaos.dns_class = DNSClass::CH;
        let mut reply = reply_with(
            query,
            vec![
                a("other.org", "192.0.2.67"),
                chaos,
                a("example.org", "192.0.2.1"),
            ],
        );
        reply.add_authority(a("example.org", "192.0.2.68"));
        reply.add_additional(a("example.org", "192.0.2.69"));
        reply
    });
    assert_eq!(world.found("example.org", RecordType::A), ["192.0.2.1"]);
    assert_eq!(world.names.cached(), 1);
    let other = now(world.lookup("other.example", RecordType::A));
    assert!(matches!(
        other,
        Err(Failure::Error(DnsError::NoRecords(..)))
    ));
}

#[test]
fn every_record_is_asked_for_as_any() {
    let world = World::new();
    world.serve(ONE, |query| {
        let records = vec![
            a("example.org", "192.0.2.1"),
            aaaa("example.org", "2001:db8::1"),
        ];
        reply_with(query, records)
    });
    let any = "ANY".parse().unwrap();
    assert_eq!(
        world.found("example.org", any),
        ["192.0.2.1", "2001:db8::1"]
    );
}

#[test]
fn names_that_are_not_host_names() {
    let world = World::new();
    world.serve(ONE, |query| {
        let owner = query.queries[0].name().clone();
        let target = hickory_proto::rr::Name::from_labels([&b"a.b c"[..], b"\xfc", b"example"]);
        let data = RData::PTR(rdata::PTR(target.unwrap()));
        reply_with(
            query,
            vec![hickory_proto::rr::Record::from_rdata(owner, 1, data)],
        )
    });
    let found = now(world.lookup(r"dot\.in\032label.example", RecordType::Ptr)).unwrap();
    assert_eq!(found.canonical_name, r"dot\.in\032label.example");
    let expected = RecordData::Ptr(r"a\.b\032c.\252.example".to_owned());
    assert_eq!(found.records[0].data, expected);
}

/// A server that knows its own zones alone, and sends askers elsewhere.
#[test]
fn a_referral_is_no_answer() {
    let world = World::new();
    world.serve(ONE, |query| {
        let mut reply = reply(query);
        reply.metadata.recursion_available = false;
        reply.metadata.response_code = ResponseCode::NoError;
        reply.add_authority(record("org", 60, RData::NS(rdata::NS(name("ns.example")))));
        reply
    });
    let failure = now(world.lookup("example.org", RecordType::A)).unwrap_err();
    let Failure::Error(DnsError::AllFailed(_, servers)) = failure else {
        panic!("{failure}");
    };
    assert!(matches!(servers[0].1, ServerError::NotRecursive));
    world.assert_clean();
}
