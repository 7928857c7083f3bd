//! Clients of an echo server, which count what they lose.

use std::fs;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};

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

/// Busy clients, each in a thread, and others that are only connected.
pub struct Load {
    way: Arc<dyn Way>,
    counters: Arc<Counters>,
    busy: Vec<JoinHandle<()>>,
    idle: Vec<Box<dyn Talks>>,
}

/// How many requests a busy client makes of one connection.
const REQUESTS: usize = 25;

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
        for _ in 0..busy {
            let (way, counters) = (self.way.clone(), self.counters.clone());
            let client = thread::Builder::new().stack_size(256 * 1024);
            let client = client.spawn(move || {
                while !counters.is_over.load(Ordering::Relaxed) {
                    serve_oneself(&*way, &counters);
                }
            });
            self.busy.push(client.unwrap());
        }
    }

    /// Connects in a burst until there are so many besides the busy ones, each with one request.
    pub fn fill(&mut self, connections: usize) {
        while self.idle.len() < connections {
            if let Some(mut stream) = connect(&*self.way, &self.counters) {
                request(&mut *stream, &self.counters);
                self.idle.push(stream);
            }
        }
    }

    /// Those that are only connected make one more request each, and close.
    pub fn let_go(&mut self) {
        for mut stream in self.idle.drain(..) {
            request(&mut *stream, &self.counters);
        }
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

fn serve_oneself(way: &dyn Way, counters: &Counters) {
    if let Some(mut stream) = connect(way, counters) {
        for _ in 0..REQUESTS {
            if counters.is_over.load(Ordering::Relaxed) || !request(&mut *stream, counters) {
                break;
            }
        }
    }
}
