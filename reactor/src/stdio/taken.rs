//! The descriptors 0 and 1, while they are a stream.
//!
//! What is evil here: other code of the process has these numbers too. If they were closed, the next
//! file that is opened would get one of them, and a `println!` somewhere would write into it. If they
//! stayed open, the peer would not see that the stream has ended: the reader of a pipe sees its end
//! when the last descriptor of the writer is closed. So the stream has descriptors of its own, and
//! when it lets go of one of them, the number is pointed at `/dev/null`. A terminal stays where it
//! is: it shows no end, and the program may have something to say there afterwards.

use std::any::Any;
use std::cell::Cell;
use std::fs::OpenOptions;
use std::io::{self, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::fs::{FileType, fstat};
use rustix::stdio::{dup2_stdin, dup2_stdout};

use super::options::NAME;
use crate::{DescriptorStream, OpenError};

/// Whether they are a stream now, of whichever reactor.
static TAKEN: AtomicBool = AtomicBool::new(false);

/// The right to them.
struct Right(());

impl Right {
    fn take() -> Result<Rc<Self>, OpenError> {
        if TAKEN.swap(true, Ordering::SeqCst) {
            return Err(OpenError::InUse);
        }
        Ok(Rc::new(Right(())))
    }
}

impl Drop for Right {
    fn drop(&mut self) {
        TAKEN.store(false, Ordering::SeqCst);
    }
}

/// Both descriptors, for a stream that is to be opened.
pub(super) struct Taken {
    pub(super) stream: DescriptorStream,
    is_open: Rc<Cell<bool>>,
}

impl Taken {
    /// The stream that is being opened owns them now. Without that call, all stays as it is.
    pub(super) fn opener(&self) -> impl FnOnce() + use<> {
        let is_open = self.is_open.clone();
        move || is_open.set(true)
    }
}

/// Takes both descriptors.
pub(super) fn take() -> Result<Taken, OpenError> {
    let right = Right::take()?;
    // What the program has printed comes before what the stream writes.
    let _ = io::stdout().flush();
    let (input, output) = (io::stdin(), io::stdout());
    let reading = input.as_fd().try_clone_to_owned()?;
    let writing = output.as_fd().try_clone_to_owned()?;
    let is_open = Rc::new(Cell::new(false));
    let guard = |descriptor: BorrowedFd<'_>, point| Guard {
        point,
        is_terminal: rustix::termios::isatty(descriptor),
        is_open: is_open.clone(),
        _right: right.clone(),
    };
    let guards: [Box<dyn Any>; 2] = [
        Box::new(guard(input.as_fd(), dup2_stdin)),
        Box::new(guard(output.as_fd(), dup2_stdout)),
    ];
    let stream = if is_one_socket(&reading, &writing) {
        DescriptorStream::new(reading)
    } else {
        DescriptorStream::pair(reading, writing)
    };
    Ok(Taken {
        stream: stream.name(NAME).shared(guards),
        is_open,
    })
}

/// As under inetd, where both are the connection.
fn is_one_socket(reading: &OwnedFd, writing: &OwnedFd) -> bool {
    let (Ok(reading), Ok(writing)) = (fstat(reading), fstat(writing)) else {
        return false;
    };
    FileType::from_raw_mode(reading.st_mode) == FileType::Socket
        && (reading.st_dev, reading.st_ino) == (writing.st_dev, writing.st_ino)
}

/// Points a number at `/dev/null` when the stream has let go of it.
struct Guard {
    point: fn(OwnedFd) -> rustix::io::Result<()>,
    is_terminal: bool,
    is_open: Rc<Cell<bool>>,
    _right: Rc<Right>,
}

impl Drop for Guard {
    fn drop(&mut self) {
        if self.is_terminal || !self.is_open.get() {
            return;
        }
        let null = OpenOptions::new().read(true).write(true).open("/dev/null");
        if let Err(error) = null.and_then(|null| Ok((self.point)(null.into())?)) {
            log::warn!("a descriptor of {NAME} stays open, since /dev/null cannot be: {error}");
        }
    }
}
