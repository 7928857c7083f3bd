//! SOCKS, both sides, and HTTP CONNECT: what is said, what is refused, and whose the bytes are that
//! come behind it.

mod client;
mod http_connect;
mod server;
mod through;

use retwist_protocols::Destination;

#[test]
fn names_that_would_break_a_line_are_refused() {
    for name in ["", "a\r\nb", "a b", "a\0b", "\u{e4}", &"x".repeat(256)] {
        assert!(Destination::new(name, 1).is_err(), "{name:?}");
    }
}
