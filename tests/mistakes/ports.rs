//! Mistakes with ports, addresses and what does not answer.

use std::net::{Ipv4Addr, TcpListener};
use std::time::Duration;

use retwist::deferred::DialerExt;
use retwist::endpoint::{Network, client_from_string, server_from_string};
use retwist::{Address, Protocol, Reactor, error_chain};

use crate::Mistake;
use crate::scratch::Scratch;

struct Silent;

impl Protocol for Silent {}

fn listening(endpoint: &str) -> String {
    let reactor = Reactor::new().expect("a reactor");
    let endpoint = server_from_string(endpoint).expect("an endpoint");
    let error = endpoint.listen(&reactor, |_: &Address| Silent).err();
    error_chain(&error.expect("a mistake"))
}

fn connecting(endpoint: &str) -> String {
    let reactor = Reactor::new().expect("a reactor");
    let network = Network::new(&reactor);
    let endpoint = client_from_string(endpoint).expect("an endpoint");
    let mut connecting = endpoint.on(&network).connect_to(Silent);
    for _ in 0..10_000 {
        if let Some(outcome) = connecting.take() {
            return error_chain(&outcome.expect_err("a mistake"));
        }
        reactor.iterate(Duration::from_millis(10)).expect("a pass");
    }
    panic!("nothing came of it")
}

pub(crate) fn mistakes() -> Vec<Mistake> {
    let files = Scratch::new("ports");
    let taken = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let port = taken.local_addr().expect("its address").port();
    let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    let closed = free.local_addr().expect("its address").port();
    drop(free);
    let file = files.write("file", "not a socket");
    vec![
        (
            "the port is in use",
            listening(&format!("tcp:{port}:interface=127.0.0.1")),
        ),
        (
            "the address is that of another machine",
            listening("tcp:0:interface=192.0.2.1"),
        ),
        (
            "the folder of a UNIX socket does not exist",
            listening(&format!("unix:{}", files.path("none/socket"))),
        ),
        (
            "a file is where a UNIX socket is to be",
            listening(&format!("unix:{file}")),
        ),
        (
            "no program listens on the port",
            connecting(&format!("tcp:127.0.0.1:{closed}")),
        ),
        (
            "no program listens on the UNIX socket",
            connecting(&format!("unix:{}", files.path("nothing"))),
        ),
        (
            "the host does not exist",
            connecting("tcp:nothing.invalid:80"),
        ),
        (
            "the program of `process:` does not exist",
            connecting("process:/no/such/program"),
        ),
        (
            "the program was not started by systemd",
            listening("systemd:index=0"),
        ),
    ]
}
