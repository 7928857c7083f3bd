//! Bytes that a protocol has left for later, and that are lost with the connection, are in the log.
//! This test is alone in its program, because the log is one for all.

use std::sync::Mutex;

use retwist::testing::Pair;
use retwist::{Protocol, TransportRef};

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Collect;

impl log::Log for Collect {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        LINES.lock().unwrap().push(record.args().to_string());
    }

    fn flush(&self) {}
}

/// Writes five bytes and ends.
struct Client;

impl Protocol for Client {
    fn connection_made(&mut self, transport: &TransportRef) {
        transport.write(b"12345");
        transport.lose_connection();
    }
}

/// Waits for ten bytes, and gives fewer back.
struct Tens;

impl Protocol for Tens {
    fn data_received(&mut self, transport: &TransportRef, data: &[u8]) {
        if data.len() < 10 {
            transport.unread(data);
        }
    }
}

fn lines() -> Vec<String> {
    let mut lines = std::mem::take(&mut *LINES.lock().unwrap());
    lines.retain(|line| line.contains("never used"));
    lines
}

#[test]
fn bytes_that_are_lost_with_the_connection_are_logged() {
    log::set_logger(&Collect).unwrap();
    log::set_max_level(log::LevelFilter::Info);
    let pair = Pair::new(Client, Tens);
    pair.run();
    let logged = lines();
    assert_eq!(logged.len(), 1, "{logged:?}");
    assert!(logged[0].contains(": 5 bytes were received"), "{logged:?}");
}
