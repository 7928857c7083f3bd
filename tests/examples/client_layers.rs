//! The project's own client, through proxies: its own, and those that others run.

use std::cell::RefCell;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::rc::Rc;

use retwist::protocols::{Destination, FactoryPolicy, HttpConnect, Policy, SocksClient};
use retwist::{
    Address, ConnectError, Connector, Factory, IntoProtocol, Protocol, Reactor, ReactorHandle,
    Reason, TransportRef,
};

use crate::ports::Reserved;
use crate::program::{PATIENCE, Program, connect_soon, has, pattern, send_signal};

const LOCAL: &str = "tcp:0:interface=127.0.0.1";

/// Sends all and takes it back.
struct Client {
    data: Rc<[u8]>,
    back: Rc<RefCell<Vec<u8>>>,
}

impl Protocol for Client {
    fn connection_made(&mut self, transport: &TransportRef) {
        transport.write(&self.data);
    }

    fn data_received(&mut self, transport: &TransportRef, data: &[u8]) {
        let mut back = self.back.borrow_mut();
        back.extend_from_slice(data);
        // Not by closing the write half first: some proxies take that for the end of everything.
        if back.len() >= self.data.len() {
            transport.lose_connection();
        }
    }
}

/// Makes one client and stops the reactor when its connection has ended.
struct Once {
    client: RefCell<Option<Client>>,
    reactor: ReactorHandle,
}

impl Factory for Once {
    fn build_protocol(self: &Rc<Self>, _: &Address) -> impl IntoProtocol {
        self.client.take()
    }

    fn client_connection_failed(self: &Rc<Self>, _: &Connector, error: &ConnectError) {
        panic!("{error}");
    }

    fn client_connection_lost(self: &Rc<Self>, _: &Connector, reason: &Reason) {
        assert!(reason.is_clean(), "{reason}");
        self.reactor.stop();
    }
}

/// Goes to an echo server by way of this proxy.
fn echo_through(proxy: SocketAddr, way: impl FnOnce(Destination) -> Way) {
    let (echo, target) = Program::serve("echo", &[LOCAL]);
    let data: Rc<[u8]> = pattern(256 * 1024).into();
    let back = Rc::default();
    let reactor = Reactor::new().unwrap();
    let client = Client {
        data: data.clone(),
        back: Rc::clone(&back),
    };
    let once = Once {
        client: RefCell::new(Some(client)),
        reactor: reactor.handle(),
    };
    match way(Destination::new("localhost", target.port()).unwrap()) {
        Way::Socks(layer) => go(&reactor, proxy, layer, once),
        Way::Http(layer) => go(&reactor, proxy, layer, once),
    }
    assert!(*back.borrow() == *data);
    echo.stop();
}

enum Way {
    Socks(SocksClient),
    Http(HttpConnect),
}

fn go(reactor: &Reactor, proxy: SocketAddr, layer: impl Policy, once: Once) {
    reactor.connect_tcp_factory(proxy, layer.factory(once));
    let handle = reactor.handle();
    reactor.call_later(PATIENCE, move || handle.stop());
    reactor.run().unwrap();
}

/// A proxy from outside the project, on a port that is reserved for it. It ends when this is dropped.
struct Foreign {
    child: Child,
    config: PathBuf,
    port: Reserved,
}

impl Foreign {
    fn start(name: &str, config: impl FnOnce(u16) -> String, options: &[&str]) -> Foreign {
        let port = Reserved::new();
        let number = port.address().port();
        let path = std::env::temp_dir().join(format!("retwist-{name}-{number}.conf"));
        std::fs::write(&path, config(number)).unwrap();
        let mut command = Command::new(name);
        command
            .args(options)
            .arg(&path)
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        let foreign = Foreign {
            child: command.spawn().unwrap(),
            config: path,
            port,
        };
        drop(connect_soon(foreign.address()));
        foreign
    }

    fn address(&self) -> SocketAddr {
        self.port.address()
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        // Not killed: it has children of its own, which it ends.
        send_signal(self.child.id(), "TERM");
        let _ = self.child.wait();
        let _ = std::fs::remove_file(&self.config);
    }
}

#[test]
fn through_our_socks_server() {
    let (socks, proxy) =
        Program::serve("socks", &[LOCAL, "--user", "alice", "--password", "secret"]);
    echo_through(proxy, |to| {
        Way::Socks(SocksClient::to(to).user("alice", "secret"))
    });
    socks.stop();
}

#[test]
fn through_dante() {
    if !has("danted") {
        return;
    }
    let config = |port| {
        format!(
            "logoutput: /dev/null\ninternal: 127.0.0.1 port = {port}\nexternal: lo\n\
             clientmethod: none\nsocksmethod: none\n\
             client pass {{ from: 127.0.0.0/8 to: 0.0.0.0/0 }}\n\
             socks pass {{ from: 127.0.0.0/8 to: 0.0.0.0/0 }}\n"
        )
    };
    let dante = Foreign::start("danted", config, &["-N", "1", "-f"]);
    echo_through(dante.address(), |to| Way::Socks(SocksClient::to(to)));
}

#[test]
fn through_tinyproxy() {
    if !has("tinyproxy") {
        return;
    }
    let config = |port| {
        format!("Port {port}\nListen 127.0.0.1\nTimeout 120\nAllow 127.0.0.1\nLogLevel Critical\n")
    };
    let proxy = Foreign::start("tinyproxy", config, &["-d", "-c"]);
    echo_through(proxy.address(), |to| Way::Http(HttpConnect::to(to)));
}
