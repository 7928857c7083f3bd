//! Each example server is restarted under load of its own protocol.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use retwist::tls::rustls::ClientConfig;
use rustix::process::Signal;

use crate::clients::{By, chat, files, h2, mail, small, web};
use crate::from_environment;
use crate::load::{self, Client, Load, Lost, Plain, Then, Way};
use crate::service::{self, Service, said};

const LOCAL: &str = "tcp:0:interface=127.0.0.1";

/// How many requests a second all busy clients make together: what is a request here is many messages.
const RATE: u32 = 200;

/// How connections end that have nothing to say when the program is to end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Idle {
    /// They hear a goodbye at once.
    HearGoodbye,
    /// They may go on until their clients have done, as long as the drain lasts.
    GoOn,
}

/// What a server needs besides its arguments, in a folder of its own.
struct Place {
    folder: PathBuf,
    certificate: String,
    key: String,
    trust: Arc<ClientConfig>,
    /// Servers that stay, behind the one that is restarted.
    behind: Vec<Service>,
    /// Its clients log in, which is meant to cost time: all at once, many of them would find no server that has
    /// time for their handshakes.
    logs_in: bool,
}

impl Place {
    fn new(name: &str) -> Self {
        let folder = service::scratch(name);
        let authority = folder.join("authority.pem");
        let (certificate, key) = load::certificate(&folder, &authority);
        Place {
            certificate,
            key,
            trust: load::trust(&authority),
            folder,
            behind: Vec::new(),
            logs_in: false,
        }
    }

    fn path(&self, name: &str) -> String {
        self.folder.join(name).to_str().unwrap().to_owned()
    }

    /// A server that stays.
    fn behind(&mut self, program: &str, arguments: &[&str]) -> SocketAddr {
        let service = Service::start(program, arguments);
        let address = service.address();
        self.behind.push(service);
        address
    }

    /// These arguments, and those of a certificate.
    fn with_tls(&self, arguments: &[&str]) -> Vec<String> {
        let tls = ["--cert", &self.certificate, "--key", &self.key];
        owned(&[arguments, &tls].concat())
    }

    /// A directory of mail for one user, who has a mail already.
    fn with_mail(&mut self, arguments: &[&str]) -> Vec<String> {
        self.logs_in = true;
        let inbox = self.folder.join("mail/user");
        for part in ["new", "cur", "tmp"] {
            fs::create_dir_all(inbox.join(part)).unwrap();
        }
        let first = inbox.join("new/1.1.localhost");
        fs::write(first, "Subject: the first\n\ntext\n").unwrap();
        let directory = self.path("mail");
        let user = [
            "--mail-dir",
            &directory,
            "--user",
            "user",
            "--password",
            "secret",
        ];
        self.with_tls(&[arguments, &user].concat())
    }
}

fn owned(arguments: &[&str]) -> Vec<String> {
    arguments
        .iter()
        .map(|argument| (*argument).to_owned())
        .collect()
}

/// Restarts a server again and again, and asserts that its clients lose nothing.
fn restart<W: Way>(
    name: &str,
    program: &str,
    idle: Idle,
    arguments: impl FnOnce(&mut Place) -> Vec<String>,
    way: impl FnOnce(&Place, &Service) -> W,
) {
    let mut place = Place::new(name);
    let arguments = arguments(&mut place);
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let mut service = Service::start(program, &arguments);
    let mut load = Load::of(way(&place, &service));
    let restarts = from_environment("RESTARTS", 2);
    let share = if place.logs_in { 4 } else { 1 };
    let connections = from_environment("CONNECTIONS", 20) / share;
    load.begin_slowly(from_environment("BUSY", 6).div_ceil(share), RATE);
    if idle == Idle::HearGoodbye {
        load.stay(connections);
    }
    for _ in 0..restarts {
        if idle == Idle::GoOn {
            load.fill(connections);
        }
        let before = service.pid();
        service.restart();
        load.let_go();
        service.logs(said("drained"));
        service::wait_for_end(before);
    }
    load.finish();
    service.stop();
    let counts = load.end();
    eprintln!("{name}, {restarts} restarts: {counts:?}");
    counts.assert_whole();
    assert!(counts.requests > 0 && counts.connects > 0, "{counts:?}");
    let least = match idle {
        Idle::HearGoodbye => connections * (restarts + 1),
        Idle::GoOn => 0,
    };
    assert!(counts.goodbyes >= least, "{counts:?}");
    drop(place.behind);
}

/// A test for each server: its name, the example, what becomes of idle connections, the arguments, and the
/// way of its clients.
macro_rules! servers {
    ($($name:ident: $program:literal, $idle:ident, $arguments:expr, $way:expr;)*) => {
        $(
            #[test]
            fn $name() {
                let arguments: fn(&mut Place) -> Vec<String> = $arguments;
                restart(stringify!($name), $program, Idle::$idle, arguments, $way);
            }
        )*
    };
}

