//! The ports of datagram programs and the programs for Twisted: they do the same, and talk to each
//! other.

use std::net::UdpSocket;

use crate::porting::both;
use crate::program::Program;

/// A port that is free, for programs that share it.
fn free() -> String {
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    socket.local_addr().unwrap().port().to_string()
}

#[test]
fn scales_and_a_weigher() {
    for scales in both("scales", &["0"]) {
        let scales = Program::run(scales);
        let port = scales.listening().port().to_string();
        let mut sum = 0;
        for weigher in both("weigher", &[&port, "3", "4", "much", "5"]) {
            let weigher = Program::run(weigher);
            for weight in ["3", "4", "much", "5"] {
                sum += weight.parse().unwrap_or(0);
                let expected = match weight {
                    "much" => "much: a weight, please".to_owned(),
                    _ => format!("{weight}: {sum} in all"),
                };
                assert_eq!(weigher.line(), expected);
            }
            assert_eq!(weigher.exit_code(), Some(0));
        }
    }
}

/// The port alone: Twisted's epoll reactor takes the error for the end of the port, and closes it
/// without a call of `connectionRefused`.
#[test]
fn a_weigher_without_scales() {
    let weigher = Program::start("porting_weigher", &[&free(), "3"]);
    assert_eq!(weigher.line(), "there are no scales");
    assert_eq!(weigher.exit_code(), Some(0));
}

#[test]
fn beacons_see_each_other() {
    for address in ["127.255.255.255", "239.255.42.7"] {
        for pair in 0..both("beacon", &[]).len().pow(2) {
            let port = free();
            let beacon = |name: &str, which: usize| {
                let mut programs = both("beacon", &[name, address, &port]);
                Program::run(programs.swap_remove(which % programs.len()))
            };
            let (one, other) = (beacon("one", pair), beacon("other", pair / 2));
            assert_eq!(one.line(), "other blinks");
            assert_eq!(other.line(), "one blinks");
        }
    }
}
