use std::cell::{Cell, RefCell};
use std::error::Error;
use std::fmt;
use std::io::{self, ErrorKind, Read};
use std::rc::Rc;

use retwist_reactor::{Producer, ProducerKind, ProducerRegistered, TransportRef};

/// Sends all of a file, or of anything else that can be read without waiting, as fast as the peer
/// takes it.
///
/// It is a pull producer: it reads a piece of 16 KiB each time that the transport has sent the
/// previous one, so a file of any size takes no memory. A close or half-close waits until the whole
/// file is sent.
///
/// Other writes are not held back. What was written before [`begin`](FileSender::begin) comes before
/// the file. What is written while the file is being sent lands between two of its pieces. What is to
/// follow the file is written when `done` is called:
///
/// ```
/// # mod retwist { pub use retwist_reactor::*; pub use retwist_protocols as protocols; }
/// use std::io::Cursor;
/// use retwist::protocols::{FileSendError, FileSender};
/// use retwist::testing::Pair;
/// use retwist::{Protocol, TransportRef};
///
/// struct Download;
///
/// impl Download {
///     fn sent(&mut self, transport: &TransportRef, outcome: Result<u64, FileSendError>) {
///         match outcome {
///             Ok(bytes) => transport.write(format!(" ({bytes} bytes)").as_bytes()),
///             Err(error) => eprintln!("{error}"),
///         }
///         transport.lose_connection();
///     }
/// }
///
/// impl Protocol for Download {
///     fn connection_made(&mut self, transport: &TransportRef) {
///         transport.write(b"file: ");
///         let me = transport.me(self);
///         let sender = FileSender::new(Cursor::new("be excellent"), move |outcome| {
///             me.call(move |me, transport| me.sent(transport, outcome));
///         });
///         if let Err(error) = sender.begin(transport) {
///             eprintln!("{error}");
///         }
///     }
/// }
///
/// # use std::{cell::RefCell, rc::Rc};
/// # struct Client(Rc<RefCell<Vec<u8>>>);
/// # impl Protocol for Client {
/// #     fn data_received(&mut self, _: &TransportRef, data: &[u8]) { self.0.borrow_mut().extend(data) }
/// # }
/// # let received = Rc::new(RefCell::new(Vec::new()));
/// # let pair = Pair::new(Client(received.clone()), Download);
/// # pair.run();
/// # assert_eq!(*received.borrow(), b"file: be excellent (12 bytes)");
/// ```
#[doc(alias = "beginFileTransfer")]
pub struct FileSender {
    file: Box<dyn Read>,
    done: Box<dyn FnOnce(Result<u64, FileSendError>)>,
}

/// How many bytes are read each time that the transport asks for more.
#[doc(alias = "CHUNK_SIZE")]
const PIECE: usize = 16 * 1024;

impl FileSender {
    /// Prepares to send `file`, from its present position to its end.
    ///
    /// A turn of the transport calls `done` once: with the number of bytes, when the last of them has
    /// been handed to the transport (it may not have left yet), or with the reason why not all of
    /// them were.
    pub fn new(
        file: impl Read + 'static,
        done: impl FnOnce(Result<u64, FileSendError>) + 'static,
    ) -> Self {
        FileSender {
            file: Box::new(file),
            done: Box::new(done),
        }
    }

    /// Begins to send. Fails if the transport has a producer already; then `done` is not called.
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
    /// Reads the next piece, which is empty at the end.
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

    fn has_finished(&self) -> Option<bool> {
        Some(self.sender.borrow().is_none())
    }

    fn stop_producing(&self) {
        self.finish(Err(FileSendError::Stopped {
            sent: self.sent.get(),
        }));
    }
}

/// A [`FileSender`] has not sent all of its file.
#[derive(Debug)]
#[non_exhaustive]
pub enum FileSendError {
    /// The file could not be read. The pieces that were read before have been sent.
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
