//! SASL: both sides against each other, and each against a peer that does not keep to it.

mod evil_clients;
mod evil_servers;
mod texts;

use retwist_protocols::sasl::{
    ChannelBinding, Credentials, Mechanism, Protection, SaslClient, SaslError, SaslServer,
    SaslStep, Verifier,
};

const USER: &str = "user";
const PASSWORD: &str = "pencil";

fn bound(value: u8) -> Protection {
    Protection::Bound(ChannelBinding::tls_exporter([value; 32]))
}

fn credentials(user: &str, password: &str) -> Credentials {
    Credentials::new(user, password).expect("good texts")
}

fn server(mechanism: Mechanism, protection: &Protection) -> SaslServer {
    SaslServer::new(mechanism, protection).expect("it is offered there")
}

fn client(mechanism: Mechanism, protection: &Protection, password: &str) -> SaslClient {
    SaslClient::new(mechanism, credentials(USER, password), protection).expect("it fits")
}

/// Runs an exchange to its end, with the first message beside the command or behind it. Returns who the
/// server says the client is, once the client believes it.
fn exchange(
    mut client: SaslClient,
    mut server: SaslServer,
    knows: &dyn Fn(&str) -> Option<Verifier>,
    initial: bool,
) -> Result<String, SaslError> {
    let first = if initial {
        client.initial_response()?
    } else {
        None
    };
    let mut step = server.begin(first.as_deref())?;
    for _ in 0..10 {
        step = match step {
            SaslStep::Challenge(challenge) => server.respond(&client.respond(&challenge)?)?,
            SaslStep::Lookup(user) => server.verify(knows(&user).as_ref())?,
            SaslStep::Authenticated(user) => {
                client.succeeded(None)?;
                return Ok(user);
            }
        };
    }
    panic!("the exchange has no end");
}

fn one_user(name: &str) -> Option<Verifier> {
    (name == USER).then(|| Verifier::new(PASSWORD).expect("a good password"))
}

#[test]
fn every_mechanism_in_both_orders() {
    for mechanism in Mechanism::ALL {
        for initial in [false, true] {
            let protection = match mechanism {
                Mechanism::ScramSha256Plus => bound(1),
                _ => Protection::Encrypted,
            };
            let run = |password| {
                let client = client(mechanism, &protection, password);
                exchange(client, server(mechanism, &protection), &one_user, initial)
            };
            assert_eq!(
                run(PASSWORD).expect("the password is right"),
                USER,
                "{mechanism}"
            );
            let wrong = run("pencils");
            assert!(
                matches!(wrong, Err(SaslError::BadCredentials)),
                "{mechanism}: {wrong:?}"
            );
        }
    }
}

#[test]
fn an_unknown_user_is_refused_at_the_same_point() {
    for mechanism in [Mechanism::Plain, Mechanism::Login, Mechanism::ScramSha256] {
        let client = client(mechanism, &Protection::Encrypted, PASSWORD);
        let server = server(mechanism, &Protection::Encrypted);
        let refused = exchange(client, server, &|_| None, true);
        assert!(
            matches!(refused, Err(SaslError::BadCredentials)),
            "{mechanism}: {refused:?}"
        );
    }
}

#[test]
fn the_salt_of_an_unknown_user_is_the_same_each_time() {
    let challenge = |user: &str| {
        let mut server = server(Mechanism::ScramSha256, &Protection::Encrypted);
        let first = format!("n,,n={user},r=abc");
        assert_eq!(
            server.begin(Some(first.as_bytes())).unwrap(),
            SaslStep::Lookup(user.into())
        );
        let Ok(SaslStep::Challenge(challenge)) = server.verify(None) else {
            panic!("the exchange goes on");
        };
        let challenge = String::from_utf8(challenge).unwrap();
        challenge.split_once(",s=").expect("a salt").1.to_owned()
    };
    assert_eq!(challenge("mallory"), challenge("mallory"));
    assert_ne!(challenge("mallory"), challenge("eve"));
}

