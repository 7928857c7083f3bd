//! A client whose server sends anything, and says that all is well when it is not.

use proptest::prelude::*;
use retwist_protocols::sasl::{
    MAX_ITERATIONS, MAX_MESSAGE, MIN_ITERATIONS, Mechanism, Protection, SaslClient, SaslError,
};

use super::{PASSWORD, client};

fn scram() -> (SaslClient, String) {
    let mut client = client(Mechanism::ScramSha256, &Protection::Encrypted, PASSWORD);
    let first = client
        .initial_response()
        .unwrap()
        .expect("the client begins");
    let first = String::from_utf8(first).unwrap();
    let nonce = first.rsplit_once("r=").expect("a nonce").1.to_owned();
    assert_eq!(nonce.len(), 24, "18 random bytes: {nonce}");
    (client, nonce)
}

#[test]
fn success_without_proof_is_not_believed() {
    let unproved = |client: &mut SaslClient, data: Option<&[u8]>| {
        let believed = client.succeeded(data);
        assert!(
            matches!(believed, Err(SaslError::ServerNotVerified)),
            "{believed:?}"
        );
    };
    for mechanism in [Mechanism::Plain, Mechanism::Login, Mechanism::ScramSha256] {
        unproved(
            &mut client(mechanism, &Protection::Encrypted, PASSWORD),
            None,
        );
    }
    unproved(&mut scram().0, None);
    unproved(&mut scram().0, Some(b"v=AAAA"));
    let (mut client, nonce) = scram();
    client
        .respond(format!("r={nonce}more,s=c2FsdA==,i=4096").as_bytes())
        .unwrap();
    unproved(&mut client, None);
    for proof in [&[7; 32][..], &[0; 32]] {
        let (mut client, nonce) = scram();
        client
            .respond(format!("r={nonce}more,s=c2FsdA==,i=4096").as_bytes())
            .unwrap();
        let last = format!("v={}", retwist_protocols::sasl::encode(proof));
        unproved(&mut client, Some(last.as_bytes()));
    }
}

#[test]
fn challenges_that_are_none() {
    let answer = |challenge: &dyn Fn(&str) -> String| {
        let (mut client, nonce) = scram();
        client.respond(challenge(&nonce).as_bytes())
    };
    let malformed: [&dyn Fn(&str) -> String; 12] = [
        &|_| String::new(),
        &|nonce| format!("r={nonce},s=c2FsdA==,i=4096"),
        &|nonce| format!("r=x{nonce},s=c2FsdA==,i=4096"),
        &|_| "r=other,s=c2FsdA==,i=4096".into(),
        &|nonce| format!("r={nonce}more,s=,i=4096"),
        &|nonce| format!("r={nonce}more,s=*,i=4096"),
        &|nonce| format!("r={nonce}more,s=c2FsdA==,i=-1"),
        &|nonce| format!("r={nonce}more,s=c2FsdA==,i=+5000"),
        &|nonce| format!("r={nonce}more,s=c2FsdA==,i=99999999999999999999"),
        &|nonce| format!("r={nonce}more,s=c2FsdA=="),
        &|nonce| format!("s=c2FsdA==,r={nonce}more,i=4096"),
        &|nonce| format!("r={nonce}m\0re,s=c2FsdA==,i=4096"),
    ];
    for (index, challenge) in malformed.iter().enumerate() {
        let refused = answer(challenge);
        assert!(
            matches!(refused, Err(SaslError::Malformed(_))),
            "{index}: {refused:?}"
        );
    }
    let extension = answer(&|nonce| format!("m=x,r={nonce}more,s=c2FsdA==,i=4096"));
    assert!(matches!(extension, Err(SaslError::Extension)));
    for count in [1, MIN_ITERATIONS - 1, MAX_ITERATIONS + 1, u32::MAX] {
        let refused = answer(&|nonce| format!("r={nonce}more,s=c2FsdA==,i={count}"));
        assert!(matches!(refused, Err(SaslError::Iterations(asked)) if asked == count));
    }
}

#[test]
fn a_refusal_has_its_name() {
    let (mut client, nonce) = scram();
    client
        .respond(format!("r={nonce}more,s=c2FsdA==,i=4096").as_bytes())
        .unwrap();
    let refused = client.respond(b"e=unknown-user");
    assert!(matches!(&refused, Err(SaslError::Refused(name)) if name == "unknown-user"));
    assert!(matches!(
        client.succeeded(None),
        Err(SaslError::ServerNotVerified)
    ));
}

#[test]
fn a_password_is_sent_once_and_in_its_place() {
    let mut plain = client(Mechanism::Plain, &Protection::Encrypted, PASSWORD);
    assert!(matches!(
        plain.respond(b"go on"),
        Err(SaslError::Malformed(_))
    ));
    assert!(matches!(plain.respond(b""), Err(SaslError::OutOfOrder)));
    let mut plain = client(Mechanism::Plain, &Protection::Encrypted, PASSWORD);
    assert_eq!(plain.respond(b"").unwrap(), b"\0user\0pencil");
    assert!(matches!(plain.respond(b""), Err(SaslError::OutOfOrder)));
    let mut login = client(Mechanism::Login, &Protection::Encrypted, PASSWORD);
    assert_eq!(login.initial_response().unwrap(), None);
    assert_eq!(login.respond(b"User Name\0").unwrap(), b"user");
    assert_eq!(login.respond(b"").unwrap(), b"pencil");
    assert!(matches!(login.respond(b""), Err(SaslError::OutOfOrder)));
    let (mut client, _) = scram();
    let long = client.respond(&[b'x'; MAX_MESSAGE + 1]);
    assert!(matches!(long, Err(SaslError::TooLong)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_challenge_panics_or_is_believed(
        mechanism in prop::sample::select(vec![Mechanism::ScramSha256, Mechanism::Plain, Mechanism::Login]),
        first in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..60),
            "([rsimev]=[a-zA-Z0-9=,]{0,30},?){0,4}".prop_map(String::into_bytes),
        ],
        repeats_nonce in any::<bool>(),
        rest in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..4),
    ) {
        let mut client = client(mechanism, &Protection::Encrypted, PASSWORD);
        let sent = client.initial_response().unwrap();
        let mut challenge = first;
        if let (true, Some(sent)) = (repeats_nonce, sent)
            && let Some((_, nonce)) = String::from_utf8_lossy(&sent).rsplit_once("r=")
        {
            challenge = [format!("r={nonce}").into_bytes(), challenge].concat();
        }
        let mut answered = client.respond(&challenge);
        for challenge in rest {
            if answered.is_err() {
                break;
            }
            answered = client.respond(&challenge);
        }
        if mechanism == Mechanism::ScramSha256 {
            prop_assert!(client.succeeded(None).is_err());
        }
    }
}
