use std::cell::{Cell, RefCell};
use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind, Read};
use std::rc::Rc;

use retwist_reactor::{Producer, ProducerKind, ProducerRegistered, TransportRef};

/// Sends all of a file, or of anything else that can be read without waiting, as fast as the peer
/// takes it.
///
/// It is a pull producer: a piece of 16 KiB is read each time that the transport has sent the one
/// before, so that a file of any size takes no memory. While it runs,
/// [`lose_connection`](retwist_reactor::Transport::lose_connection) waits for it.
///
/// ```
/// use retwist_protocols::FileSender;
/// use retwist_reactor::{Protocol, TransportRef};
///
/// struct Motd;
///
/// impl Protocol for Motd {
///     fn connection_made(&mut self, transport: &TransportRef) {
///         let file = std::io::Cursor::new("be excellent to each other\n");
///         let sent = FileSender::new(file, |outcome| match outcome {
///             Ok(bytes) => println!("{bytes} bytes handed over"),
///             Err(error) => eprintln!("{error}"),
///         });
///         if sent.begin(transport).is_ok() {
///             transport.lose_connection();
///         }
///     }
///
///     fn data_received(&mut self, _: &TransportRef, _: &[u8]) {}
/// }
/// ```
#[doc(alias = "beginFileTransfer")]
pub struct FileSender {
    file: Box<dyn Read>,
    done: Box<dyn FnOnce(Result<u64, FileSendError>)>,
}

/// How much is read for one request of the transport, in bytes.
#[doc(alias = "CHUNK_SIZE")]
const PIECE: usize = 16 * 1024;

impl FileSender {
    /// Will send `file`, from where it stands to its end. `done` is then told, once and from a turn
    /// of the transport: how many bytes there were, when the last of them has been handed over to
    /// the transport (it may not have left yet); or why it came to nothing.
    pub fn new(
        file: impl Read + 'static,
        done: impl FnOnce(Result<u64, FileSendError>) + 'static,
    ) -> Self {
        FileSender {
            file: Box::new(file),
            done: Box::new(done),
        }
    }

    /// Begins, on a transport that has no producer. With one, nothing happens, and `done` is not
    /// called.
    pub fn begin(self, transport: &TransportRef) -> Result<(), ProducerRegistered> {
        let sending = Rc::new(Sending {
            transport: transport.clone(),
            sender: RefCell::new(Some(self)),
            sent: Cell::new(0),
        });
        transport.register_producer(sending, ProducerKind::Pull)
    }
}

impl fmt::Debug for FileSender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileSender").finish_non_exhaustive()
    }
}

struct Sending {
    transport: TransportRef,
    sender: RefCell<Option<FileSender>>,
    sent: Cell<u64>,
}

impl Sending {
    /// The next piece; empty at the end.
    fn read(&self) -> io::Result<Vec<u8>> {
        let mut sender = self.sender.borrow_mut();
        let Some(sender) = sender.as_mut() else {
            return Ok(Vec::new());
        };
        let mut piece = vec![0; PIECE];
        loop {
            match sender.file.read(&mut piece) {
                Ok(read) => {
                    piece.truncate(read);
                    return Ok(piece);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn finish(&self, outcome: Result<u64, FileSendError>) {
        let sender = self.sender.borrow_mut().take();
        if let Some(sender) = sender {
            (sender.done)(outcome);
        }
    }
}

impl Producer for Sending {
    fn resume_producing(&self) {
        match self.read() {
            Ok(piece) if piece.is_empty() => {
                self.transport.unregister_producer();
                self.finish(Ok(self.sent.get()));
            }
            Ok(piece) => {
                self.sent.set(self.sent.get() + piece.len() as u64);
                self.transport.write(&piece);
            }
            Err(error) => {
                self.transport.unregister_producer();
                self.finish(Err(FileSendError::Read(error)));
            }
        }
    }

    fn pause_producing(&self) {}

    fn stop_producing(&self) {
        self.finish(Err(FileSendError::Stopped {
            sent: self.sent.get(),
        }));
    }
}

/// A [`FileSender`] did not send all of its file.
#[derive(Debug)]
#[non_exhaustive]
pub enum FileSendError {
    /// The file could not be read. What was read before has been sent.
    Read(io::Error),
    /// The connection ended first.
    Stopped {
        /// How many bytes had been handed over by then.
        sent: u64,
    },
}

impl fmt::Display for FileSendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FileSendError::Read(_) => f.write_str("the file that is being sent could not be read"),
            FileSendError::Stopped { sent } => write!(
                f,
                "the connection ended when {sent} bytes of the file had been handed over"
            ),
        }
    }
}

impl Error for FileSendError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            FileSendError::Read(error) => Some(error),
            FileSendError::Stopped { .. } => None,
        }
    }
}
