//! A header of the PROXY protocol, of either version, and what is behind it.
#![no_main]

use libfuzzer_sys::fuzz_target;
use retwist::protocols::{Policy, ProxyProtocol};
use retwist_fuzz::{Ear, at_any_cut, receive};

fuzz_target!(|bytes: &[u8]| {
    at_any_cut(bytes, |cut| {
        let ear = Ear::default();
        let outcome = receive(
            ProxyProtocol::trusting_anyone().wrap(ear.clone()),
            bytes,
            cut,
        );
        (outcome, ear.log.take())
    });
});
