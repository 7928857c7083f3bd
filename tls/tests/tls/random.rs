//! Whatever is done, in whatever order, at whatever cut: the rules hold. And whatever arrives.

use std::rc::Rc;
use std::time::Duration;

use retwist_reactor::Layer;
use retwist_reactor::testing::Pair;
use retwist_tls::{ChannelBinding, TlsRole, TlsTransport, start_tls, stop_tls};

use crate::common::{Heard, Notes, Other, client, old_client, quiet, server, server_config, tape};
use crate::starting::CallNow;

/// The usual number, or the one in `RETWIST_SCHEDULES`.
fn seeds(usual: u64) -> u64 {
    std::env::var("RETWIST_SCHEDULES")
        .ok()
        .and_then(|many| many.parse().ok())
        .unwrap_or(usual)
}

/// Numbers that are the same each time (xorshift64*).
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) % bound
    }
}

/// A side that does something at random whenever it hears something.
fn restless(
    seed: u64,
    role: fn() -> TlsRole,
) -> (
    retwist_reactor::ProtocolHandle<crate::common::Tape>,
    Rc<Notes>,
) {
    let mut random = Random::new(seed);
    let mut steps = 0;
    let (handle, notes) = tape(move |heard, transport| {
        if heard == Heard::Made {
            let _ = start_tls(transport, role());
            return;
        }
        steps += 1;
        if steps > 40 {
            return transport.lose_connection();
        }
        match random.below(28) {
            0..=7 => transport.write(&vec![b'x'; random.below(200) as usize]),
            8..=9 => transport.write(&vec![b'y'; random.below(40_000) as usize]),
            10..=11 => {
                transport.pause_producing();
                let later = transport.clone();
                transport
                    .clock()
                    .call_later(Duration::from_millis(random.below(50)), move || {
                        later.resume_producing()
                    });
            }
            12 => {
                transport.pause_producing();
                transport.resume_producing();
            }
            13 if random.below(4) == 0 => transport.lose_write_connection(),
            14 if random.below(8) == 0 => transport.lose_connection(),
            15 if random.below(8) == 0 => transport.abort_connection(),
            16..=17 => drop(stop_tls(transport)),
            18 if random.below(3) == 0 => drop(start_tls(transport, role())),
            19 if heard == Heard::ReadLost => drop(stop_tls(transport)),
            20..=21 => drop(TlsTransport::update_keys(transport)),
            22 => drop(TlsTransport::channel_binding(
                transport,
                ChannelBinding::TlsExporter,
            )),
            _ => transport.write(b"z"),
        }
    });
    notes.stays.set(seed.is_multiple_of(3));
    (handle, notes)
}

#[test]
fn schedules_at_random() {
    for seed in 0..seeds(300) {
        let mut random = Random::new(seed + 1_000_000);
        let (a, a_notes) = restless(seed * 2, client);
        let (b, b_notes) = restless(seed * 2 + 1, server);
        let cut = [1, 3, 7, 100, 5000, usize::MAX][random.below(6) as usize]
            .max(if seed.is_multiple_of(8) { 1 } else { 64 });
        let mut pair = Pair::new(a, b).cut(cut);
        if random.below(4) == 0 {
            let side = [
                retwist_reactor::testing::Side::Client,
                retwist_reactor::testing::Side::Server,
            ][random.below(2) as usize];
            pair = match random.below(2) {
                0 => pair.close_after(side, random.below(20_000)),
                _ => pair.reset_after(side, random.below(20_000)),
            };
        }
        pair.advance(Duration::from_secs(100));
        pair.client().lose_connection();
        pair.server().lose_connection();
        pair.advance(Duration::from_secs(100));
        for notes in [a_notes, b_notes] {
            let log = notes.log();
            let count = |what: &str| log.iter().filter(|entry| entry.starts_with(what)).count();
            assert_eq!(count("made"), 1, "seed {seed}: {log:?}");
            assert_eq!(count("lost"), 1, "seed {seed}: {log:?}");
            assert!(
                log[0] == "made" && log.last().unwrap().starts_with("lost"),
                "seed {seed}: {log:?}"
            );
            // rustls asserts, in debug builds, that no alert is asked for behind close_notify.
            let panicked =
                notes.reason().contains("panicked") && !notes.reason().contains("sent_fatal_alert");
            assert!(!panicked, "seed {seed}: {}", notes.reason());
        }
        assert_eq!(pair.clock().pending_calls(), 0, "seed {seed}");
    }
}

