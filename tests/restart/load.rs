//! Clients of a server, which count what they lose.

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
    /// Connects, and comes to the point from which on it makes requests.
    fn connect(&self) -> Result<Box<dyn Client>, Lost>;
}

/// What a client says on one connection.
pub trait Client: Send {
    /// One request and its answer.
    fn exchange(&mut self) -> Result<Then, Lost>;

    /// Waits until the server says the goodbye of its protocol, and says nothing meanwhile. Where the protocol has
    /// none, to be asked to stay is to be cut off.
    fn stay(&mut self) -> Lost {
        Lost::Cut(io::Error::other("this protocol has no goodbye"))
    }
}

/// Whether the connection goes on behind an answer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Then {
    GoesOn,
    /// The server has said with the answer that it is the last one.
    Ends,
}

/// Why there is no answer.
#[derive(Debug)]
pub enum Lost {
    /// It could not connect.
    Refused(io::Error),
    /// The server has said the goodbye of its protocol: the client connects anew, and loses nothing.
    Goodbye,
    /// The connection has broken, or ended without a goodbye, or the answer is another one.
    Cut(io::Error),
}

impl From<io::Error> for Lost {
    fn from(error: io::Error) -> Self {
        Lost::Cut(error)
    }
}

/// A connection.
pub trait Talks: Read + Write + Send {}
impl<T: Read + Write + Send> Talks for T {}

/// A client of an echo server.
impl<T: Talks> Client for T {
    fn exchange(&mut self) -> Result<Then, Lost> {
        const QUESTION: &[u8; 32] = b"as many bytes as a small request";
        let mut answer = [0; 32];
        self.write_all(QUESTION)?;
        self.flush()?;
        self.read_exact(&mut answer)?;
        assert_eq!(&answer, QUESTION);
        Ok(Then::GoesOn)
    }
}

/// A connection by TCP.
pub fn connect_tcp(address: SocketAddr) -> Result<TcpStream, Lost> {
    let stream = TcpStream::connect(address).map_err(Lost::Refused)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// TLS on a connection, to the server of this machine.
pub fn under_tls<T: Talks>(
    stream: T,
    config: &Arc<ClientConfig>,
) -> Result<StreamOwned<ClientConnection, T>, Lost> {
    let name = "localhost".try_into().expect("a name");
    let session = ClientConnection::new(config.clone(), name).map_err(io::Error::other)?;
    Ok(StreamOwned::new(session, stream))
}

pub struct Plain(pub SocketAddr);

impl Way for Plain {
    fn connect(&self) -> Result<Box<dyn Client>, Lost> {
        Ok(Box::new(connect_tcp(self.0)?))
    }
}

pub struct Unix(pub PathBuf);

impl Way for Unix {
    fn connect(&self) -> Result<Box<dyn Client>, Lost> {
        let stream = UnixStream::connect(&self.0).map_err(Lost::Refused)?;
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
        Tls::with(address, trust(authority))
    }

    pub fn with(address: SocketAddr, config: Arc<ClientConfig>) -> Self {
        Tls { address, config }
    }
}

impl Way for Tls {
    fn connect(&self) -> Result<Box<dyn Client>, Lost> {
        Ok(Box::new(under_tls(
            connect_tcp(self.address)?,
            &self.config,
        )?))
    }
}

/// What a client does that trusts this authority.
pub fn trust(authority: &Path) -> Arc<ClientConfig> {
    let roots = TrustRoots::from_pem_file(authority).unwrap();
    ClientOptions::new(roots).build().unwrap()
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
    goodbyes: AtomicUsize,
    failed_connects: AtomicUsize,
    cut_requests: AtomicUsize,
    is_over: AtomicBool,
}

#[derive(Debug)]
pub struct Counts {
    pub connects: usize,
    pub requests: usize,
    /// How many connections the server has ended with the goodbye of the protocol.
    pub goodbyes: usize,
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
/// about as many requests a second as is said, [`RATE`] of them if nothing is, however many they are; and the others
/// connect in bursts, of as many as half the queue of a port.
pub struct Load {
    way: Arc<dyn Way>,
    counters: Arc<Counters>,
    busy: Vec<JoinHandle<()>>,
    idle: Vec<Box<dyn Client>>,
    staying: Vec<JoinHandle<()>>,
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
        Load::of_boxed(Arc::new(way))
    }

    pub fn of_boxed(way: Arc<dyn Way>) -> Self {
        Load {
            way,
            counters: Arc::default(),
            busy: Vec::new(),
            idle: Vec::new(),
            staying: Vec::new(),
        }
    }

    /// Begins with this many busy clients.
    pub fn begin(&mut self, busy: usize) {
        self.begin_slowly(busy, RATE);
    }

    /// Begins with this many busy clients, which together make about `rate` requests a second.
    pub fn begin_slowly(&mut self, busy: usize, rate: u32) {
        let pause = Duration::from_secs(1) * u32::try_from(busy).unwrap() / rate;
        for _ in 0..busy {
            self.busy.push(self.client(move |way, counters| {
                serve_oneself(way, counters, pause);
            }));
        }
    }

    /// This many clients connect, make one request, and then wait for the goodbye of the server, behind which
    /// they come again. They end with the goodbye that comes after the load is [over](Load::finish).
    pub fn stay(&mut self, clients: usize) {
        for _ in 0..clients {
            self.staying.push(self.client(stay));
        }
    }

    fn client(&self, serve: impl Fn(&dyn Way, &Counters) + Send + 'static) -> JoinHandle<()> {
        let (way, counters) = (self.way.clone(), self.counters.clone());
        let client = thread::Builder::new().stack_size(256 * 1024);
        let client = client.spawn(move || {
            while !counters.is_over.load(Ordering::Relaxed) {
                serve(&*way, &counters);
            }
        });
        client.unwrap()
    }

    /// Connects in bursts until there are this many besides the busy ones, each with one request.
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
            for clients in self.idle.chunks_mut(share) {
                scope.spawn(move || ask_all(clients, counters));
            }
        });
        self.idle.clear();
    }

    /// Ends all but those who stay.
    pub fn finish(&mut self) {
        self.counters.is_over.store(true, Ordering::Relaxed);
        self.let_go();
        for client in self.busy.drain(..) {
            client.join().unwrap();
        }
    }

    pub fn end(mut self) -> Counts {
        self.finish();
        for client in self.staying.drain(..) {
            client.join().unwrap();
        }
        let count = |counter: &AtomicUsize| counter.load(Ordering::Relaxed);
        Counts {
            connects: count(&self.counters.connects),
            requests: count(&self.counters.requests),
            goodbyes: count(&self.counters.goodbyes),
            failed_connects: count(&self.counters.failed_connects),
            cut_requests: count(&self.counters.cut_requests),
        }
    }
}

