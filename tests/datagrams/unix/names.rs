//! Loops, and names that are free: paths, abstract names, and names in memory.

use std::cell::Cell;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use retwist::testing::MemoryReactor;
use retwist::{
    Clock, DatagramProtocolRef, ListenError, ListeningPort, Reactor, ReactorUnixDatagram,
    UnixDatagramListen, UnixName,
};
use retwist_conformance::datagrams::{Facts, Open, Unix, Way};

/// A folder of one case, which goes with it.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        use std::sync::atomic::{AtomicU32, Ordering};
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("retwist-datagrams-{}-{count}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&path);
        fs::create_dir(&path).unwrap();
        Folder(path)
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    pub fn names(&self) -> Vec<String> {
        let name = |entry: std::io::Result<fs::DirEntry>| entry.unwrap().file_name();
        let names = fs::read_dir(&self.0).unwrap().map(name);
        names.map(|name| name.into_string().unwrap()).collect()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A loop, and names that are free.
pub trait Names {
    fn new() -> Self;
    fn reactor(&self) -> &dyn ReactorUnixDatagram;
    fn pass(&self, wait: Duration);
    fn clock(&self) -> Clock;
    fn name(&self, name: &str) -> UnixName;

    fn open(
        &self,
        options: UnixDatagramListen,
        protocol: impl Into<DatagramProtocolRef>,
    ) -> ListeningPort {
        let port = self
            .reactor()
            .listen_unix_datagrams(options, protocol.into());
        port.expect("a name that is free")
    }

    fn named(&self, name: &str) -> UnixDatagramListen {
        UnixDatagramListen::name(self.name(name))
    }

    #[track_caller]
    fn until(&self, condition: impl Fn() -> bool) {
        let start = Instant::now();
        while !condition() {
            assert!(
                start.elapsed() < Duration::from_secs(30),
                "it never happens"
            );
            self.pass(Duration::from_millis(20));
        }
    }

    fn comes_to_rest(&self) {
        for _ in 0..50 {
            self.pass(Duration::ZERO);
        }
    }
}

pub struct Paths(pub Reactor, pub Folder);
pub struct Memory(MemoryReactor);

impl Names for Paths {
    fn new() -> Self {
        Paths(Reactor::new().unwrap(), Folder::new())
    }

    fn reactor(&self) -> &dyn ReactorUnixDatagram {
        &self.0
    }

    fn pass(&self, wait: Duration) {
        self.0.iterate(wait).unwrap();
    }

    fn clock(&self) -> Clock {
        self.0.clock().clone()
    }

    fn name(&self, name: &str) -> UnixName {
        UnixName::path(self.1.path(name)).unwrap()
    }
}

impl Names for Memory {
    fn new() -> Self {
        Memory(MemoryReactor::new())
    }

    fn reactor(&self) -> &dyn ReactorUnixDatagram {
        &self.0
    }

    fn pass(&self, wait: Duration) {
        self.0.clock().advance(wait);
    }

    fn clock(&self) -> Clock {
        Clock::clone(self.0.clock())
    }

    fn name(&self, name: &str) -> UnixName {
        UnixName::path(format!("/run/{name}")).unwrap()
    }
}

#[cfg(target_os = "linux")]
pub struct Abstract(Paths);

#[cfg(target_os = "linux")]
impl Names for Abstract {
    fn new() -> Self {
        Abstract(Paths::new())
    }

    fn reactor(&self) -> &dyn ReactorUnixDatagram {
        self.0.reactor()
    }

    fn pass(&self, wait: Duration) {
        self.0.pass(wait);
    }

    fn clock(&self) -> Clock {
        self.0.clock()
    }

    fn name(&self, name: &str) -> UnixName {
        UnixName::abstract_name(format!("{}/{name}", self.0.1.0.display())).unwrap()
    }
}

/// The suite, over ports of such names.
pub struct Over<N> {
    names: N,
    opened: Cell<u32>,
}

pub type OverPaths = Over<Paths>;
pub type OverMemory = Over<Memory>;

impl<N: Names + 'static> Way for Over<N> {
    fn facts() -> Facts {
        Unix::facts()
    }

    fn new() -> Self {
        Over {
            names: N::new(),
            opened: Cell::new(0),
        }
    }

    fn open(
        &self,
        open: Open,
        protocol: DatagramProtocolRef,
    ) -> Result<ListeningPort, ListenError> {
        self.opened.set(self.opened.get() + 1);
        let free = || self.names.name(&self.opened.get().to_string());
        let options = Unix::options(open, free);
        self.names
            .reactor()
            .listen_unix_datagrams(options, protocol)
    }

    fn pass(&self, wait: Duration) {
        self.names.pass(wait);
    }

    fn clock(&self) -> Clock {
        self.names.clock()
    }
}