servers! {
    echo: "echo", GoOn,
        |_| owned(&[LOCAL]),
        |_, service| Plain(service.address());
    echo_behind_a_proxy: "echo", GoOn,
        |_| owned(&[LOCAL, "--proxy-protocol"]),
        |_, service| to(service, small::behind_proxy);
    discard: "discard", GoOn,
        |_| owned(&[LOCAL]),
        |_, service| to(service, small::discard);
    frames: "frames", GoOn,
        |_| owned(&[LOCAL, "--framing", "netstring"]),
        |_, service| to(service, small::netstrings);
    forward: "forward", GoOn,
        |place| {
            let echo = place.behind("echo", &[LOCAL]);
            owned(&[LOCAL, &format!("tcp:127.0.0.1:{}", echo.port())])
        },
        |_, service| Plain(service.address());
    socks: "socks", GoOn,
        |place| {
            place.behind("echo", &[LOCAL]);
            owned(&[LOCAL])
        },
        |place, service| {
            let (address, echo) = (service.address(), place.behind[0].address());
            By(move || small::socks(address, echo))
        };
    inetd: "inetd", GoOn,
        |_| owned(&[LOCAL, "cat"]),
        |_, service| Plain(service.address());
    amp: "amp_server", GoOn,
        |_| owned(&[LOCAL]),
        |_, service| to(service, small::amp);
    starttls: "starttls", GoOn,
        |place| place.with_tls(&["--serve", LOCAL]),
        |place, service| to_with_tls(place, service, small::starttls);
    starttls_proxy: "starttls_proxy", GoOn,
        |place| {
            let mail = place.path("mail");
            let smtp = place.behind("smtp", &[LOCAL, "--mail-dir", &mail]);
            let smtp = format!("tcp:127.0.0.1:{}", smtp.port());
            place.with_tls(&["add", "smtp", LOCAL, &smtp])
        },
        |place, service| to_with_tls(place, service, mail::smtp_under_tls);
    chat: "chat", HearGoodbye,
        |_| owned(&[LOCAL]),
        |_, service| to(service, chat::by_lines);
    unix_chat: "unix_chat", HearGoodbye,
        |place| owned(&[&format!("unix:{}", place.path("chat"))]),
        |place, _| {
            let path = PathBuf::from(place.path("chat"));
            By(move || chat::by_unix(&path))
        };
    websocket: "websocket", HearGoodbye,
        |_| owned(&[LOCAL]),
        |_, service| to(service, chat::by_websocket);
    http: "http", GoOn,
        |_| owned(&[LOCAL]),
        |_, service| to(service, |address| web::in_clear(address, ""));
    http_with_workers_behind_a_proxy: "http", GoOn,
        |_| owned(&["haproxy:tcp:0:interface=127.0.0.1", "--workers", "2"]),
        |_, service| to(service, |address| {
            web::in_clear(address, "PROXY TCP4 192.0.2.1 198.51.100.9 1234 80\r\n")
        });
    https: "http", GoOn,
        |place| place.with_tls(&[LOCAL, "--tls"]),
        |place, service| to_with_tls(place, service, web::under_tls);
    http2: "http", HearGoodbye,
        |place| place.with_tls(&[LOCAL, "--tls"]),
        |place, service| to_with_tls(place, service, h2::http2);
    ftp: "ftp", HearGoodbye,
        |place| {
            let root = place.path("root");
            fs::create_dir(&root).unwrap();
            owned(&[LOCAL, "--root", &root, "--writable"])
        },
        |_, service| to(service, files::ftp);
    smtp: "smtp", HearGoodbye,
        |place| place.with_mail(&[LOCAL]),
        |_, service| to(service, mail::smtp);
    smtp_under_tls: "smtp", HearGoodbye,
        |place| place.with_mail(&[LOCAL]),
        |place, service| to_with_tls(place, service, mail::smtp_under_tls);
    pop3: "pop3", GoOn,
        |place| place.with_mail(&[LOCAL]),
        |place, service| to_with_tls(place, service, mail::pop3);
    imap: "imap", HearGoodbye,
        |place| place.with_mail(&[LOCAL]),
        |place, service| to_with_tls(place, service, mail::imap);
}

/// Without a drain, HTTP/2 says goodbye all the same.
#[test]
fn http2_is_stopped_without_a_drain() {
    let place = Place::new("http2-stopped");
    let arguments = place.with_tls(&[LOCAL, "--tls", "--drain", "0"]);
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let service = Service::start("http", &arguments);
    let mut client = h2::http2(service.address(), &place.trust).unwrap();
    assert!(matches!(client.exchange(), Ok(Then::GoesOn)));
    service.signal(Signal::TERM);
    let heard = client.stay();
    assert!(matches!(heard, Lost::Goodbye), "{heard:?}");
    drop(client);
    service::wait_for_end(service.pid());
}

/// Clients that need the address alone.
fn to<C: Client + 'static>(
    service: &Service,
    connect: fn(SocketAddr) -> Result<C, Lost>,
) -> impl Way + use<C> {
    let address = service.address();
    By(move || connect(address))
}

/// Clients that trust the certificate.
fn to_with_tls<C: Client + 'static>(
    place: &Place,
    service: &Service,
    connect: fn(SocketAddr, &Arc<ClientConfig>) -> Result<C, Lost>,
) -> impl Way + use<C> {
    let (address, trust) = (service.address(), place.trust.clone());
    By(move || connect(address, &trust))
}
