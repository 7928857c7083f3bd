//! A server whose client sends anything.

use proptest::prelude::*;
use retwist_protocols::sasl::{MAX_MESSAGE, Mechanism, Protection, SaslError, SaslStep, Verifier};

use super::{PASSWORD, bound, server};

/// What the first message comes to.
fn first(mechanism: Mechanism, message: &[u8]) -> Result<SaslStep, SaslError> {
    let protection = match mechanism {
        Mechanism::ScramSha256Plus => bound(1),
        _ => Protection::Encrypted,
    };
    server(mechanism, &protection).begin(Some(message))
}

#[test]
fn plain() {
    let good = |message: &str| first(Mechanism::Plain, message.as_bytes()).unwrap();
    let user = SaslStep::Lookup("user".into());
    assert_eq!(good("\0user\0pencil"), user);
    assert_eq!(good("user\0user\0pencil"), user);
    for message in [
        "",
        "user",
        "\0user",
        "\0user\0pencil\0",
        "\0\0\0",
        "user pencil",
    ] {
        let refused = first(Mechanism::Plain, message.as_bytes());
        assert!(
            matches!(refused, Err(SaslError::Malformed(_))),
            "{message:?}: {refused:?}"
        );
    }
    let another = first(Mechanism::Plain, b"root\0user\0pencil");
    assert!(
        matches!(another, Err(SaslError::NotAuthorized)),
        "{another:?}"
    );
    for message in ["\0\0pencil", "\0us\u{7}er\0pencil"] {
        let refused = first(Mechanism::Plain, message.as_bytes());
        assert!(
            matches!(refused, Err(SaslError::BadText)),
            "{message:?}: {refused:?}"
        );
    }
    let no_text = first(Mechanism::Plain, b"\0user\0\xff");
    assert!(
        matches!(no_text, Err(SaslError::Malformed(_))),
        "{no_text:?}"
    );
    let mut server = server(Mechanism::Plain, &Protection::Encrypted);
    server.begin(Some(b"\0user\0")).unwrap();
    let verifier = Verifier::new(PASSWORD).unwrap();
    assert!(matches!(
        server.verify(Some(&verifier)),
        Err(SaslError::BadCredentials)
    ));
}

#[test]
fn scram_begins() {
    let user = |name: &str| SaslStep::Lookup(name.into());
    let scram = |message: &str| first(Mechanism::ScramSha256, message.as_bytes());
    assert_eq!(scram("n,,n=user,r=abc").unwrap(), user("user"));
    assert_eq!(scram("y,,n=user,r=abc").unwrap(), user("user"));
    assert_eq!(scram("n,a=user,n=user,r=abc").unwrap(), user("user"));
    assert_eq!(scram("n,,n=a=2Cb=3Dc,r=abc,x=more").unwrap(), user("a,b=c"));
    for message in [
        "",
        "n",
        "n,",
        "n,,",
        "n,,n=user",
        "n,,r=abc,n=user",
        "n,,n=,r=abc",
        "n,,n=user,r=",
        "n,,n=user,r=a b",
        "n,,n=user,r=\u{e4}",
        "n,,n=us=er,r=abc",
        "n,,n=us=2cer,r=abc",
        "n,,n=us=,r=abc",
        "x,,n=user,r=abc",
        "n,user,n=user,r=abc",
        "n,,n=us\0er,r=abc",
        "p=tls-exporter,,n=user,r=abc",
    ] {
        let refused = scram(message);
        assert!(
            matches!(refused, Err(SaslError::Malformed(_))),
            "{message:?}: {refused:?}"
        );
    }
    assert!(matches!(
        scram("n,,m=x,n=user,r=abc"),
        Err(SaslError::Extension)
    ));
    assert!(matches!(
        scram("n,a=root,n=user,r=abc"),
        Err(SaslError::NotAuthorized)
    ));
    let plus = |message: &str| first(Mechanism::ScramSha256Plus, message.as_bytes());
    assert_eq!(plus("p=tls-exporter,,n=user,r=abc").unwrap(), user("user"));
    assert!(matches!(
        plus("p=tls-unique,,n=user,r=abc"),
        Err(SaslError::NoBinding)
    ));
    assert!(matches!(
        plus("n,,n=user,r=abc"),
        Err(SaslError::Malformed(_))
    ));
    assert!(matches!(plus("y,,n=user,r=abc"), Err(SaslError::Downgrade)));
}

