//! The conversation before TLS: what a server of each dialect hears, and a client; and the replies that
//! are shown without STARTTLS.
#![no_main]

use libfuzzer_sys::fuzz_target;
use retwist::ProtocolRef;
use retwist::protocols::{Dialect, HideStartTls, Policy, StartTlsClient, StartTlsServer};
use retwist_fuzz::{Ear, at_any_cut, receive};

fuzz_target!(|input: (u8, u8, &[u8])| {
    let (dialect, side, bytes) = input;
    let dialect = Dialect::ALL[usize::from(dialect) % Dialect::ALL.len()];
    let wrap = |ear: Ear| -> ProtocolRef {
        match side % 3 {
            0 => StartTlsServer::new(dialect).wrap(ear),
            1 => StartTlsClient::new(dialect).wrap(ear),
            _ => HideStartTls::new(dialect).greeting("mx").wrap(ear),
        }
    };
    at_any_cut(bytes, |cut| {
        let ear = Ear::default();
        (receive(wrap(ear.clone()), bytes, cut), ear.log.take())
    });
});
