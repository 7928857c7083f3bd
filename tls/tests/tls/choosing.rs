//! The closure that chooses a server's configuration is code of an application, and it is called in the
//! middle of a handshake: it may panic, and use the connection.

use std::cell::{Cell, RefCell};

use retwist_reactor::testing::Pair;
use retwist_reactor::{Layer, TransportRef};
use retwist_tls::{TlsRole, TlsTransport, start_tls, stop_tls};

use crate::common::{Heard, client, quiet, server, server_config, tape};

type Act = fn(&TransportRef);

thread_local! {
    /// The closure can go to another thread, so this is its way to the connection.
    static HERE: RefCell<Option<TransportRef>> = const { RefCell::new(None) };
    static CALLS: Cell<u32> = const { Cell::new(0) };
}

/// What the closure does, and whether the client's words arrive afterwards.
const ACTS: [(&str, Act, bool); 9] = [
    ("panic", |_| panic!("a bug in the application"), false),
    ("write", |transport| transport.write(b"chosen"), true),
    (
        "look",
        |transport| assert!(TlsTransport::of(transport).is_none()),
        true,
    ),
    ("stop TLS", |transport| drop(stop_tls(transport)), true),
    (
        "start TLS",
        |transport| drop(start_tls(transport, server())),
        false,
    ),
    ("close", |transport| transport.lose_connection(), false),
    (
        "half-close",
        |transport| transport.lose_write_connection(),
        true,
    ),
    ("abort", |transport| transport.abort_connection(), false),
    (
        "switch",
        |transport| drop(transport.switch_protocol(quiet().0.into())),
        false,
    ),
];

#[test]
fn the_closure_that_chooses_may_do_anything() {
    for (what, act, arrives) in ACTS {
        let role = TlsRole::server_choosing(move |_| {
            CALLS.set(CALLS.get() + 1);
            if let Some(transport) = HERE.take() {
                act(&transport);
            }
            Some(server_config())
        });
        let (protocol, served) = tape(move |heard, transport| match heard {
            Heard::Made => HERE.set(start_tls(transport, role.clone()).ok()),
            Heard::Data(_) => transport.lose_connection(),
            _ => {}
        });
        let (dialling, dialled) = tape(|heard, transport| {
            if heard == Heard::Handshake {
                transport.write(b"hello");
            }
        });
        let pair = Pair::new(
            TlsTransport::new(client(), dialling).as_protocol(),
            protocol,
        );
        pair.run();
        assert_eq!(CALLS.take(), 1, "{what}");
        let log = served.log().join(", ");
        assert_eq!(log.contains("data hello"), arrives, "{what}: {log}");
        if what == "write" {
            assert!(
                dialled.log().iter().any(|heard| heard == "data chosen"),
                "{:?}",
                dialled.log()
            );
        }
        assert!(
            !served.reason().contains("borrowed"),
            "{what}: {}",
            served.reason()
        );
        assert_eq!(
            served.reason().contains("a bug in the application"),
            what == "panic"
        );
    }
}