#[test]
fn names_and_passwords_in_any_script_and_form() {
    for (typed, kept) in [
        ("I\u{ad}X", "IX"),
        ("\u{2168}", "IX"),
        ("a,b=c", "a,b=c"),
        ("p\u{e4}ss w\u{f6}rd", "pa\u{308}ss wo\u{308}rd"),
        ("\u{5bc6}\u{78bc}", "\u{5bc6}\u{78bc}"),
    ] {
        for mechanism in [Mechanism::Plain, Mechanism::Login, Mechanism::ScramSha256] {
            let credentials = credentials(typed, typed);
            let client = SaslClient::new(mechanism, credentials, &Protection::Encrypted).unwrap();
            let server = server(mechanism, &Protection::Encrypted);
            let verifier = Verifier::new(kept).unwrap();
            let user = exchange(client, server, &|_| Some(verifier.clone()), true);
            assert!(user.is_ok(), "{typed} by {mechanism}: {user:?}");
        }
    }
    for bad in ["", "a\0b", "\u{7}", "\u{fffd}", "\u{ad}"] {
        assert!(
            matches!(Credentials::new(bad, "x"), Err(SaslError::BadText)),
            "{bad:?}"
        );
        assert!(
            matches!(Credentials::new("x", bad), Err(SaslError::BadText)),
            "{bad:?}"
        );
        assert!(
            matches!(Verifier::new(bad), Err(SaslError::BadText)),
            "{bad:?}"
        );
    }
}

#[test]
fn a_client_takes_the_strongest_that_fits() {
    let all = [
        "LOGIN",
        "plain",
        "GSSAPI",
        "SCRAM-SHA-256",
        "Scram-Sha-256-Plus",
    ];
    let choose = |offered: &[&str], protection: &Protection| {
        let offered = offered.iter().copied();
        let client = SaslClient::choose(offered, credentials(USER, PASSWORD), protection);
        client.map(|client| client.mechanism())
    };
    assert_eq!(choose(&all, &bound(1)).unwrap(), Mechanism::ScramSha256Plus);
    assert_eq!(
        choose(&all, &Protection::Encrypted).unwrap(),
        Mechanism::ScramSha256
    );
    assert_eq!(
        choose(&all, &Protection::Clear).unwrap(),
        Mechanism::ScramSha256
    );
    assert_eq!(
        choose(&all[..3], &Protection::Encrypted).unwrap(),
        Mechanism::Plain
    );
    assert_eq!(
        choose(&all[..1], &Protection::Encrypted).unwrap(),
        Mechanism::Login
    );
    let in_clear = choose(&all[..3], &Protection::Clear);
    assert!(
        matches!(in_clear, Err(SaslError::NotProtected)),
        "{in_clear:?}"
    );
    for (offered, protection) in [(&all[2..3], bound(1)), (&all[4..], Protection::Encrypted)] {
        let none = choose(offered, &protection);
        assert!(matches!(none, Err(SaslError::NoMechanism)), "{none:?}");
    }
}

#[test]
fn a_server_accepts_nothing_in_clear() {
    for mechanism in Mechanism::ALL {
        let refused = SaslServer::new(mechanism, &Protection::Clear);
        assert!(
            matches!(refused, Err(SaslError::NotProtected)),
            "{mechanism}"
        );
    }
    let unbound = SaslServer::new(Mechanism::ScramSha256Plus, &Protection::Encrypted);
    assert!(matches!(unbound, Err(SaslError::NoBinding)));
}

#[test]
fn an_exchange_that_is_relayed_to_another_connection_fails() {
    let mechanism = Mechanism::ScramSha256Plus;
    let relayed = exchange(
        client(mechanism, &bound(1), PASSWORD),
        server(mechanism, &bound(2)),
        &one_user,
        true,
    );
    assert!(
        matches!(relayed, Err(SaslError::BindingMismatch)),
        "{relayed:?}"
    );
}

#[test]
fn an_offer_that_was_removed_on_the_way_is_noticed() {
    let seen = ["SCRAM-SHA-256", "PLAIN"];
    let client = SaslClient::choose(seen, credentials(USER, PASSWORD), &bound(1)).unwrap();
    let removed = exchange(
        client,
        server(Mechanism::ScramSha256, &bound(1)),
        &one_user,
        true,
    );
    assert!(matches!(removed, Err(SaslError::Downgrade)), "{removed:?}");
}

#[test]
fn what_is_printed_for_debugging_has_no_secrets() {
    let mut server = server(Mechanism::Plain, &bound(1));
    server.begin(Some(b"\0user\0pencil")).unwrap();
    let verifier = Verifier::new(PASSWORD).unwrap();
    let client = client(Mechanism::Plain, &bound(1), PASSWORD);
    let printed = format!("{server:?} {verifier:?} {client:?} {:?}", bound(77));
    for secret in [PASSWORD, "77", "stored", "key"] {
        assert!(!printed.contains(secret), "{printed}");
    }
}
