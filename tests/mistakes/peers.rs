//! Two sides that do not agree on TLS.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use retwist::testing::{self, Pair};
use retwist::tls::{
    ClientCertificates, ClientOptions, Identity, ServerOptions, TlsRole, TrustRoots, start_tls,
};
use retwist::{Protocol, Reason, TransportRef, error_chain};

use crate::Mistake;
use crate::scratch::{Authority, Made, VALID};

/// Starts TLS when the connection is made, if it is to, and keeps the reason of the end.
struct Side {
    role: Option<TlsRole>,
    says: &'static [u8],
    ended: Ended,
}

impl Protocol for Side {
    fn connection_made(&mut self, transport: &TransportRef) {
        if let Some(role) = self.role.take() {
            start_tls(transport, role)
                .expect("TLS begins")
                .write(self.says);
        } else {
            transport.write(self.says);
        }
    }

    fn connection_lost(&mut self, reason: &Reason) {
        *self.ended.borrow_mut() = Some(reason.clone());
    }
}

/// What both sides are told in the end.
struct Told {
    client: String,
    server: String,
}

fn in_clear(says: &'static [u8]) -> (Option<TlsRole>, &'static [u8]) {
    (None, says)
}

fn tls(role: TlsRole) -> (Option<TlsRole>, &'static [u8]) {
    (Some(role), b"")
}

fn meet(
    client: (Option<TlsRole>, &'static [u8]),
    server: (Option<TlsRole>, &'static [u8]),
    then: impl FnOnce(&Pair),
) -> Told {
    let ((client, client_ended), (server, server_ended)) = (side(client), side(server));
    let pair = Pair::new(client, server);
    pair.run();
    then(&pair);
    pair.run();
    Told {
        client: told(&client_ended),
        server: told(&server_ended),
    }
}

type Ended = Rc<RefCell<Option<Reason>>>;

fn side((role, says): (Option<TlsRole>, &'static [u8])) -> (Side, Ended) {
    let ended = Ended::default();
    let side = Side {
        role,
        says,
        ended: ended.clone(),
    };
    (side, ended)
}

fn told(ended: &Ended) -> String {
    ended
        .take()
        .map_or("goes on".into(), |reason| error_chain(&reason))
}

fn nothing(_: &Pair) {}

/// What a server presents, and which authorities a client trusts.
struct World {
    authority: Authority,
    stranger: Authority,
}

impl World {
    fn server(&self, made: &Made) -> ServerOptions {
        let identity = Identity::from_pem(&made.certificate, &made.key);
        ServerOptions::new(identity.expect("an identity"))
    }

    fn valid(&self) -> ServerOptions {
        self.server(&self.authority.certify("localhost", VALID))
    }

    fn client(&self) -> ClientOptions {
        let roots = TrustRoots::from_pem(&self.authority.certificate);
        ClientOptions::new(roots.expect("an authority"))
    }

    fn meet(&self, client: ClientOptions, server: ServerOptions) -> Told {
        meet(
            tls(dials(client)),
            tls(TlsRole::server(server.build().expect("a server"))),
            nothing,
        )
    }
}

fn dials(options: ClientOptions) -> TlsRole {
    let config = options.build().expect("a client");
    TlsRole::client(config, "localhost").expect("a name")
}

pub(crate) fn mistakes() -> Vec<Mistake> {
    let world = World {
        authority: Authority::new("ours"),
        stranger: Authority::new("another"),
    };
    let server = || tls(TlsRole::server(world.valid().build().expect("a server")));
    let of = |made: Made| world.meet(world.client(), world.server(&made));
    let unknown = of(world.stranger.certify("localhost", VALID));
    let strict = ClientCertificates::Required(
        TrustRoots::from_pem(&world.authority.certificate).expect("an authority"),
    );
    let anonymous = world.meet(world.client(), world.valid().client_certificates(strict));
    let own = Authority::for_host("localhost");
    let trusting_it = TrustRoots::from_pem(&own.certificate).expect("an authority");
    let authority_as_server =
        world.meet(ClientOptions::new(trusting_it), world.server(&own.itself()));
    let before = TrustRoots::from_pem(Authority::new("ours").certificate).expect("an authority");
    let renewed = world.meet(ClientOptions::new(before), world.valid());
    let apart = world.meet(world.client().alpn(["h2"]), world.valid().alpn(["smtp"]));
    vec![
        (
            "a client speaks in clear to a port with TLS",
            meet(in_clear(b"GET / HTTP/1.1\r\n\r\n"), server(), nothing).server,
        ),
        (
            "a client with TLS connects to a port in clear",
            meet(
                tls(dials(world.client())),
                in_clear(b"220 ready\r\n"),
                nothing,
            )
            .client,
        ),
        (
            "the client does not trust the authority: the client's side",
            unknown.client,
        ),
        (
            "the client does not trust the authority: the server's side",
            unknown.server,
        ),
        (
            "the certificate is for another name",
            of(world.authority.certify("example.org", VALID)).client,
        ),
        (
            "the certificate is that of an authority, as `openssl req -x509` makes it",
            authority_as_server.client,
        ),
        (
            "the client trusts an old certificate of the same name",
            renewed.client,
        ),
        (
            "the certificate has expired",
            of(world.authority.certify("localhost", (2020, 2021))).client,
        ),
        (
            "the certificate is not valid yet",
            of(world.authority.certify("localhost", (4000, 4096))).client,
        ),
        (
            "a client shows no certificate, and one is required: the server's side",
            anonymous.server,
        ),
        (
            "a client shows no certificate, and one is required: the client's side",
            anonymous.client,
        ),
        (
            "no protocol is common to both (ALPN): the server's side",
            apart.server,
        ),
        (
            "no protocol is common to both (ALPN): the client's side",
            apart.client,
        ),
        (
            "the peer never begins TLS",
            meet(in_clear(b""), server(), |pair| {
                pair.advance(Duration::from_secs(600));
            })
            .server,
        ),
        (
            "the peer ends the connection in the handshake",
            meet(in_clear(b""), server(), |pair| {
                pair.client().lose_connection()
            })
            .server,
        ),
        ("the peer ends TLS without saying so", truncated(&world)),
    ]
}

/// A whole handshake, some data, and then the end of what is below.
fn truncated(world: &World) -> String {
    let server = TlsRole::server(world.valid().build().expect("a server"));
    let (client, _) = side((Some(dials(world.client())), &[0; 20_000]));
    let (server, ended) = side(tls(server));
    let pair = Pair::new(client, server).close_after(testing::Side::Client, 10_000);
    pair.run();
    told(&ended)
}
