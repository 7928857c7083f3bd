//! What is undone before a signal ends the process: a terminal in raw mode would stay so.
//!
//! What is evil here: a handler may do next to nothing, and without `unsafe` nothing at all but note
//! that it was called. So a thread waits for the signals, undoes, and ends the process as the signal
//! would have. It is started the first time that there is something to undo, and sleeps. A signal that
//! comes just before the last thing is undone is seen by that thread, or by the code that says
//! so: by one of them, once.
//!
//! ```text
//! something listens for the signal      it hears of it, and what it holds undoes itself
//! it would have ended the process       this undoes, and then ends the process
//! the process has a handler             the handler alone
//! the process ignores it                ignored
//! ```

use std::collections::BTreeSet;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};

use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::iterator::{Handle, Signals};
use signal_hook::low_level::emulate_default_handler;

use super::system::{begin_cleanup, end_cleanup, take_fatal};

/// The signals that end a process, and come from outside of it.
const FATAL: [i32; 4] = [SIGINT, SIGTERM, SIGHUP, SIGQUIT];

static STATE: Mutex<State> = Mutex::new(State {
    reasons: 0,
    watch: None,
    watched: BTreeSet::new(),
});

struct State {
    /// How many things have to be undone.
    reasons: usize,
    watch: Option<Handle>,
    watched: BTreeSet<i32>,
}

fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// As long as this lives, `undo` is called before a signal ends the process.
pub(crate) struct Cleanup {
    undo: fn(),
}

impl Cleanup {
    /// `undo` is the same function in every call.
    pub(crate) fn new(undo: fn()) -> io::Result<Self> {
        let mut state = state();
        let fatal = begin_cleanup(&FATAL)?;
        let watched = state.watch(&fatal, undo);
        if let Err(error) = watched {
            if state.reasons == 0 {
                end_cleanup();
            }
            return Err(error);
        }
        state.reasons += 1;
        Ok(Cleanup { undo })
    }
}

impl Drop for Cleanup {
    fn drop(&mut self) {
        let mut state = state();
        state.reasons -= 1;
        if state.reasons == 0
            && let Some(signal) = end_cleanup()
        {
            (self.undo)();
            let _ = emulate_default_handler(signal);
        }
    }
}

impl State {
    fn watch(&mut self, fatal: &[i32], undo: fn()) -> io::Result<()> {
        let handle = match &self.watch {
            Some(handle) => handle,
            None => self.watch.insert(start(undo)?),
        };
        for signal in fatal {
            if !self.watched.contains(signal) {
                handle.add_signal(*signal)?;
                self.watched.insert(*signal);
            }
        }
        Ok(())
    }
}

/// Starts the thread.
fn start(undo: fn()) -> io::Result<Handle> {
    let mut signals = Signals::new([0i32; 0])?;
    let handle = signals.handle();
    let wait = move || {
        for signal in signals.forever() {
            if take_fatal(signal) {
                undo();
                let _ = emulate_default_handler(signal);
            }
        }
    };
    std::thread::Builder::new()
        .name("signals".to_owned())
        .spawn(wait)?;
    Ok(handle)
}
