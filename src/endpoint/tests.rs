use std::net::{Ipv4Addr, Ipv6Addr};
use std::rc::Rc;
use std::time::Duration;

use retwist_deferred::{Deferred, DialerExt, ResolveError};
use retwist_reactor::testing::MemoryReactor;
use retwist_reactor::{Protocol, StreamSettings, TcpConnect, TcpListen, TransportRef};

use super::{Endpoints, Mistake, Network, client_from_string, server_from_string};

struct Deaf;

impl Protocol for Deaf {
    fn data_received(&mut self, _: &TransportRef, _: &[u8]) {}
}

#[track_caller]
fn listened(text: &str) -> TcpListen {
    let reactor = MemoryReactor::new();
    let endpoint = server_from_string(text).unwrap();
    endpoint.listen(&reactor, |_| Deaf).unwrap();
    reactor.listening().remove(0)
}

/// Where an endpoint connects to first, on a network where every name is 192.0.2.7.
#[track_caller]
fn connected(text: &str) -> TcpConnect {
    let reactor = Rc::new(MemoryReactor::new());
    let everywhere = |_: &str, port: u16| {
        Deferred::<_, ResolveError>::succeed(vec![([192, 0, 2, 7], port).into()])
    };
    let network = Network::with(reactor.clone(), Rc::new(everywhere));
    let connecting = client_from_string(text)
        .unwrap()
        .on(&network)
        .connect_to(Deaf);
    let connected = reactor.connecting().remove(0).options().clone();
    connecting.cancel();
    assert!(reactor.connecting().is_empty(), "{text}");
    assert_eq!(reactor.clock().pending_calls(), 0, "{text}");
    connected
}

#[test]
fn ports() {
    let port = TcpListen::port(8007);
    assert_eq!(listened("tcp:8007"), port);
    assert_eq!(listened("tcp:port=8007"), port);
    let local = port.clone().interface(Ipv4Addr::LOCALHOST);
    assert_eq!(listened("tcp:8007:interface=127.0.0.1"), local);
    assert_eq!(listened("tcp:interface=127.0.0.1:port=8007"), local);
    assert_eq!(listened("tcp:8007:127.0.0.1"), local);
    assert_eq!(listened("tcp:8007:interface=localhost"), local);
    assert_eq!(listened("tcp:8007:backlog=5"), port.clone().backlog(5));
    let six = port.clone().interface(Ipv6Addr::UNSPECIFIED);
    assert_eq!(listened("tcp6:8007"), six);
    assert_eq!(listened(r"tcp:8007:interface=\:\:"), six);
    let six_alone = six.clone().v6_only(true);
    assert_eq!(listened("tcp6:8007:ipv6Only=yes"), six_alone);
    assert_eq!(listened("tcp6:8007:ipv6Only=no"), six);
    let local = port.interface(Ipv6Addr::LOCALHOST);
    assert_eq!(listened(r"tcp6:8007:interface=\:\:1"), local);
    assert_eq!(listened(r"tcp:8007:interface=\:\:1"), local);
    assert_eq!(listened("tcp6:8007:interface=localhost"), local);
    let scoped = TcpListen::address("[fe80::1%7]:8007".parse().unwrap());
    assert_eq!(listened(r"tcp:8007:interface=fe80\:\:1%7"), scoped);
    assert_eq!(listened(r"tcp6:8007:interface=fe80\:\:1%7"), scoped);
}

#[test]
fn destinations() {
    let to = |address: &str| TcpConnect::address(address.parse().unwrap());
    assert_eq!(connected("tcp:192.0.2.1:25"), to("192.0.2.1:25"));
    assert_eq!(connected("tcp:port=25:host=192.0.2.1"), to("192.0.2.1:25"));
    assert_eq!(connected("tcp:example.org:25"), to("192.0.2.7:25"));
    assert_eq!(connected(r"tcp:\:\:1:25"), to("[::1]:25"));
    assert_eq!(connected(r"tcp:fe80\:\:1%7:25"), to("[fe80::1%7]:25"));
    assert_eq!(connected(r"tls:fe80\:\:1%7:25"), to("[fe80::1%7]:25"));
    let here = "192.0.2.2:0".parse().unwrap();
    for host in ["192.0.2.7", "example.org"] {
        assert_eq!(
            connected(&format!("tcp:{host}:25:timeout=0.5:bindAddress=192.0.2.2")),
            to("192.0.2.7:25")
                .timeout(Duration::from_millis(500))
                .bind_address(here)
        );
    }
}

