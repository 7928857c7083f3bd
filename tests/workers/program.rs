//! Workers that run in a thread of the test, and clients that tell them what to do.

use std::error::Error;
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle, ThreadId};
use std::time::{Duration, Instant};

use retwist::{
    Address, Protocol, ReactorHandle, ReactorSettings, TcpListen, TransportRef, Worker, Workers,
    WorkersError, WorkersStatus,
};

use crate::log_of::{POISON, install, logged_by};

/// How long anything may take, on a busy machine too, before a test calls it hung.
const PATIENCE: Duration = Duration::from_secs(120);

pub type Cause = Box<dyn Error + Send + Sync>;

/// Holds callbacks until it is opened.
#[derive(Clone)]
pub struct Gate(Arc<Keeper>);

struct Keeper {
    keys: Mutex<Receiver<()>>,
    opens: Sender<()>,
    is_reached: AtomicBool,
}

impl Gate {
    pub fn new() -> Self {
        let (opens, keys) = mpsc::channel();
        Gate(Arc::new(Keeper {
            keys: Mutex::new(keys),
            opens,
            is_reached: AtomicBool::new(false),
        }))
    }

    /// Waits until it is opened, once for each call.
    fn wait(&self) {
        self.0.is_reached.store(true, Ordering::SeqCst);
        self.0.keys.lock().unwrap().recv().unwrap();
    }

    pub fn open(&self) {
        self.0.opens.send(()).unwrap();
    }

    /// Whether a callback has begun to wait.
    pub fn is_reached(&self) -> bool {
        self.0.is_reached.load(Ordering::SeqCst)
    }
}

/// Says first which worker it is of, and then does what it is told by a letter.
pub struct Server {
    worker: u8,
    reactor: ReactorHandle,
    gate: Gate,
}

impl Protocol for Server {
    fn connection_made(&mut self, transport: &TransportRef) {
        transport.write(&[self.worker]);
    }

    fn data_received(&mut self, transport: &TransportRef, data: &[u8]) {
        match data {
            b"s" => self.reactor.stop(),
            b"p" => self.reactor.call_soon(|| panic!("{POISON}")),
            b"h" => self.gate.wait(),
            b"i" => {
                let id = transport.connection_id().map(|id| id.number());
                transport.write(&id.unwrap_or_default().to_be_bytes());
            }
            _ => transport.write(data),
        }
    }
}

pub fn serve(worker: &Worker, gate: &Gate) -> Result<(), Cause> {
    let (number, reactor, gate) = (worker.number() as u8, worker.handle(), gate.clone());
    let local = TcpListen::port(0).interface([127, 0, 0, 1]);
    worker.listen_tcp(local, move |_| Server {
        worker: number,
        reactor: reactor.clone(),
        gate: gate.clone(),
    })?;
    Ok(())
}

/// Without signals.
pub fn several(count: usize) -> Workers {
    Workers::new(count).settings(ReactorSettings {
        signals: false,
        ..ReactorSettings::default()
    })
}

/// Workers that run in a thread, and where they listen.
pub struct Running {
    pub address: SocketAddr,
    pub status: WorkersStatus,
    listening: Receiver<Address>,
    thread: JoinHandle<Result<(), WorkersError>>,
}

impl Running {
    /// `make` is called in the thread that waits for the workers.
    pub fn start(
        make: impl FnOnce() -> Workers + Send + 'static,
        set_up: impl Fn(&Worker) -> Result<(), Cause> + Send + Sync + 'static,
    ) -> Self {
        install();
        let (sender, listening) = mpsc::channel();
        let (told, status) = mpsc::channel();
        let thread = thread::spawn(move || {
            let workers = make();
            told.send(workers.status()).unwrap();
            workers
                .when_listening(move |address| sender.send(address.clone()).unwrap())
                .run(set_up)
        });
        Running {
            status: status.recv().unwrap(),
            address: socket(&listening),
            listening,
            thread,
        }
    }

    /// Where they listen too.
    pub fn next_address(&self) -> SocketAddr {
        socket(&self.listening)
    }

    pub fn thread(&self) -> ThreadId {
        self.thread.thread().id()
    }

    /// Whether the log has this line, so far.
    pub fn has_said(&self, words: &str) -> bool {
        logged_by(self.thread())
            .iter()
            .any(|line| line.contains(words))
    }

    #[track_caller]
    pub fn until_it_says(&self, words: &str) {
        let said = soon(|| self.has_said(words));
        assert!(said, "{words}: {:#?}", logged_by(self.thread()));
    }

    pub fn end(self) -> Result<(), WorkersError> {
        self.thread.join().unwrap()
    }

    /// Stops them by a letter.
    pub fn stop(self) {
        connect(self.address).unwrap().0.write_all(b"s").unwrap();
        self.end().unwrap();
    }
}

fn socket(told: &Receiver<Address>) -> SocketAddr {
    told.recv_timeout(PATIENCE).unwrap().socket().unwrap()
}

/// Whether this becomes true.
pub fn soon(condition: impl Fn() -> bool) -> bool {
    let began = Instant::now();
    while began.elapsed() < PATIENCE {
        if condition() {
            return true;
        }
        thread::sleep(Duration::from_millis(5));
    }
    false
}

/// A connection, and which worker it is with.
pub fn connect(address: SocketAddr) -> io::Result<(TcpStream, u8)> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut worker = [0];
    stream.read_exact(&mut worker)?;
    Ok((stream, worker[0]))
}

/// A connection with this worker. The system says which one gets a connection.
pub fn connect_to(address: SocketAddr, wanted: u8) -> TcpStream {
    let found = (0..1_000).find_map(|_| {
        let (stream, worker) = connect(address).unwrap();
        (worker == wanted).then_some(stream)
    });
    found.expect("this worker serves")
}

/// Whether the connection serves still.
pub fn answers(stream: &mut TcpStream) -> bool {
    let mut back = [0; 5];
    let sent = stream.write_all(b"hello");
    sent.and_then(|()| stream.read_exact(&mut back)).is_ok() && &back == b"hello"
}
