//! Endpoints from strings. An error knows its place, and what is quoted is no syntax.
#![no_main]

use libfuzzer_sys::fuzz_target;
use retwist::endpoint::{client_from_string, quote, server_from_string};

fuzz_target!(|text: &str| {
    let errors = [
        server_from_string(text).err(),
        client_from_string(text).err(),
    ];
    for error in errors.into_iter().flatten() {
        assert!(error.position() <= text.chars().count());
        assert!(!error.to_string().contains('\n'));
    }
    let quoted = quote(text);
    assert!(quoted.len() <= 2 * text.len());
    assert_eq!(
        server_from_string(&format!("tcp:0:interface={quoted}")).is_ok(),
        server_from_string(&format!("tcp:0:{quoted}")).is_ok(),
        "by its name and by its place, it is the same"
    );
});
