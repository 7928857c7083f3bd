use std::io;
use std::process;
use std::sync::{Mutex, MutexGuard, PoisonError};

use mio::{Registry, Token};

use crate::Remote;

/// Ctrl-C, Ctrl-Break and the end of the console, for as long as this lives.
///
/// What is evil here is that the system keeps no event of the poll ready: it calls a handler, in a
/// thread of its own, and the first handler of a process stays. So it is set once, and it tells
/// all reactors that listen then. When none does, it ends the process, as the system would. A program
/// that the system makes ignore Ctrl-C is not asked at all.
pub(crate) struct Signals {
    number: u64,
}

static PROCESS: Mutex<Process> = Mutex::new(Process {
    is_handled: false,
    next: 0,
    listening: Vec::new(),
});

/// What all reactors of this process share.
struct Process {
    is_handled: bool,
    next: u64,
    listening: Vec<(u64, Remote)>,
}

/// The exit status of a program that Ctrl-C has ended: `STATUS_CONTROL_C_EXIT`.
const ENDED_BY_CONTROL_C: i32 = 0xc000_013a_u32 as i32;

impl Process {
    fn get() -> MutexGuard<'static, Process> {
        // No code of the application runs under the lock.
        PROCESS.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The handler.
    fn tell() {
        let process = Process::get();
        if process.listening.is_empty() {
            process::exit(ENDED_BY_CONTROL_C);
        }
        for (_, remote) in &process.listening {
            // One that has ended meanwhile does not need it.
            let _ = remote.call_from_thread(|reactor| {
                if let Some(core) = reactor.core.upgrade() {
                    core.signalled();
                }
            });
        }
    }
}

impl Signals {
    pub(crate) fn listen(_: &Registry, _: Token, remote: &Remote) -> io::Result<Self> {
        let mut process = Process::get();
        if !process.is_handled {
            ctrlc::set_handler(Process::tell).map_err(io::Error::other)?;
            process.is_handled = true;
        }
        let number = process.next;
        process.next += 1;
        process.listening.push((number, remote.clone()));
        Ok(Signals { number })
    }

    /// The handler tells the reactor by itself.
    pub(crate) fn count(&mut self) -> usize {
        0
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        let mut process = Process::get();
        process
            .listening
            .retain(|(number, _)| *number != self.number);
    }
}
