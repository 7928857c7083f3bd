//! What each argument of `tls:` does, on both sides, over memory.

use std::cell::RefCell;
use std::fs;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use retwist::deferred::{Deferred, DialerExt, ResolveError};
use retwist::endpoint::{
    ClientEndpoint, Network, ServerEndpoint, client_from_string, server_from_string,
};
use retwist::testing::{MemoryReactor, Pair};
use retwist::tls::{
    ClientOptions, Identity, ServerOptions, TlsInfo, TlsRole, TlsTransport, TrustRoots,
};
use retwist::{Address, Protocol, ProtocolHandle, Reason, TransportRef, error_chain};

const HERE: [u8; 4] = [192, 0, 2, 7];

/// Files with certificates, one of them alone in a folder; they go with the test.
struct Files(PathBuf);

impl Files {
    fn new(test: &str) -> Self {
        let folder = format!("retwist-endpoint-{test}-{}", std::process::id());
        let files = Files(std::env::temp_dir().join(folder));
        fs::create_dir_all(files.0.join("named")).unwrap();
        for (file, name) in [
            ("server.pem", "localhost"),
            ("client.pem", "a client"),
            ("named/example.org.pem", "example.org"),
        ] {
            let made = rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
            let both = made.cert.pem() + &made.signing_key.serialize_pem();
            fs::write(files.0.join(file), both).unwrap();
            fs::write(files.0.join(file).with_extension("crt"), made.cert.pem()).unwrap();
        }
        files
    }

    /// Writes `text` with the folder in place of each `@`.
    fn of(&self, text: &str) -> String {
        text.replace('@', self.0.to_str().unwrap())
    }

    fn server(&self, arguments: &str) -> ServerEndpoint {
        let text = format!("tls:{arguments}:tcp:80:interface=192.0.2.7");
        server_from_string(&self.of(&text)).unwrap()
    }

