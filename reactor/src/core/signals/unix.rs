use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mio::{Interest, Registry, Token};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook_mio::v1_0::Signals as Source;

use crate::Remote;

/// SIGINT and SIGTERM as events of the loop, for as long as this lives.
///
/// What is evil here is that the reactor is a guest in the process. A signal that the process ignores
/// stays ignored: a shell has a program that a script starts with `&` ignore SIGINT, and Ctrl-C is
/// not meant for it. A handler that was there before runs as well (signal-hook calls it first). And
/// when no reactor listens any more, the signal does what it did before:
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
    source: Source,
}

const STOP: [i32; 2] = [SIGINT, SIGTERM];

static PROCESS: Mutex<Process> = Mutex::new(Process {
    listening: 0,
    has_cleanup: false,
    idle: None,
    touched: [false; STOP.len()],
});

/// What all reactors of this process share.
struct Process {
    /// How many of them listen now.
    listening: usize,
    /// Whether something has to be undone before a signal ends the process: see [`super::cleanup`].
    has_cleanup: bool,
    /// Whether none does, for the handlers that emulate the default.
    idle: Option<Arc<AtomicBool>>,
    /// The signals that some reactor has listened to before: the handler that is there is ours.
    touched: [bool; STOP.len()],
}

impl Process {
    fn get() -> MutexGuard<'static, Process> {
        PROCESS.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Handlers may come to these signals, and in an idle moment the default is still done. Returns the
    /// signals that the process does not ignore.
    fn keep_default(&mut self) -> io::Result<Vec<i32>> {
        let idle = self.idle.get_or_insert_default().clone();
        let mut listened = Vec::new();
        for (signal, touched) in STOP.into_iter().zip(&mut self.touched) {
            let before = Disposition::of(signal);
            if before == Disposition::Ignored {
                continue;
            }
            if !*touched && before == Disposition::Default {
                signal_hook::flag::register_conditional_default(signal, idle.clone())?;
            }
            *touched = true;
            listened.push(signal);
        }
        Ok(listened)
    }

    /// Another reactor listens. Returns the signals that the process does not ignore.
    fn begin(&mut self) -> io::Result<Vec<i32>> {
        let listened = self.keep_default()?;
        self.listening += 1;
        self.note_idle();
        Ok(listened)
    }

    fn end(&mut self) {
        self.listening -= 1;
        self.note_idle();
    }

    fn note_idle(&self) {
        if let Some(idle) = &self.idle {
            idle.store(self.listening == 0 && !self.has_cleanup, Ordering::SeqCst);
        }
    }
}

/// In an idle moment, the signals that stop a reactor do what they do by default, also if a handler comes
/// to them that has no reactor.
pub(super) fn keep_default() -> io::Result<()> {
    Process::get().keep_default().map(drop)
}

/// Says whether something has to be undone before a signal ends the process: then the handlers do
/// not emulate the default, and [`super::cleanup`] does.
pub(super) fn set_cleanup(has_cleanup: bool) {
    let mut process = Process::get();
    process.has_cleanup = has_cleanup;
    process.note_idle();
}

/// Whether a reactor takes this signal as the wish to stop.
pub(super) fn stops_a_reactor(signal: i32) -> bool {
    STOP.contains(&signal) && Process::get().listening > 0
}

impl Signals {
    pub(crate) fn listen(registry: &Registry, token: Token, _: &Remote) -> io::Result<Self> {
        let signals = Process::get().begin()?;
        let source = Source::new(signals).and_then(|mut source| {
            registry.register(&mut source, token, Interest::READABLE)?;
            Ok(source)
        });
        match source {
            Ok(source) => Ok(Signals { source }),
            Err(error) => {
                Process::get().end();
                Err(error)
            }
        }
    }

    /// How many signals have come since the last time.
    pub(crate) fn count(&mut self) -> usize {
        self.source.pending().count()
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        Process::get().end();
    }
}

/// What the process does with a signal.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Disposition {
    Default,
    Handled,
    Ignored,
}

impl Disposition {
    /// Asks the system. Where it does not tell (it is `/proc` that tells, on Linux alone), the answer
    /// is the default.
    pub(super) fn of(signal: i32) -> Self {
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
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
