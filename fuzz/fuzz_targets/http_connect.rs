//! What a proxy answers to CONNECT.
#![no_main]

use libfuzzer_sys::fuzz_target;
use retwist::protocols::{Destination, HttpConnect, Policy};
use retwist_fuzz::{Ear, at_any_cut, receive};

fuzz_target!(|bytes: &[u8]| {
    at_any_cut(bytes, |cut| {
        let ear = Ear::default();
        let destination = Destination::new("example.org", 7).expect("a good name");
        let client = HttpConnect::to(destination);
        (
            receive(client.wrap(ear.clone()), bytes, cut),
            ear.log.take(),
        )
    });
});
