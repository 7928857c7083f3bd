//! Ten thousand connections at once.

use std::cell::Cell;
use std::env;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use retwist::{Protocol, Reason, TcpListen, TransportRef};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::child::{Process, is_child};
use crate::lifecycle::reactor;

const CROWD: usize = 10_000;
/// Descriptors that a process needs for other things.
const BESIDES: u64 = 100;

/// Whether this process may hold as many descriptors as it takes; raises its own limit for it.
fn may_hold_a_crowd() -> bool {
    let wanted = CROWD as u64 + BESIDES;
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= wanted) {
        return true;
    }
    let maximum = limit.maximum.map(|maximum| maximum.max(wanted));
    let raised = Rlimit {
        current: Some(wanted),
        maximum,
    };
    setrlimit(Resource::Nofile, raised).is_ok()
}

struct Echo;

impl Protocol for Echo {
    fn data_received(&mut self, transport: &TransportRef, data: &[u8]) {
        transport.write(data);
    }
}

#[derive(Default)]
struct Counts {
    made: Cell<usize>,
    echoed: Cell<usize>,
    clean: Cell<usize>,
}

/// Sends one message when all are connected, and closes when all have received theirs back.
struct Guest {
    counts: Rc<Counts>,
    transports: Rc<std::cell::RefCell<Vec<TransportRef>>>,
}

fn count(counter: &Cell<usize>) {
    counter.set(counter.get() + 1);
}

impl Protocol for Guest {
    fn connection_made(&mut self, transport: &TransportRef) {
        count(&self.counts.made);
        self.transports.borrow_mut().push(transport.clone());
    }

    fn data_received(&mut self, _: &TransportRef, data: &[u8]) {
        assert_eq!(data, b"here");
        count(&self.counts.echoed);
    }

    fn connection_lost(&mut self, reason: &Reason) {
        if reason.is_clean() {
            count(&self.counts.clean);
        }
    }
}

#[test]
fn an_echo_serves_ten_thousand_at_once() {
    if !may_hold_a_crowd() {
        let skipped = "skipped: this machine does not allow a process 10,100 open files; raise the hard limit (ulimit -Hn)";
        assert!(env::var_os("CI").is_none(), "{skipped}");
        println!("{skipped}");
        return;
    }
    let mut server = Process::start("crowd::serves_a_crowd");
    let address: SocketAddr = server.says("listening on").parse().unwrap();
    let reactor = reactor();
    let (counts, transports) = (Rc::new(Counts::default()), Rc::default());
    let until_all = |counter: &Cell<usize>| {
        for _ in 0..100_000 {
            if counter.get() == CROWD {
                return;
            }
            reactor.iterate(Duration::from_millis(100)).unwrap();
        }
        panic!("{} of {CROWD}", counter.get());
    };
    for _ in 0..CROWD {
        let guest = Guest {
            counts: counts.clone(),
            transports: Rc::clone(&transports),
        };
        let guest = Cell::new(Some(guest));
        reactor.connect_tcp(address, move |_| guest.take());
    }
    until_all(&counts.made);
    transports
        .borrow()
        .iter()
        .for_each(|transport| transport.write(b"here"));
    until_all(&counts.echoed);
    transports
        .borrow()
        .iter()
        .for_each(|transport| transport.lose_connection());
    until_all(&counts.clean);
}

#[test]
#[ignore = "runs in a process of its own"]
fn serves_a_crowd() {
    if !is_child() {
        return;
    }
    assert!(may_hold_a_crowd());
    let reactor = reactor();
    let listen = TcpListen::port(0)
        .interface([127, 0, 0, 1])
        .backlog(CROWD as u32);
    let port = reactor.listen_tcp(listen, |_| Echo).unwrap();
    println!("\nlistening on {}", port.address());
    reactor.run().unwrap();
}