/// The second message of SCRAM, made from the nonce of the first.
fn scram_ends(last: impl Fn(&str) -> String) -> Result<SaslStep, SaslError> {
    let mut server = server(Mechanism::ScramSha256, &Protection::Encrypted);
    server.begin(Some(b"n,,n=user,r=abc"))?;
    let SaslStep::Challenge(challenge) = server.verify(Some(&Verifier::new(PASSWORD)?))? else {
        panic!("a challenge");
    };
    let challenge = String::from_utf8(challenge).unwrap();
    let nonce = challenge
        .strip_prefix("r=")
        .unwrap()
        .split(',')
        .next()
        .unwrap();
    assert!(nonce.starts_with("abc") && nonce.len() >= 27, "{nonce}");
    let refused = server.respond(last(nonce).as_bytes());
    // It has ended.
    assert!(matches!(server.respond(b""), Err(SaslError::OutOfOrder)));
    refused
}

#[test]
fn scram_fails() {
    let zeros = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=";
    let wrong = scram_ends(|nonce| format!("c=biws,r={nonce},p={zeros}"));
    assert!(matches!(wrong, Err(SaslError::BadCredentials)), "{wrong:?}");
    // The header that was not sent.
    let header = scram_ends(|nonce| format!("c=eSws,r={nonce},p={zeros}"));
    assert!(
        matches!(header, Err(SaslError::BindingMismatch)),
        "{header:?}"
    );
    let texts: [&dyn Fn(&str) -> String; 8] = [
        &|_| String::new(),
        &|_| format!("c=biws,r=abc,p={zeros}"),
        &|nonce| format!("c=biws,r={nonce}x,p={zeros}"),
        &|nonce| format!("c=biws,r={nonce}"),
        &|nonce| format!("c=biws,r={nonce},p="),
        &|nonce| format!("c=biws,r={nonce},p=YWJj"),
        &|nonce| format!("r={nonce},c=biws,p={zeros}"),
        &|nonce| format!("c=biws,r={nonce},p={zeros},x=behind"),
    ];
    for (index, text) in texts.iter().enumerate() {
        let refused = scram_ends(text);
        assert!(
            matches!(refused, Err(SaslError::Malformed(_))),
            "{index}: {refused:?}"
        );
    }
}

#[test]
fn out_of_order_and_too_long() {
    let mut waiting = server(Mechanism::Plain, &Protection::Encrypted);
    assert!(matches!(waiting.respond(b""), Err(SaslError::OutOfOrder)));
    let mut asked = server(Mechanism::Plain, &Protection::Encrypted);
    asked.begin(Some(b"\0user\0pencil")).unwrap();
    assert!(matches!(
        asked.respond(b"again"),
        Err(SaslError::OutOfOrder)
    ));
    let mut twice = server(Mechanism::Login, &Protection::Encrypted);
    assert_eq!(
        twice.begin(None).unwrap(),
        SaslStep::Challenge(b"Username:".into())
    );
    assert!(matches!(twice.begin(None), Err(SaslError::OutOfOrder)));
    for mechanism in Mechanism::ALL {
        let long = first(mechanism, &[b'x'; MAX_MESSAGE + 1]);
        assert!(matches!(long, Err(SaslError::TooLong)), "{mechanism}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    /// Any messages, those that look like good ones among them: they end in an error, and nothing else.
    #[test]
    fn no_message_panics_or_succeeds(
        mechanism in prop::sample::select(Mechanism::ALL.to_vec()),
        messages in prop::collection::vec(prop_oneof![
            prop::collection::vec(any::<u8>(), 0..60),
            "(n|y|p=tls-exporter|),[a=]{0,3},([nrmcp]=[a-zA-Z0-9=,]{0,50},?){0,4}".prop_map(String::into_bytes),
            "\0?[a-z]{0,4}\0[a-z]{0,4}".prop_map(String::into_bytes),
        ], 1..6),
    ) {
        let protection = if mechanism == Mechanism::ScramSha256Plus {
            bound(1)
        } else {
            Protection::Encrypted
        };
        let mut server = server(mechanism, &protection);
        let mut step = server.begin(None);
        for message in messages {
            step = match step {
                Ok(SaslStep::Challenge(_)) => server.respond(&message),
                // The work for a password is another test's.
                Ok(SaslStep::Lookup(_)) if !mechanism.sends_password() => server.verify(None),
                _ => break,
            };
            prop_assert!(!matches!(step, Ok(SaslStep::Authenticated(_))));
        }
    }
}
