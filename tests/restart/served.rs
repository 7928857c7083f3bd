//! Programs other than examples that the tests restart: this test is started as such a program.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

use retwist::{
    Address, DatagramProtocol, DatagramTransport, Reactor, Restart, UnixDatagramListen, UnixName,
};

use crate::installed::Installed;

/// What tells a test that it is a program, and what it serves.
const VARIABLE: &str = "RETWIST_TEST_SERVES";
/// How many bytes are handed over: more than a pipe holds.
pub const LARGE: usize = 1 << 20;

/// That which sends datagrams of UNIX sockets back, at a port under a lock.
pub fn datagrams(name: &str, path: &Path) -> Installed {
    let script = format!(
        "export {VARIABLE}={}; ECHO --exact served::sends_datagrams_back --nocapture --test-threads 1",
        path.display()
    );
    Installed::program(name, std::env::current_exe().unwrap(), &script)
}

struct Log;

impl log::Log for Log {
    fn enabled(&self, metadata: &log::Metadata<'_>) -> bool {
        metadata.level() <= log::Level::Info
    }

    fn log(&self, record: &log::Record<'_>) {
        if self.enabled(record.metadata()) {
            // In one piece: another version writes to the same pipe.
            let line = format!("{}\n", record.args());
            let _ = std::io::stderr().write_all(line.as_bytes());
        }
    }

    fn flush(&self) {}
}

struct Back;

impl DatagramProtocol for Back {
    fn datagram_received(&mut self, transport: &DatagramTransport, data: &[u8], from: &Address) {
        transport.send_to(data, from);
    }
}

#[test]
fn sends_datagrams_back() {
    let Some(path) = std::env::var_os(VARIABLE).map(PathBuf::from) else {
        return;
    };
    log::set_logger(&Log).unwrap();
    log::set_max_level(log::LevelFilter::Info);
    let reactor = Reactor::new().unwrap();
    let name = UnixName::path(&path).unwrap();
    let listen = UnixDatagramListen::name(name).lock_file(true);
    reactor.listen_unix_datagram(listen, Back).unwrap();
    let before = retwist::handed_over("large").unwrap();
    log::info!("handed over: {:?}", before.map(|bytes| bytes.len()));
    retwist::hand_over("large", || Some(vec![7; LARGE]));
    retwist::hand_over("not asked for", || Some(vec![7]));
    let restart = Restart::new().drain(Duration::from_secs(60));
    let restarting = restart.attach(&reactor).unwrap();
    reactor.call_when_running(|| println!("listening on a path"));
    reactor.run().unwrap();
    drop(restarting);
}
