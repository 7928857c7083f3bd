//! SIGHUP: files are read again, while the server serves.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use retwist::tls::rustls::ClientConfig;
use rustix::process::Signal;

use crate::clients::{mail, small, web};
use crate::load::{self, Client, Load, Lost, Plain, Then};
use crate::service::{self, PATIENCE, Service, said};

const LOCAL: &str = "tcp:0:interface=127.0.0.1";

/// A certificate that is renewed.
struct Certificate {
    folder: PathBuf,
    certificate: String,
    key: String,
    /// The key behind the certificate, in one file.
    both: String,
}

impl Certificate {
    fn new(name: &str) -> (Self, PathBuf) {
        let folder = service::scratch(name);
        let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
        let certificate = Certificate {
            certificate: path("certificate.pem"),
            key: path("key.pem"),
            both: path("both.pem"),
            folder,
        };
        let trust = certificate.renew();
        (certificate, trust)
    }

    /// Another certificate is in the files from now on; returns the authority to trust, which is not that of
    /// the one before.
    fn renew(&self) -> PathBuf {
        static NUMBER: AtomicUsize = AtomicUsize::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let authority = self.folder.join(format!("authority{number}.pem"));
        load::certificate(&self.folder, &authority);
        let read = |path: &str| fs::read_to_string(path).unwrap();
        fs::write(&self.both, read(&self.certificate) + &read(&self.key)).unwrap();
        authority
    }

    fn spoil(&self) {
        for path in [&self.certificate, &self.both] {
            fs::write(path, "-----BEGIN CERTIFICATE-----\nhalf of a certif").unwrap();
        }
    }
}

type Connect<C> = fn(SocketAddr, &Arc<ClientConfig>) -> Result<C, Lost>;

fn answers(client: &mut impl Client) -> bool {
    matches!(client.exchange(), Ok(Then::GoesOn))
}

/// Whether a new connection comes to the point, of a client that has never been there: a session that is resumed
/// shows no certificate.
fn serves<C: Client>(service: &Service, connect: Connect<C>, authority: &Path) -> bool {
    let connected = connect(service.address(), &load::trust(authority));
    connected.is_ok_and(|mut client| answers(&mut client))
}

/// A new certificate is shown to new connections, and old ones go on; a broken one is said, and the one before
/// goes on.
fn renewed<C: Client>(
    name: &str,
    program: &str,
    arguments: impl FnOnce(&Certificate) -> Vec<String>,
    connect: Connect<C>,
) {
    let (certificate, first) = Certificate::new(name);
    let arguments = arguments(&certificate);
    let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
    let service = Service::start(program, &arguments);
    let mut old = connect(service.address(), &load::trust(&first)).unwrap();
    assert!(answers(&mut old));
    let second = certificate.renew();
    assert!(!serves(&service, connect, &second), "nothing has read it");
    service.signal(Signal::HUP);
    service.logs(said("has changed, and is shown from now on"));
    assert!(serves(&service, connect, &second));
    assert!(!serves(&service, connect, &first));
    assert!(answers(&mut old), "it goes on");
    certificate.spoil();
    // Each time that it is asked to, it says so.
    for _ in 0..2 {
        service.signal(Signal::HUP);
        let why = service.logs(said("cannot be used, so the old one stays"));
        assert!(why.contains("ERROR") && why.contains(".pem"), "{why}");
    }
    assert!(serves(&service, connect, &second));
    assert!(answers(&mut old));
    let third = certificate.renew();
    service.signal(Signal::HUP);
    service.logs(said("has changed, and is shown from now on"));
    assert!(serves(&service, connect, &third));
    drop(old);
    service.stop();
}

fn owned(arguments: &[&str]) -> Vec<String> {
    arguments.iter().map(ToString::to_string).collect()
}

fn https(address: SocketAddr, trust: &Arc<ClientConfig>) -> Result<web::Keeping, Lost> {
    web::under_tls(address, trust)
}

