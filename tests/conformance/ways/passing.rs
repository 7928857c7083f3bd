use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};

use retwist::{Address, ProtocolRef, Reactor, UnixConnect, UnixListen, UnixName};
use retwist_conformance::streams::{Cut, Facts, How, Unix, Way};

use super::on_reactor::Connects;

/// UNIX sockets whose ends both accept descriptors: each read and each write is another system call
/// then.
pub struct UnixPassing;

impl Connects for UnixPassing {
    fn facts() -> Facts {
        Unix::facts()
    }

    fn connect(reactor: &Reactor, how: &How, client: ProtocolRef, server: ProtocolRef) {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let once = |protocol| {
            let protocol = Cell::new(Some(Cut::under(protocol, how.cut)));
            move |_: &Address| protocol.take()
        };
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("retwist-passing-{}-{count}", std::process::id());
        let name = UnixName::path(std::env::temp_dir().join(name)).unwrap();
        let listen = UnixListen::name(name.clone()).settings(how.server.clone());
        let listen = listen.accept_descriptors(4);
        reactor.listen_unix(listen, once(server)).unwrap();
        let connect = UnixConnect::name(name).settings(how.client.clone());
        let connect = connect.accept_descriptors(4);
        reactor.connect_unix(connect, once(client));
    }
}