fn count(counter: &AtomicUsize) {
    counter.fetch_add(1, Ordering::Relaxed);
}

#[derive(PartialEq, Eq)]
enum Outcome {
    Answered(Then),
    Goodbye,
    Failed,
}

fn lost(lost: Lost, counters: &Counters) -> Outcome {
    match lost {
        Lost::Goodbye => {
            count(&counters.goodbyes);
            return Outcome::Goodbye;
        }
        Lost::Refused(error) => {
            eprintln!("a connect failed: {error}");
            count(&counters.failed_connects);
        }
        Lost::Cut(error) => {
            eprintln!("a request was cut: {error}");
            count(&counters.cut_requests);
        }
    }
    Outcome::Failed
}

/// One request and its answer.
fn request(client: &mut dyn Client, counters: &Counters) -> Outcome {
    match client.exchange() {
        Ok(then) => {
            count(&counters.requests);
            Outcome::Answered(then)
        }
        Err(why) => lost(why, counters),
    }
}

/// A connection. One that the server says goodbye to before it comes to the point tries again.
fn connect(way: &dyn Way, counters: &Counters) -> Option<Box<dyn Client>> {
    loop {
        match way.connect() {
            Ok(client) => {
                count(&counters.connects);
                return Some(client);
            }
            Err(why) => {
                if lost(why, counters) == Outcome::Failed {
                    return None;
                }
            }
        }
    }
}

fn connect_all(way: &dyn Way, counters: &Counters, connections: usize) -> Vec<Box<dyn Client>> {
    let mut all = Vec::new();
    let mut missing = connections;
    while missing > 0 {
        let burst = BURST.min(missing);
        missing -= burst;
        let connected = (0..burst).filter_map(|_| connect(way, counters));
        let mut connected: Vec<_> = connected.collect();
        connected.retain_mut(|client| {
            request(&mut **client, counters) == Outcome::Answered(Then::GoesOn)
        });
        all.append(&mut connected);
    }
    all
}

fn ask_all(clients: &mut [Box<dyn Client>], counters: &Counters) {
    for client in clients {
        request(&mut **client, counters);
    }
}

fn serve_oneself(way: &dyn Way, counters: &Counters, pause: Duration) {
    let Some(mut client) = connect(way, counters) else {
        return;
    };
    for _ in 0..REQUESTS {
        if counters.is_over.load(Ordering::Relaxed) {
            return;
        }
        // A client that hears a goodbye asks again on its next connection.
        if request(&mut *client, counters) != Outcome::Answered(Then::GoesOn) {
            return thread::sleep(pause);
        }
        thread::sleep(pause);
    }
}

fn stay(way: &dyn Way, counters: &Counters) {
    if let Some(mut client) = connect(way, counters)
        && request(&mut *client, counters) == Outcome::Answered(Then::GoesOn)
    {
        lost(client.stay(), counters);
    }
}
