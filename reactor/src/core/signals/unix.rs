use std::fs;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mio::{Registry, Token};
use signal_hook::consts::{SIGINT, SIGTERM};

use super::source::SignalSource;
use crate::Remote;

/// SIGINT and SIGTERM as events of the loop, for as long as this lives.
///
/// What is evil here is that the reactor is a guest in the process. A signal that the process ignores
/// stays ignored: a shell has a program that a script starts with `&` ignore SIGINT, and Ctrl-C is
/// not meant for it. A handler that was there before runs as well (signal-hook calls it first). And
/// when no reactor listens, the signal does what it did before:
///
/// ```text
/// before      | while a reactor listens        | afterwards
/// ------------+--------------------------------+---------------------------------------
/// default     | stops the reactor              | ends the process: emulated, since the
///             |                                | handler cannot be taken out without `unsafe`
/// a handler   | the handler, and stops         | the handler
/// ignored     | ignored                        | ignored
/// ```
pub(crate) struct Signals {
    source: SignalSource,
}

const STOP: [i32; 2] = [SIGINT, SIGTERM];

impl Signals {
    pub(crate) fn listen(registry: &Registry, token: Token, _: &Remote) -> io::Result<Self> {
        let mut source = SignalSource::new(STOP, Ignored::Stay)?;
        source.register(registry, token)?;
        Ok(Signals { source })
    }

    /// How many signals have come since the last time.
    pub(crate) fn count(&mut self) -> usize {
        self.source.count()
    }
}

static PROCESS: Mutex<Process> = Mutex::new(Process {
    known: Vec::new(),
    cleans_up: false,
});

/// What all that listens for signals in this process shares.
struct Process {
    known: Vec<Known>,
    /// Whether something has to be undone before a signal ends the process: see [`super::cleanup`].
    cleans_up: bool,
}

/// A signal that something has listened for: a handler of ours is there.
struct Known {
    signal: i32,
    /// What the process did with it before.
    before: Disposition,
    listening: usize,
    /// Nothing listens and nothing has to be undone: the handler emulates the default.
    is_idle: Arc<AtomicBool>,
    /// The signal has come since something listened last.
    has_come: Arc<AtomicBool>,
}

/// What becomes of a signal that the process ignores.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Ignored {
    /// It stays ignored.
    Stay,
    /// Whatever listens hears it.
    AreHeard,
}

/// A signal is listened for as long as this lives.
pub(super) struct Listening {
    signal: i32,
}

impl Listening {
    /// `None` for a signal that is ignored and stays so.
    pub(super) fn to(signal: i32, ignored: Ignored) -> io::Result<Option<Self>> {
        let mut process = Process::get();
        // The process may ignore a signal later, too: then our handler has gone.
        if ignored == Ignored::Stay && Disposition::of(signal) == Disposition::Ignored {
            return Ok(None);
        }
        let known = process.know(signal)?;
        known.listening += 1;
        process.note_idle();
        Ok(Some(Listening { signal }))
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        let mut process = Process::get();
        if let Some(known) = process.find(self.signal) {
            known.listening -= 1;
            // It was for what listened.
            known.has_come.store(false, Ordering::SeqCst);
        }
        process.note_idle();
    }
}

impl Process {
    fn get() -> MutexGuard<'static, Process> {
        PROCESS.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&mut self, signal: i32) -> Option<&mut Known> {
        self.known.iter_mut().find(|known| known.signal == signal)
    }

    /// Sees to it that a handler may come to this signal, and the default is still done when nothing
    /// listens.
    fn know(&mut self, signal: i32) -> io::Result<&mut Known> {
        let index = match self.known.iter().position(|known| known.signal == signal) {
            Some(index) => index,
            None => {
                let known = Known::new(signal)?;
                self.known.push(known);
                self.known.len() - 1
            }
        };
        Ok(&mut self.known[index])
    }

    fn note_idle(&self) {
        for known in &self.known {
            let is_idle = known.listening == 0 && !self.cleans_up;
            known.is_idle.store(is_idle, Ordering::SeqCst);
        }
    }
}

impl Known {
    fn new(signal: i32) -> io::Result<Self> {
        let before = Disposition::of(signal);
        let is_idle = Arc::new(AtomicBool::new(false));
        let has_come = Arc::default();
        if before == Disposition::Default {
            signal_hook::flag::register_conditional_default(signal, Arc::clone(&is_idle))?;
        }
        signal_hook::flag::register(signal, Arc::clone(&has_come))?;
        Ok(Known {
            signal,
            before,
            listening: 0,
            is_idle,
            has_come,
        })
    }

    /// Whether it has come, would have ended the process, and nothing listened. True once.
    fn is_fatal(&self) -> bool {
        self.listening == 0
            && self.before == Disposition::Default
            && self.has_come.swap(false, Ordering::SeqCst)
    }
}

/// Says that something has to be undone before one of these signals ends the process: then the handlers
/// do not emulate the default, and [`super::cleanup`] does. Returns the signals that end it.
pub(super) fn begin_cleanup(signals: &[i32]) -> io::Result<Vec<i32>> {
    let mut process = Process::get();
    let mut fatal = Vec::new();
    for signal in signals {
        // A signal that the process ignores gets no handler.
        if Disposition::of(*signal) != Disposition::Ignored
            && process.know(*signal)?.before == Disposition::Default
        {
            fatal.push(*signal);
        }
    }
    process.cleans_up = true;
    process.note_idle();
    Ok(fatal)
}

/// Says that nothing is left to undo. Returns a signal that came before that, and would have
/// ended the process: nothing else will see it.
pub(super) fn end_cleanup() -> Option<i32> {
    let mut process = Process::get();
    process.cleans_up = false;
    // From here on, a signal that comes does what the default does.
    process.note_idle();
    let fatal = process.known.iter().find(|known| known.is_fatal());
    fatal.map(|known| known.signal)
}

/// Whether this signal, which has come, was to end the process. True once for each time that it came.
pub(super) fn take_fatal(signal: i32) -> bool {
    let mut process = Process::get();
    process.find(signal).is_some_and(|known| known.is_fatal())
}

/// What the process does with a signal.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Disposition {
    Default,
    Handled,
    Ignored,
}

impl Disposition {
    /// Asks the system. Where it does not tell (it is `/proc` that tells, on Linux alone), the answer
    /// is the default.
    fn of(signal: i32) -> Self {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        Disposition::in_status(&status, signal)
    }

    /// Reads the masks of proc_pid_status(5): in hexadecimal, with a bit for each signal from 1.
    fn in_status(status: &str, signal: i32) -> Self {
        let is_in = |name: &str| {
            let mask = status.lines().find_map(|line| line.strip_prefix(name));
            let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
            mask.is_some_and(|mask| mask >> (signal - 1) & 1 == 1)
        };
        if is_in("SigIgn:") {
            Disposition::Ignored
        } else if is_in("SigCgt:") {
            Disposition::Handled
        } else {
            Disposition::Default
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_masks_of_the_system_are_read() {
        let status = "Name:\tx\nSigIgn:\t0000000000000002\nSigCgt:\t0000000000004000\n";
        let of = |signal| Disposition::in_status(status, signal);
        assert!(of(SIGINT) == Disposition::Ignored);
        assert!(of(SIGTERM) == Disposition::Handled);
        assert!(of(1) == Disposition::Default);
        assert!(Disposition::in_status("", SIGINT) == Disposition::Default);
    }
}
