//! Clients of an echo server, which count what they lose.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use retwist::tls::rustls::{ClientConfig, ClientConnection, StreamOwned};
use retwist::tls::{ClientOptions, TrustRoots};

use crate::service::PATIENCE;

/// How a client gets there.
pub trait Way: Send + Sync + 'static {
    fn connect(&self) -> io::Result<Box<dyn Talks>>;
}

/// A connection.
pub trait Talks: Read + Write + Send {}
impl<T: Read + Write + Send> Talks for T {}

pub struct Plain(pub SocketAddr);

impl Way for Plain {
    fn connect(&self) -> io::Result<Box<dyn Talks>> {
        let stream = TcpStream::connect(self.0)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        Ok(Box::new(stream))
    }
}

pub struct Unix(pub PathBuf);

impl Way for Unix {
    fn connect(&self) -> io::Result<Box<dyn Talks>> {
        let stream = UnixStream::connect(&self.0)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(Box::new(stream))
    }
}

pub struct Tls {
    address: SocketAddr,
    config: Arc<ClientConfig>,
}

impl Tls {
    pub fn to(address: SocketAddr, authority: &Path) -> Self {
        let roots = TrustRoots::from_pem_file(authority).unwrap();
        let config = ClientOptions::new(roots).build().unwrap();
        Tls { address, config }
    }
}

impl Way for Tls {
    fn connect(&self) -> io::Result<Box<dyn Talks>> {
        let stream = TcpStream::connect(self.address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        let name = "localhost".try_into().expect("a name");
        let session = ClientConnection::new(self.config.clone(), name).map_err(io::Error::other)?;
        Ok(Box::new(StreamOwned::new(session, stream)))
    }
}

/// The files of a certificate for this machine and of its key; its own authority, which trusts it, goes
/// to `authority`.
pub fn certificate(folder: &Path, authority: &Path) -> (String, String) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let write = |name: &str, text: String| {
        let path = folder.join(name);
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    fs::write(authority, made.cert.pem()).unwrap();
    let certificate = write("certificate.pem", made.cert.pem());
    (
        certificate,
        write("key.pem", made.signing_key.serialize_pem()),
    )
}

#[derive(Default)]
struct Counters {
    connects: AtomicUsize,
    requests: AtomicUsize,
    failed_connects: AtomicUsize,
    cut_requests: AtomicUsize,
    is_over: AtomicBool,
}

#[derive(Debug)]
pub struct Counts {
    pub connects: usize,
    pub requests: usize,
    pub failed_connects: usize,
    pub cut_requests: usize,
}

impl Counts {
    /// Nothing was lost.
    #[track_caller]
    pub fn assert_whole(&self) {
        let lost = (self.failed_connects, self.cut_requests);
        assert_eq!(lost, (0, 0), "{self:?}");
    }
}

/// Busy clients, each in a thread, and others that are only connected.
///
/// What is evil here is that the clients share the machine with the servers: clients that ask as fast as they
/// can leave a server no time, and a restart under them takes minutes. So all busy clients together make
/// about [`RATE`] requests a second, however many they are; and the others connect in bursts, of as many as
/// half the queue of a port.
pub struct Load {
    way: Arc<dyn Way>,
    counters: Arc<Counters>,
    busy: Vec<JoinHandle<()>>,
    idle: Vec<Box<dyn Talks>>,
}

/// How many requests a busy client makes of one connection.
const REQUESTS: usize = 25;
/// How many requests a second all busy clients make together.
const RATE: u32 = 5_000;
/// How many threads connect those that are only connected, and how many each connects at once before it asks
/// anything.
const THREADS: usize = 8;
const BURST: usize = 64;

impl Load {
    pub fn of(way: impl Way) -> Self {
        Load {
            way: Arc::new(way),
            counters: Arc::default(),
            busy: Vec::new(),
            idle: Vec::new(),
        }
    }

