//! Any bytes as an answer, over UDP and over TCP: no panic, and an end.

use hickory_proto::op::Message;
use proptest::prelude::*;
use retwist_deferred::names::{DnsSettings, RecordType};

use crate::world::{ONE, World, a, cname, framed, reply_with, settings, soa};

/// Bytes that are somewhere between noise and an answer: of a good one some are changed, and an end
/// is cut off or added.
#[derive(Clone, Debug)]
struct Damage {
    changes: Vec<(usize, u8)>,
    length: usize,
    more: Vec<u8>,
}

fn damage() -> impl Strategy<Value = Damage> {
    let changes = prop::collection::vec((0_usize..200, any::<u8>()), 0..8);
    let more = prop::collection::vec(any::<u8>(), 0..40);
    (changes, 0_usize..250, more).prop_map(|(changes, length, more)| Damage {
        changes,
        length,
        more,
    })
}

impl Damage {
    fn answer(&self, query: &Message) -> Vec<u8> {
        let mut answer = reply_with(
            query,
            vec![
                cname("example.org", "b.example"),
                cname("b.example", "c.example"),
                a("c.example", "192.0.2.1"),
            ],
        );
        answer.add_authority(soa(60, 60));
        let mut bytes = answer.to_vec().unwrap();
        for (at, value) in &self.changes {
            // The id stays, or all would be passed over.
            let at = 2 + at % (bytes.len() - 2);
            bytes[at] = *value;
        }
        bytes.truncate(self.length.max(2));
        bytes.extend_from_slice(&self.more);
        bytes
    }
}

proptest! {
    #[test]
    fn over_udp(damages in prop::collection::vec(damage(), 1..4)) {
        let world = World::new();
        world.serve_bytes(ONE, move |query| {
            damages.iter().map(|damage| damage.answer(query)).collect()
        });
        let mut found = world.lookup("example.org", RecordType::A);
        for _ in 0..5 {
            // An answer may say that it is truncated.
            while let Some(pending) = world.reactor.connecting().pop() {
                world.reactor.complete(&pending);
            }
            world.advance(DnsSettings::default().timeout);
        }
        world.advance(DnsSettings::default().deadline);
        prop_assert!(found.take().is_some());
        world.assert_clean();
    }

    #[test]
    fn over_tcp(damage in damage(), cut in 1_usize..100, prefix in any::<bool>()) {
        let world = World::with(DnsSettings { use_tcp: true, ..settings(&[ONE]) });
        world.serve_tcp(ONE, move |query| {
            let answer = damage.answer(query);
            if prefix { framed(&answer) } else { answer }
        });
        let mut found = world.lookup("example.org", RecordType::A);
        let mut pairs = Vec::new();
        for _ in 0..40 {
            while let Some(pending) = world.reactor.connecting().pop() {
                pairs.extend(world.reactor.complete(&pending).map(|pair| pair.cut(cut)));
            }
            world.run();
        }
        world.advance(DnsSettings::default().deadline);
        prop_assert!(found.take().is_some());
        drop(pairs);
        world.assert_clean();
    }
}