/// Damaged, cut short, or with something in between.
fn damage(bytes: &mut Vec<u8>, random: &mut Random) {
    for _ in 0..=random.below(3) {
        let at = random.below(bytes.len() as u64) as usize;
        match random.below(4) {
            0 => bytes[at] ^= 1 << random.below(8),
            1 => bytes.truncate(at.max(1)),
            2 => drop(bytes.splice(at..at, (0..random.below(300)).map(|n| n as u8))),
            _ => {
                let again = bytes.clone();
                bytes.extend(again);
            }
        }
    }
}

/// What a server says in clear is read by this crate, too: of TLS 1.2 all until the keys.
#[test]
fn damaged_answers() {
    for seed in 0..seeds(300) {
        let mut random = Random::new(seed);
        let mut answers = rustls::ServerConnection::new(server_config()).unwrap();
        let role = [client, old_client][random.below(2) as usize]();
        let cut = [1, 50, usize::MAX][random.below(3) as usize];
        let small = random.below(4);
        let (wire, _) = tape(move |heard, transport| {
            let Heard::Data(mut data) = heard else {
                return;
            };
            while !data.is_empty() {
                if answers.read_tls(&mut data).is_err() || answers.process_new_packets().is_err() {
                    return;
                }
            }
            let mut bytes = Vec::new();
            while answers.wants_write() {
                answers.write_tls(&mut bytes).unwrap();
            }
            // Mostly the first byte that matters, in the ServerHello.
            if bytes.len() > 200 && small > 0 {
                bytes[random.below(150) as usize] ^= 1 << random.below(8);
            } else if !bytes.is_empty() {
                damage(&mut bytes, &mut random);
            }
            transport.write(&bytes);
        });
        let (a, notes) = quiet();
        let pair = Pair::new(TlsTransport::new(role, a).as_protocol(), wire).cut(cut);
        pair.advance(Duration::from_secs(11));
        pair.server().lose_connection();
        pair.advance(Duration::from_secs(100));
        let log = notes.log();
        assert!(
            log.last().unwrap().starts_with("lost"),
            "seed {seed}: {log:?}"
        );
        assert!(!notes.reason().contains("panicked"), "seed {seed}: {log:?}");
        assert_eq!(pair.clock().pending_calls(), 0, "seed {seed}");
    }
}

#[test]
fn damaged_conversations() {
    for seed in 0..seeds(300) {
        let mut random = Random::new(seed);
        let (b, notes) = quiet();
        let (wire, wire_notes) = quiet();
        let pair = Pair::new(wire, TlsTransport::new(server(), b).as_protocol())
            .cut([1, 50, usize::MAX][random.below(3) as usize]);
        // What a client sends first.
        let mut bytes = Other::client().call_now(Other::take_records);
        damage(&mut bytes, &mut random);
        pair.run();
        wire_notes.transport().write(&bytes);
        pair.advance(Duration::from_secs(11));
        pair.client().lose_connection();
        pair.advance(Duration::from_secs(100));
        assert_eq!(notes.log().len(), 1, "seed {seed}: {:?}", notes.log());
        assert!(
            !notes.reason().contains("panicked"),
            "seed {seed}: {}",
            notes.reason()
        );
        assert_eq!(pair.clock().pending_calls(), 0, "seed {seed}");
    }
}
