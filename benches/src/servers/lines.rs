use std::hint::black_box;

use retwist_protocols::{Framed, LineReceiver, LineTransport};
use retwist_reactor::FactoryRef;

pub(super) fn factory() -> FactoryRef {
    retwist_reactor::factory(|_| Framed::lines(Tally::default())).into()
}

/// Forgets each line, and at the end says how many there were.
#[derive(Default)]
struct Tally {
    lines: u64,
}

impl LineReceiver for Tally {
    fn line_received(&mut self, _: &LineTransport, line: &[u8]) {
        black_box(line);
        self.lines += 1;
    }

    fn read_connection_lost(&mut self, transport: &LineTransport) {
        transport.send_line(self.lines.to_string());
        transport.lose_connection();
    }
}