#[test]
fn http() {
    let arguments = |files: &Certificate| {
        owned(&[
            LOCAL,
            "--tls",
            "--cert",
            &files.certificate,
            "--key",
            &files.key,
        ])
    };
    renewed("reload-http", "http", arguments, https);
}

#[test]
fn http_with_workers_on_an_endpoint_with_tls() {
    let arguments = |files: &Certificate| {
        let endpoint = format!("tls:0:interface=127.0.0.1:privateKey={}", files.both);
        owned(&[&endpoint, "--workers", "2"])
    };
    renewed("reload-endpoint", "http", arguments, https);
}

#[test]
fn smtp_behind_starttls() {
    let arguments = |files: &Certificate| {
        let mail = files.folder.join("mail").to_str().unwrap().to_owned();
        owned(&[LOCAL, "--mail-dir", &mail, "--cert", &files.both])
    };
    renewed("reload-smtp", "smtp", arguments, mail::smtp_under_tls);
}

#[test]
fn starttls_in_the_middle() {
    let arguments = |files: &Certificate| owned(&["--serve", LOCAL, "--cert", &files.both]);
    renewed("reload-starttls", "starttls", arguments, small::starttls);
}

#[test]
fn the_log_level_comes_from_a_file() {
    let folder = service::scratch("reload-log");
    let file = folder.join("level");
    fs::write(&file, "warn\n").unwrap();
    let service = Service::start("echo", &[LOCAL, "--log", file.to_str().unwrap()]);
    // It is not said yet who connects.
    assert!(answers(&mut load::connect_tcp(service.address()).unwrap()));
    fs::write(&file, "info\nretwist_reactor=warn\n").unwrap();
    service.signal(Signal::HUP);
    let first = service.logs(|_| true);
    assert!(first.contains("the log level is that in "), "{first}");
    assert!(answers(&mut load::connect_tcp(service.address()).unwrap()));
    service.logs(said("is connected"));
    fs::write(&file, "inof").unwrap();
    service.signal(Signal::HUP);
    let why = service.logs(said("so the old one stays"));
    assert!(why.contains("\"inof\" is none of off, error,"), "{why}");
    assert!(answers(&mut load::connect_tcp(service.address()).unwrap()));
    service.logs(said("is connected"));
    fs::remove_file(&file).unwrap();
    service.signal(Signal::HUP);
    service.logs(said("cannot be read"));
    service.stop();
}

/// What a service of `Type=notify` tells its manager.
struct Manager(UnixDatagram);

impl Manager {
    fn at(path: &Path) -> Self {
        let socket = UnixDatagram::bind(path).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Manager(socket)
    }

    fn hears(&self) -> String {
        let mut buffer = [0; 1024];
        let length = self.0.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..length].to_vec()).unwrap()
    }
}

#[test]
fn the_service_manager_hears_of_a_restart_and_of_a_reload() {
    let folder = service::scratch("notify");
    let path = folder.join("notify");
    let manager = Manager::at(&path);
    let environment = [("NOTIFY_SOCKET", path.to_str().unwrap())];
    let mut service = Service::start_in(&service::example("echo"), &[LOCAL], &environment);
    assert_eq!(manager.hears(), "READY=1");
    let mut load = Load::of(Plain(service.address()));
    load.begin(4);
    load.fill(10);
    for _ in 0..2 {
        let before = service.pid();
        service.restart();
        // The new one is ready, and becomes the main process: in this order.
        assert_eq!(manager.hears(), "READY=1");
        assert_eq!(manager.hears(), format!("MAINPID={}", service.pid()));
        load.let_go();
        service::wait_for_end(before);
        load.fill(10);
    }
    service.signal(Signal::HUP);
    let reloading = manager.hears();
    assert!(
        reloading.starts_with("RELOADING=1\nMONOTONIC_USEC="),
        "{reloading}"
    );
    assert_eq!(manager.hears(), "READY=1");
    load.end().assert_whole();
    service.stop();
    assert_eq!(manager.hears(), "STOPPING=1");
}
