//! Calls in the wrong order, or from the wrong place.

use std::cell::RefCell;
use std::rc::Rc;

use retwist::testing::RecordingTransport;
use retwist::tls::{ClientOptions, TlsRole, TrustRoots, start_tls, stop_tls};
use retwist::{Protocol, Reactor, RunError, error_chain};

use crate::Mistake;
use crate::scratch::Authority;

struct Silent;

impl Protocol for Silent {}

fn client() -> TlsRole {
    let roots = TrustRoots::from_pem(Authority::new("ours").certificate).expect("an authority");
    let config = ClientOptions::new(roots).build().expect("a client");
    TlsRole::client(config, "localhost").expect("a name")
}

/// What a reactor says that runs already.
fn nested() -> String {
    let reactor = Rc::new(Reactor::new().expect("a reactor"));
    let said: Rc<RefCell<Option<RunError>>> = Rc::default();
    let (inner, place) = (Rc::downgrade(&reactor), said.clone());
    reactor.call_soon(move || {
        let reactor = inner.upgrade().expect("a reactor that runs");
        *place.borrow_mut() = reactor.run().err();
        reactor.stop();
    });
    reactor.run().expect("an orderly end");
    error_chain(&said.take().expect("a mistake"))
}

fn ended() -> Reactor {
    let reactor = Reactor::new().expect("a reactor");
    let handle = reactor.handle();
    reactor.call_soon(move || handle.stop());
    reactor.run().expect("an orderly end");
    reactor
}

pub(crate) fn mistakes() -> Vec<Mistake> {
    let reactor = ended();
    let remote = Reactor::new().expect("a reactor");
    let from_afar = remote.remote();
    let own_thread = error_chain(
        &from_afar
            .blocking_call_from_thread(|_| ())
            .expect_err("a mistake"),
    );
    drop(remote);
    let recording = RecordingTransport::connect(Silent);
    let transport = recording.transport();
    let no_tls = error_chain(&stop_tls(&transport).expect_err("a mistake"));
    transport.abort_connection();
    vec![
        ("`run` is called from a callback", nested()),
        (
            "`run` is called after the end",
            error_chain(&reactor.run().expect_err("a mistake")),
        ),
        (
            "a port is opened after the end",
            error_chain(&reactor.listen_tcp(0, |_| Silent).expect_err("a mistake")),
        ),
        (
            "a thread calls a reactor that has ended",
            error_chain(&from_afar.call_from_thread(|_| ()).expect_err("a mistake")),
        ),
        ("a callback waits for its own reactor", own_thread),
        ("`stop_tls` is called without TLS", no_tls),
        (
            "`start_tls` is called on a connection that has ended",
            error_chain(&start_tls(&transport, client()).expect_err("a mistake")),
        ),
    ]
}
