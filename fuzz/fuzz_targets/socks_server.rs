//! Requests to a SOCKS server, with and without users, and what comes behind them.
#![no_main]

use std::cell::RefCell;
use std::rc::Rc;

use libfuzzer_sys::fuzz_target;
use retwist::protocols::SocksServer;
use retwist::testing::RecordingTransport;
use retwist::{Address, FactoryRef};
use retwist_fuzz::{at_any_cut, receive};

fuzz_target!(|input: (bool, bool, &[u8])| {
    let (users, connects, bytes) = input;
    at_any_cut(bytes, |cut| {
        let outbound = Rc::new(RefCell::new(Vec::new()));
        let made = outbound.clone();
        let mut server = SocksServer::new(
            |request| request.destination().port() != 25,
            move |request| {
                let destination = request.destination().to_string();
                let user = request.user().map(<[u8]>::to_vec);
                // Otherwise it is dropped, which refuses it.
                let target = connects.then(|| RecordingTransport::connect(request.outbound()));
                made.borrow_mut().push((destination, user, target));
            },
        );
        if users {
            server = server.users(|_, password| password.len() < 4);
        }
        let protocol = FactoryRef::from(server).build_protocol(&Address::Unknown);
        let outcome = receive(protocol.expect("it serves anyone"), bytes, cut);
        let asked: Vec<_> = outbound
            .take()
            .into_iter()
            .map(|(destination, user, target)| {
                target.iter().for_each(|target| target.clock().run());
                (destination, user, target.map(|target| target.written()))
            })
            .collect();
        (outcome, asked)
    });
});