#[test]
fn settings_are_passed_on() {
    let settings = StreamSettings {
        output_limit: 1,
        ..StreamSettings::default()
    };
    let reactor = Rc::new(MemoryReactor::new());
    let endpoint = server_from_string("tap:tcp:1").unwrap();
    let endpoint = endpoint.settings(settings.clone());
    endpoint.listen(&*reactor, |_| Deaf).unwrap();
    let listening = TcpListen::port(1).settings(settings.clone());
    assert_eq!(reactor.listening(), [listening]);

    let empty = |_: &str, _: u16| Deferred::<_, ResolveError>::succeed(Vec::new());
    let network = Network::with(reactor.clone(), Rc::new(empty));
    let endpoint = client_from_string("tap:tcp:192.0.2.1:1").unwrap();
    let dialer = endpoint.settings(settings.clone()).on(&network);
    let _connecting = dialer.connect_to(Deaf);
    let to = TcpConnect::address("192.0.2.1:1".parse().unwrap());
    assert_eq!(*reactor.connecting()[0].options(), to.settings(settings));
}

#[test]
fn every_layer_lies_on_any_endpoint() {
    for layers in [
        "haproxy",
        "proxy:trusted=any",
        "haproxy:trusted=10.0.0.0/8,::1:timeout=5",
        "timeout:idle=60",
        "timeout:idle=60:total=3600:grace=1",
        "throttle:read=1000",
        "throttle:read=1000:write=2000:burst=4096:together=yes",
        "limit:total=10",
        "limit:total=10:perPeer=2:ipv6Prefix=56",
        "tap",
        "tap:limit=16",
        "limit:total=9:tap:haproxy:timeout:total=9:tap",
    ] {
        let layers = layers.replace("::1", r"\:\:1");
        assert_eq!(
            listened(&format!("{layers}:tcp:8007")),
            TcpListen::port(8007)
        );
        let six = TcpListen::port(8007).interface(Ipv6Addr::UNSPECIFIED);
        assert_eq!(listened(&format!("{layers}:tcp6:port=8007")), six);
    }
    for layers in [
        "haproxy",
        r"haproxy:version=1:source=192.0.2.1\:1:destination=192.0.2.2\:2",
        "socks:host=example.org:port=80",
        "socks:host=example.org:port=80:user=me:password=secret:timeout=5",
        "connect:host=192.0.2.9:port=80:user=me:password=secret",
        "timeout:idle=60",
        "throttle:read=1000:write=1000",
        "tap",
        "tap:socks:host=a:port=1:connect:host=b:port=2:timeout:total=5",
    ] {
        let to = TcpConnect::address("192.0.2.7:1080".parse().unwrap());
        assert_eq!(
            connected(&format!("{layers}:tcp:proxy.example.org:1080")),
            to
        );
    }
}

#[test]
fn it_is_known_where_they_lead() {
    for (text, host) in [
        ("tcp:example.org:80", Some("example.org")),
        ("tap:tcp:example.org:80", Some("example.org")),
        ("tcp:bücher.example:80", Some("xn--bcher-kva.example")),
        ("tcp:BÜCHER。example:80", Some("xn--bcher-kva.example")),
        ("tcp:München.de.:80", Some("xn--mnchen-3ya.de.")),
        (
            "connect:host=例え.テスト:port=80:tcp:near:1",
            Some("xn--r8jz45g.xn--zckzah"),
        ),
        ("tap:socks:host=far:port=80:tcp:near:1080", Some("far")),
        (
            "connect:host=192.0.2.1:port=80:socks:host=far:port=80:tcp:near:1",
            Some("192.0.2.1"),
        ),
    ] {
        assert_eq!(client_from_string(text).unwrap().host(), host, "{text}");
    }
}

