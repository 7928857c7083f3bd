//! TLS, with arbitrary bytes before, in and after a handshake.
#![no_main]

use libfuzzer_sys::fuzz_target;
use retwist_fuzz::tls::converse;

fuzz_target!(|bytes: &[u8]| converse(bytes));
