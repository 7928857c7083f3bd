//! What a proxy answers to a SOCKS client.
#![no_main]

use libfuzzer_sys::fuzz_target;
use retwist::protocols::{Destination, Policy, SocksClient};
use retwist_fuzz::{Ear, at_any_cut, receive};

fuzz_target!(|input: (bool, &[u8])| {
    let (user, bytes) = input;
    at_any_cut(bytes, |cut| {
        let ear = Ear::default();
        let destination = Destination::new("example.org", 7).expect("a good name");
        let mut client = SocksClient::to(destination);
        if user {
            client = client.user("me", "secret");
        }
        (
            receive(client.wrap(ear.clone()), bytes, cut),
            ear.log.take(),
        )
    });
});