#[test]
fn mistakes_of_servers_have_a_place() {
    let value = |given: &str| Mistake::Value {
        given: given.into(),
        wanted: "",
    };
    let unknown = |given: &str| Mistake::UnknownKind {
        given: given.into(),
        known: Vec::new(),
        meant: None,
    };
    let no_argument = |given: &str| Mistake::UnknownName {
        given: given.into(),
        known: Vec::new(),
    };
    let table = [
        ("", 0, unknown("")),
        ("8007", 0, unknown("8007")),
        ("tcp4:1", 0, unknown("tcp4")),
        ("=:1", 0, unknown("=")),
        ("process:cat", 0, Mistake::KindElsewhere("process".into())),
        ("tls:443", 7, Mistake::Missing("privateKey")),
        (
            r"process:\:\=\\",
            0,
            Mistake::KindElsewhere("process".into()),
        ),
        (
            "tap:process:/tmp/program",
            4,
            Mistake::KindElsewhere("process".into()),
        ),
        ("tcp", 3, Mistake::Missing("port")),
        ("tcp:1:interface=::1", 17, Mistake::TooMany(String::new())),
        ("tcp:", 4, value("")),
        ("tcp:-1", 4, value("-1")),
        ("tcp:65536", 4, value("65536")),
        ("tcp:1:interface=eth0", 16, value("eth0")),
        ("tcp6:1:interface=127.0.0.1", 17, value("127.0.0.1")),
        ("tcp:1:backlog=0", 14, value("0")),
        ("tcp:1:interfaec=::1", 6, no_argument("interfaec")),
        ("tcp:1:port=2", 6, Mistake::Twice("port")),
        ("tcp:1:", 6, value("")),
        ("tcp:1:::", 6, Mistake::DoubleColon { wanted: "" }),
        ("tcp:1::::", 9, Mistake::TooMany(String::new())),
        (r"é:\x", 2, Mistake::Escape),
        (r"tcp:1\", 5, Mistake::Escape),
        ("tap", 3, Mistake::NothingBelow),
        ("tap:limit=1", 11, Mistake::NothingBelow),
        ("tap:8007", 4, unknown("8007")),
        ("tap:idle=1:tcp:1", 4, no_argument("idle")),
        (
            "haproxy:trusted=10.0.0.0/8,x:tcp:1",
            16,
            value("10.0.0.0/8,x"),
        ),
        ("timeout:tcp:1", 13, Mistake::Missing("idle or total")),
        ("timeout:idle=0:tcp:1", 13, value("0")),
        ("throttle:tcp:1", 14, Mistake::Missing("read or write rate")),
        ("throttle:read=1:together=maybe:tcp:1", 25, value("maybe")),
        ("limit:tcp:1", 11, Mistake::Missing("total or perPeer")),
        ("limit:total=0:tcp:1", 12, value("0")),
        ("socks:host=a:port=1:tcp:1", 0, unknown("socks")),
        ("tap:tcp:x", 8, value("x")),
        ("tls:tap:tcp:1", 13, Mistake::Missing("privateKey")),
        ("tcp:http", 4, value("http")),
        ("tcp6:::1:80", 5, Mistake::DoubleColon { wanted: "" }),
        ("tcp:1:interface=", 16, value("")),
        ("tcp:1:backlog=5:backlog=5", 16, Mistake::Twice("backlog")),
        ("tcp:port=1:port=1", 11, Mistake::Twice("port")),
        (
            "haproxy:timeout=:tcp:1",
            16,
            Mistake::DoubleColon { wanted: "" },
        ),
        (
            "tls:443:tickets=1:privateKey=",
            29,
            Mistake::Tls(String::new()),
        ),
        (
            "tls:443:clientCertificates=optional",
            35,
            Mistake::Missing("privateKey"),
        ),
        (
            "tls:443:certificates=/no/where",
            21,
            Mistake::Tls(String::new()),
        ),
        ("tls:443:extraCertChain=x", 8, no_argument("extraCertChain")),
    ];
    for (text, position, expected) in table {
        let error = server_from_string(text).unwrap_err();
        let mistake = match error.mistake().clone() {
            Mistake::Value { given, .. } => value(&given),
            Mistake::UnknownKind { given, .. } => unknown(&given),
            Mistake::UnknownName { given, .. } => no_argument(&given),
            Mistake::DoubleColon { .. } => Mistake::DoubleColon { wanted: "" },
            Mistake::Tls(_) => Mistake::Tls(String::new()),
            mistake => mistake,
        };
        assert_eq!((error.position(), mistake), (position, expected), "{text}");
    }
    let deep = format!("{}tcp:1", "tap:".repeat(16));
    assert!(server_from_string(&deep).is_ok());
    let error = server_from_string(&format!("tap:{deep}")).unwrap_err();
    assert_eq!(
        (error.position(), error.mistake()),
        (64, &Mistake::TooManyLayers(16))
    );
}

#[test]
fn mistakes_of_clients_have_a_place() {
    for (text, position, says) in [
        ("tcp", 3, "the host is missing"),
        ("tcp:", 4, "not the name or address of a host"),
        ("tcp::1", 4, "not the name or address of a host"),
        ("tcp:localhost", 13, "the port is missing"),
        ("tcp:localhost:0", 14, "not a port"),
        ("tcp:localhost:http", 14, "not a port, a number from"),
        ("tcp:localhost:1:timeout", 16, "not a number of seconds"),
        ("tcp:localhost:1:timeout=", 24, "\"\" is not a number"),
        ("tcp:localhost:1:timeout=1:timeout=2", 26, "a second time"),
        ("tcp:localhost:1:port=2", 16, "the port is given a second"),
        ("tcp:localhost:1:bindAddress=here", 28, "not an IP address"),
        // An IPv6 address as everyone writes it first.
        ("tcp:::1:80", 4, r"a colon is written \:"),
        ("tcp:fe80::1:80", 9, r"a colon is written \:"),
        ("tcp:[::1]:80", 6, r"a colon is written \:"),
        ("tcp:2001:db8::1:80", 16, r"a colon is written \:"),
        ("tls:localhost:1:name=", 21, "not the name or address"),
        (
            "tls:localhost:1:handshakeTimeout=-1",
            33,
            "not a number of seconds",
        ),
        ("tls:localhost:1:outputLimit=0", 28, "not a number from 1"),
        ("tls:localhost:1:resumption=some", 27, "not none"),
        ("tls:localhost:1:logKeys=1", 24, "not yes or no"),
        ("tls:localhost:1:privateKey=nowhere.pem", 27, "nowhere.pem"),
        ("tls:localhost:1:certKey=x", 16, "no argument \"certKey\""),
        ("tls:", 4, "not the name or address of a host"),
        ("tls:a..b:443", 4, "not the name or address of a host"),
        ("tls:exa$mple:443", 4, "exa$mple"),
        ("tls:port=443:host=exa$mple", 18, "exa$mple"),
        ("tls:example.org:443:name=exa$mple", 25, "exa$mple"),
        ("tls:socks:host=exa$mple:port=1:tcp:a:1", 15, "exa$mple"),
        ("tls", 3, "the host is missing"),
        ("tls:tap:tcp:localhost", 21, "the port is missing"),
        (
            "tcp:a\u{ff0f}b.example:80",
            4,
            "not the name or address of a host",
        ),
        (
            "socks:host=ü\u{200f}:port=1:tcp:a:1",
            11,
            "not the name or address of a host",
        ),
        (
            "tcp:exam ple.org:80",
            4,
            "not the name or address of a host",
        ),
        ("tcp:1.2.3.4:1:timeout=0", 22, "not a number of seconds"),
        ("tcp:1.2.3.4:1:timeout=NaN", 22, "not a number of seconds"),
        ("tcp:1.2.3.4:1:timeout=1e99", 22, "not a number of seconds"),
        (r"tcp:1.2.3.4:1:bindAddress=\:\:1", 26, "same family"),
        ("tcp6:localhost:1", 0, "no kind of endpoint"),
        ("stdio:", 0, "the other side of a connection"),
        ("tls:localhost:1:trustRoots=nowhere.pem", 27, "nowhere.pem"),
        ("tls:localhost:1:certificate=nowhere.pem", 28, "nowhere.pem"),
        ("tls:localhost:1:alpn=h2,", 21, "not names of protocols"),
        ("socks:port=1:tcp:a:1", 20, "the host is missing"),
        (
            "socks:host=a:port=1:user=me:tcp:a:1",
            35,
            "the password is missing",
        ),
        (
            "connect:host=a:port=1:user=m\\:e:password=x:tcp:a:1",
            27,
            "without a colon",
        ),
        ("haproxy:version=3:tcp:a:1", 16, "not 1 or 2"),
        (
            "haproxy:source=1.2.3.4:tcp:a:1",
            30,
            "the destination is missing",
        ),
        ("limit:total=1:tcp:a:1", 0, "no kind of endpoint"),
    ] {
        let error = client_from_string(text).unwrap_err();
        let message = error.to_string();
        assert_eq!(error.position(), position, "{message}");
        assert!(message.contains(says), "{message}");
    }
}

#[test]
fn unknown_kinds_get_a_hint() {
    let server = |text| server_from_string(text).unwrap_err().to_string();
    let client = |text| client_from_string(text).unwrap_err().to_string();
    for (error, hint) in [
        (server("8007"), "did you mean tcp:8007?"),
        (server("tap:8007"), "did you mean tcp:8007?"),
        (
            server("127.0.0.1:8007"),
            "did you mean tcp:8007:interface=127.0.0.1?",
        ),
        (client("example.org:25"), "did you mean tcp:example.org:25?"),
        (client("192.0.2.1:25"), "did you mean tcp:192.0.2.1:25?"),
        (
            server("tpc:8007"),
            "the kinds are fd, haproxy, limit, proxy, ssl, stdio, systemd, tap, tcp, tcp6, throttle, timeout, tls, unix",
        ),
        (
            client("limit:total=1:tcp:a:1"),
            "the kinds are connect, haproxy, process, proxy, socks, ssl, tap, tcp, throttle, timeout, tls, unix",
        ),
    ] {
        assert!(error.ends_with(hint), "{error}");
    }
}

#[test]
fn own_kinds_take_part() {
    let endpoints = Endpoints::standard()
        .server("lucky", ["number"], |position, [number]| {
            let number = number.ok_or_else(|| position.missing("number"))?;
            let wanted = "a lucky number";
            let lucky = |text: &str| text.parse().ok().filter(|number| number % 7u16 == 0);
            let port = number.read(wanted, lucky)?;
            Ok(super::ServerEndpoint::new(
                move |reactor, settings, factory| {
                    reactor.listen(TcpListen::port(port).settings(settings), factory)
                },
            ))
        })
        .client_layer("tap", [], |_, [], below| Ok(below));
    let reactor = MemoryReactor::new();
    let endpoint = endpoints
        .server_from_string("timeout:idle=1:lucky:7007")
        .unwrap();
    assert_eq!(endpoint.to_string(), "timeout:idle=1:lucky:7007");
    endpoint.listen(&reactor, |_| Deaf).unwrap();
    assert_eq!(reactor.listening(), [TcpListen::port(7007)]);
    let error = endpoints.server_from_string("tap:lucky:8").unwrap_err();
    assert!(
        format!("{error:#}").ends_with("\n    tap:lucky:8\n              ^"),
        "{error:#}"
    );
    // A name that was there means the new kind, and only there.
    assert!(endpoints.client_from_string("tap:limit=1:tcp:a:1").is_err());
    assert!(endpoints.server_from_string("tap:limit=1:tcp:1").is_ok());
    assert!(server_from_string("lucky:7").is_err());
}