    /// Begins with so many busy clients.
    pub fn begin(&mut self, busy: usize) {
        let pause = Duration::from_secs(1) * u32::try_from(busy).unwrap() / RATE;
        for _ in 0..busy {
            let (way, counters) = (self.way.clone(), self.counters.clone());
            let client = thread::Builder::new().stack_size(256 * 1024);
            let client = client.spawn(move || {
                while !counters.is_over.load(Ordering::Relaxed) {
                    serve_oneself(&*way, &counters, pause);
                }
            });
            self.busy.push(client.unwrap());
        }
    }

    /// Connects in bursts until there are so many besides the busy ones, each with one request.
    pub fn fill(&mut self, connections: usize) {
        let missing = connections.saturating_sub(self.idle.len());
        let (way, counters) = (&*self.way, &*self.counters);
        let share = |index| missing / THREADS + usize::from(index < missing % THREADS);
        let connected = thread::scope(|scope| {
            let threads: Vec<_> = (0..THREADS)
                .map(|index| scope.spawn(move || connect_all(way, counters, share(index))))
                .collect();
            let connected = threads.into_iter().map(|thread| thread.join().unwrap());
            connected.collect::<Vec<_>>()
        });
        self.idle.extend(connected.into_iter().flatten());
    }

    /// Those that are only connected make one more request each, and close.
    pub fn let_go(&mut self) {
        let share = self.idle.len().div_ceil(THREADS).max(1);
        let counters = &*self.counters;
        thread::scope(|scope| {
            for streams in self.idle.chunks_mut(share) {
                scope.spawn(move || ask_all(streams, counters));
            }
        });
        self.idle.clear();
    }

    pub fn end(mut self) -> Counts {
        self.counters.is_over.store(true, Ordering::Relaxed);
        self.let_go();
        for client in self.busy.drain(..) {
            client.join().unwrap();
        }
        let count = |counter: &AtomicUsize| counter.load(Ordering::Relaxed);
        Counts {
            connects: count(&self.counters.connects),
            requests: count(&self.counters.requests),
            failed_connects: count(&self.counters.failed_connects),
            cut_requests: count(&self.counters.cut_requests),
        }
    }
}

fn count(counter: &AtomicUsize) {
    counter.fetch_add(1, Ordering::Relaxed);
}

fn connect(way: &dyn Way, counters: &Counters) -> Option<Box<dyn Talks>> {
    match way.connect() {
        Ok(stream) => {
            count(&counters.connects);
            Some(stream)
        }
        Err(error) => {
            eprintln!("a connect failed: {error}");
            count(&counters.failed_connects);
            None
        }
    }
}

fn connect_all(way: &dyn Way, counters: &Counters, connections: usize) -> Vec<Box<dyn Talks>> {
    let mut all = Vec::new();
    while all.len() < connections {
        let burst = BURST.min(connections - all.len());
        let connected = (0..burst).filter_map(|_| connect(way, counters));
        let mut connected: Vec<_> = connected.collect();
        ask_all(&mut connected, counters);
        all.append(&mut connected);
    }
    all
}

fn ask_all(streams: &mut [Box<dyn Talks>], counters: &Counters) {
    for stream in streams {
        request(&mut **stream, counters);
    }
}

/// One request and its answer. Returns whether it came.
fn request(stream: &mut dyn Talks, counters: &Counters) -> bool {
    const QUESTION: &[u8; 32] = b"as many bytes as a small request";
    let mut answer = [0; 32];
    let outcome = stream
        .write_all(QUESTION)
        .and_then(|()| stream.flush())
        .and_then(|()| stream.read_exact(&mut answer));
    match outcome {
        Ok(()) => {
            assert_eq!(&answer, QUESTION);
            count(&counters.requests);
            true
        }
        Err(error) => {
            eprintln!("a request was cut: {error}");
            count(&counters.cut_requests);
            false
        }
    }
}

fn serve_oneself(way: &dyn Way, counters: &Counters, pause: Duration) {
    if let Some(mut stream) = connect(way, counters) {
        for _ in 0..REQUESTS {
            if counters.is_over.load(Ordering::Relaxed) || !request(&mut *stream, counters) {
                break;
            }
            thread::sleep(pause);
        }
    }
}