    fn client(&self, arguments: &str) -> ClientEndpoint {
        client_from_string(&self.of(&format!("tls:localhost:80:{arguments}"))).unwrap()
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Notes what the handshake has agreed on, and why the connection has ended.
#[derive(Default)]
struct Side {
    agreed: Rc<RefCell<Option<Rc<TlsInfo>>>>,
    ended: Rc<RefCell<Option<Reason>>>,
}

impl Protocol for Side {
    fn connection_made(&mut self, transport: &TransportRef) {
        *self.agreed.borrow_mut() = TlsTransport::of(transport);
    }

    fn data_received(&mut self, _: &TransportRef, _: &[u8]) {}

    fn connection_lost(&mut self, reason: &Reason) {
        *self.ended.borrow_mut() = Some(reason.clone());
    }
}

/// A server that listens, and a client that meets it again and again.
struct World {
    reactor: Rc<MemoryReactor>,
    network: Network,
    served: Rc<RefCell<Option<Rc<TlsInfo>>>>,
}

/// What both sides say: the client's error, if it has one.
struct Met {
    server: Option<Rc<TlsInfo>>,
    client: Result<Rc<TlsInfo>, String>,
    /// How the client's connection has ended by itself.
    ended: Option<Reason>,
}

impl World {
    fn new(server: &ServerEndpoint) -> Self {
        let reactor = Rc::new(MemoryReactor::new());
        let served: Rc<RefCell<Option<Rc<TlsInfo>>>> = Rc::default();
        let place = served.clone();
        let factory = move |_: &Address| Side {
            agreed: place.clone(),
            ended: Rc::default(),
        };
        server.listen(&*reactor, factory).unwrap();
        let resolver =
            |_: &str, port: u16| Deferred::<_, ResolveError>::succeed(vec![(HERE, port).into()]);
        let network = Network::with(reactor.clone(), Rc::new(resolver));
        World {
            reactor,
            network,
            served,
        }
    }

    fn meet(&self, client: &ClientEndpoint) -> Met {
        self.served.take();
        let side = Side::default();
        let (agreed, ended) = (side.agreed.clone(), side.ended.clone());
        let mut connecting: Deferred<ProtocolHandle<Side>, _> =
            client.on(&self.network).connect_to(side);
        let pair: Pair = self
            .reactor
            .complete(&self.reactor.connecting()[0])
            .unwrap();
        pair.run();
        let met = Met {
            client: match connecting.take().expect("an outcome at once") {
                Ok(_) => Ok(agreed.take().unwrap()),
                Err(failure) => Err(error_chain(&failure)),
            },
            server: self.served.take(),
            ended: ended.take(),
        };
        pair.client().abort_connection();
        pair.run();
        met
    }
}

#[test]
fn who_the_server_is() {
    let files = Files::new("who");
    let client = files.client("trustRoots=@/server.crt");
    for server in [
        "privateKey=@/server.pem",
        "certKey=@/server.pem",
        "privateKey=@/server.pem:certKey=@/server.crt",
    ] {
        let met = World::new(&files.server(server)).meet(&client);
        let (server, client) = (met.server.unwrap(), met.client.unwrap());
        assert_eq!(server.server_name.as_deref(), Some("localhost"));
        assert_eq!(client.peer_certificates.len(), 1);
        assert!(server.peer_certificates.is_empty());
    }
    let world = World::new(&files.server("privateKey=@/server.pem"));
    // The root's dot is a matter of DNS alone.
    let rooted = client_from_string(&files.of("tls:localhost.:80:trustRoots=@/server.crt"));
    assert_eq!(world.meet(&rooted.unwrap()).client.err(), None);
    for (client, says) in [
        (
            "trustRoots=@/client.crt",
            "a signature of the peer's certificates is wrong",
        ),
        (
            "trustRoots=@/server.crt:name=example.org",
            "is for another name",
        ),
    ] {
        let error = world.meet(&files.client(client)).client.unwrap_err();
        assert!(error.contains(says), "{error}");
    }
}

/// A configuration made in code takes the place of `tls:` in the string.
#[test]
fn roles_from_code() {
    let files = Files::new("roles");
    let identity = Identity::from_pem_file(files.0.join("server.pem")).unwrap();
    let server = TlsRole::server(ServerOptions::new(identity).build().unwrap());
    let roots = TrustRoots::from_pem_file(files.0.join("server.crt")).unwrap();
    let client = ClientOptions::new(roots).build().unwrap();
    let client = TlsRole::client(client, "localhost").unwrap();
    let world = World::new(
        &server_from_string("tap:tcp:80:interface=192.0.2.7")
            .unwrap()
            .tls(server),
    );
    let met = world.meet(&client_from_string("tcp:anywhere:80").unwrap().tls(client));
    met.client.unwrap();
    assert_eq!(
        met.server.unwrap().server_name.as_deref(),
        Some("localhost")
    );
}

#[test]
fn certificates_by_name() {
    let files = Files::new("named");
    let example = "trustRoots=@/named/example.org.crt:name=example.org";
    let local = "trustRoots=@/server.crt";
    let strict = World::new(&files.server("certificates=@/named"));
    let names = strict.meet(&files.client(example)).server.unwrap();
    assert_eq!(names.server_name.as_deref(), Some("example.org"));
    assert!(strict.meet(&files.client(local)).client.is_err());
    let with_default = files.server("certificates=@/named:privateKey=@/server.pem");
    let with_default = World::new(&with_default);
    for client in [example, local] {
        with_default.meet(&files.client(client)).client.unwrap();
    }
}

#[test]
fn who_the_client_is() {
    let files = Files::new("client");
    let anonymous = files.client("trustRoots=@/server.crt");
    let known = files.client("trustRoots=@/server.crt:certificate=@/client.pem");
    let stranger = files.client("trustRoots=@/server.crt:certificate=@/server.pem");
    let asking = "privateKey=@/server.pem:trustRoots=@/client.crt";
    for (more, without) in [
        ("", false),
        (":clientCertificates=required", false),
        (":clientCertificates=optional", true),
    ] {
        let world = World::new(&files.server(&format!("{asking}{more}")));
        let met = world.meet(&known);
        assert_eq!(met.server.unwrap().peer_certificates.len(), 1, "{more}");
        let met = world.meet(&anonymous);
        assert_eq!(met.server.is_some(), without, "{more}");
        // In TLS 1.3 the client hears of it after its own handshake.
        assert_eq!(met.ended.is_none(), without, "{more}");
        let met = world.meet(&stranger);
        assert!(met.server.is_none() && met.ended.is_some(), "{more}");
    }
}

#[test]
fn which_protocol_is_spoken() {
    let files = Files::new("alpn");
    let client = |alpn: &str| files.client(&format!("trustRoots=@/server.crt{alpn}"));
    let world = World::new(&files.server("privateKey=@/server.pem:alpn=h2,http/1.1"));
    for (alpn, spoken) in [
        (":alpn=http/1.1,h2", Some("h2")),
        (":alpn=http/1.1", Some("http/1.1")),
        ("", None),
    ] {
        let met = world.meet(&client(alpn));
        for side in [met.server.unwrap(), met.client.unwrap()] {
            assert_eq!(side.alpn_protocol.as_deref(), spoken.map(str::as_bytes));
        }
    }
    assert!(world.meet(&client(":alpn=imap")).client.is_err());
}

#[test]
fn whether_sessions_are_resumed() {
    let files = Files::new("resumed");
    for (server, client, resumed) in [
        ("", "", true),
        (":resumption=16", "", true),
        (":resumption=tickets", "", true),
        (":resumption=none", "", false),
        (":tickets=0", "", false),
        ("", ":resumption=none", false),
    ] {
        let world = World::new(&files.server(&format!("privateKey=@/server.pem{server}")));
        let endpoint = files.client(&format!("trustRoots=@/server.crt{client}"));
        assert!(!world.meet(&endpoint).client.unwrap().resumed);
        let again = world.meet(&endpoint).client.unwrap().resumed;
        assert_eq!(again, resumed, "{server} {client}");
    }
}

#[test]
fn sessions_outlive_a_server_with_its_ticket_keys() {
    let files = Files::new("ticket-keys");
    let keys = retwist::tls::TicketKeys::random().unwrap().to_bytes();
    fs::write(files.0.join("ticket.key"), keys).unwrap();
    for more in ["", ":resumption=tickets", ":tickets=4"] {
        let arguments = format!("privateKey=@/server.pem:ticketKeys=@/ticket.key{more}");
        let worlds = [(); 2].map(|()| World::new(&files.server(&arguments)));
        let endpoint = files.client("trustRoots=@/server.crt");
        let met = worlds.map(|world| world.meet(&endpoint).client.unwrap().resumed);
        assert_eq!(met, [false, true], "{more}");
    }
    for (more, words) in [
        ("ticketKeys=@/server.crt", "80 random bytes"),
        ("ticketKeys=@/none", "cannot read"),
        (
            "ticketKeys=@/ticket.key:resumption=none",
            "for resumption=tickets",
        ),
    ] {
        let text = format!("tls:privateKey=@/server.pem:{more}:tcp:80");
        let error = server_from_string(&files.of(&text)).unwrap_err();
        assert!(
            error_chain(&error).contains(words),
            "{}",
            error_chain(&error)
        );
    }
}

/// Never says anything.
struct Silent;

impl Protocol for Silent {
    fn data_received(&mut self, _: &TransportRef, _: &[u8]) {}
}

#[test]
fn how_long_a_handshake_may_take() {
    let files = Files::new("bounds");
    for (bound, limit) in [("", 10), (":handshakeTimeout=3", 3)] {
        let world = World::new(&files.server(&format!("privateKey=@/server.pem{bound}")));
        let here = Address::from(std::net::SocketAddr::from((HERE, 80)));
        let pair = world.reactor.accept(&here, Silent).unwrap();
        pair.advance(Duration::from_secs(limit) - Duration::from_millis(1));
        assert!(pair.client().is_connected());
        pair.advance(Duration::from_secs(1));
        assert!(!pair.server().is_connected(), "{bound}");

        let client = files.client(&format!("trustRoots=@/server.crt{bound}"));
        let mut connecting = client.on(&world.network).connect_to(Side::default());
        let silent = MemoryReactor::new();
        let listen = server_from_string("tcp:80:interface=192.0.2.7").unwrap();
        listen.listen(&silent, |_| Silent).unwrap();
        let pair = silent.complete(&world.reactor.connecting()[0]).unwrap();
        pair.run();
        assert!(!connecting.is_called());
        pair.advance(Duration::from_secs(limit));
        world.reactor.clock().advance(Duration::from_secs(limit));
        let failure = connecting.take().unwrap().unwrap_err();
        let says = format!("{limit} s");
        assert!(
            error_chain(&failure).contains(&says),
            "{}",
            error_chain(&failure)
        );
    }
}
