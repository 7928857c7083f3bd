//! A client that goes through the server.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use retwist_protocols::{Destination, Policy, SocksClient, SocksServer, Tap};
use retwist_reactor::testing::{ManualClock, Pair};
use retwist_reactor::{Address, FactoryRef, Protocol, Reason, TransportRef};

use crate::common::{CUTS, Ear};

/// Speaks before it is spoken to, and echoes.
struct Echo;

impl Protocol for Echo {
    fn connection_made(&mut self, transport: &TransportRef) {
        transport.write(b"welcome ");
    }

    fn data_received(&mut self, transport: &TransportRef, data: &[u8]) {
        transport.write(data);
    }
}

#[test]
fn a_client_goes_through_the_server_at_any_cut() {
    for cut in CUTS {
        for (user, host) in [
            (false, "example.org"),
            (true, "192.0.2.1"),
            (true, "2001:db8::1"),
        ] {
            let clock = Rc::new(ManualClock::new());
            let targets = Rc::new(RefCell::new(Vec::new()));
            let (made, on) = (targets.clone(), clock.clone());
            let server = SocksServer::new(
                |_| true,
                move |request| {
                    made.borrow_mut()
                        .push(Pair::on(&on, request.outbound(), Echo).cut(cut))
                },
            );
            let server = if user {
                server.users(|user, password| (user, password) == (b"me", b"secret"))
            } else {
                server
            };
            let client = Ear::saying(b"hello");
            let destination = Destination::new(host, 7).expect("a good name");
            let through = SocksClient::to(destination).user("me", "secret");
            let through = Tap::new().wrap(through.wrap(Tap::new().wrap(client.clone())));
            let protocol = FactoryRef::from(server)
                .build_protocol(&Address::Unknown)
                .expect("it serves anyone");
            let pair = Pair::on(&clock, through, protocol).cut(cut);
            pair.run();
            assert_eq!(*client.heard.borrow(), b"welcome hello");
            pair.client().lose_connection();
            pair.advance(Duration::from_secs(5));
            assert!(client.lost.borrow().as_ref().is_some_and(Reason::is_clean));
            assert_eq!(clock.pending_calls(), 0);
        }
    }
}
