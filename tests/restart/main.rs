//! The example servers are restarted under load, and nothing is lost: each connect succeeds, and each
//! request gets its answer.
//!
//! `RESTARTS`, `CONNECTIONS` and `BUSY` in the environment make it as large as wanted. The whole, with 10,000
//! connections of which 500 are busy, needs 20,000 descriptors (`ulimit -Hn`):
//!
//! ```text
//! cargo build --release --example echo --example tls_echo
//! RESTARTS=50 CONNECTIONS=9500 BUSY=500 cargo test --release -p retwist-tests --test restart echo -- --test-threads 1 --nocapture
//! ```

#![cfg(target_os = "linux")]
#![allow(
    unreachable_pub,
    reason = "a test has no users outside; pub is what the modules offer each other"
)]

mod clients;
mod configurations;
mod failures;
mod installed;
mod killed;
mod load;
mod reload;
mod served;
mod servers;
mod service;
mod sessions;

use std::net::TcpStream;
use std::time::Instant;

use load::{Load, Plain, Tls, Unix};
use service::Service;

fn from_environment(name: &str, default: usize) -> usize {
    let given = std::env::var(name).ok();
    given.map_or(default, |text| text.parse().expect("a number"))
}

/// Restarts the service again and again, and asserts that its clients see nothing of it.
fn restart_under(mut load: Load, mut service: Service) {
    let began = Instant::now();
    let restarts = from_environment("RESTARTS", 3);
    load.begin(from_environment("BUSY", 20));
    for _ in 0..restarts {
        load.fill(from_environment("CONNECTIONS", 100));
        let before = service.pid();
        service.restart();
        // The connections of the one before come to an end, as in a service with a balancer of its own.
        load.let_go();
        service::wait_for_end(before);
    }
    let counts = load.end();
    eprintln!("{restarts} restarts in {:?}: {counts:?}", began.elapsed());
    counts.assert_whole();
    assert!(counts.requests > 0 && counts.connects > 0);
    let log = service.stop_and_hear();
    let complaints = log.iter().filter(|line| line.contains("fail"));
    assert_eq!(complaints.count(), 0, "{log:#?}");
}

#[test]
fn echo() {
    let service = Service::start("echo", &["tcp:0:interface=127.0.0.1"]);
    restart_under(Load::of(Plain(service.address())), service);
}

#[test]
fn echo_with_workers_on_the_same_port() {
    let arguments = ["tcp:0:interface=127.0.0.1", "--workers", "2"];
    let service = Service::start("echo", &arguments);
    restart_under(Load::of(Plain(service.address())), service);
}

#[test]
fn echo_on_a_unix_socket_and_on_several_ports() {
    let folder = service::scratch("unix");
    let path = folder.join("socket");
    let unix = format!("unix:{}", path.display());
    let arguments = ["tcp:0:interface=127.0.0.1", &unix];
    let service = Service::start("echo", &arguments);
    let port = service.address();
    restart_under(Load::of(Unix(path.clone())), service);
    assert!(!path.exists(), "the last one removes the file");
    assert!(TcpStream::connect(port).is_err());
}

#[test]
fn tls_echo() {
    let folder = service::scratch("tls");
    let authority = folder.join("authority.pem");
    let (certificate, key) = load::certificate(&folder, &authority);
    let arguments = [
        "tcp:0:interface=127.0.0.1",
        "--cert",
        &certificate,
        "--key",
        &key,
    ];
    let service = Service::start("tls_echo", &arguments);
    let load = Load::of(Tls::to(service.address(), &authority));
    restart_under(load, service);
}

#[test]
fn a_port_of_datagrams_is_taken_over() {
    let free = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let endpoint = format!("udp:{}:interface=127.0.0.1", address.port());
    let mut service = Service::start("udp_echo", &[&endpoint]);
    let client = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    client.set_read_timeout(Some(service::PATIENCE)).unwrap();
    client.connect(address).unwrap();
    let before = service.pid();
    service.restart();
    service::wait_for_end(before);
    client.send(b"here").unwrap();
    let mut heard = [0; 16];
    let count = client.recv(&mut heard).unwrap();
    assert_eq!(&heard[..count], b"here");
    service.stop();
}
