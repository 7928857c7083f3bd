//! What is undone before a signal ends the process: a terminal in raw mode would stay so.
//!
//! What is evil here: a handler may do next to nothing, and without `unsafe` nothing at all but note
//! that it was called. So a thread waits for the signals, undoes, and ends the process as the signal
//! would have. It is started the first time that there is something to undo, and sleeps.
//!
//! ```text
//! a reactor listens for the signal      it ends in order, and what it holds undoes itself
//! it would have ended the process       this undoes, and then ends the process
//! the process has a handler             the handler alone
//! the process ignores it                ignored
//! ```

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

use super::system::{Disposition, keep_default, set_cleanup, stops_a_reactor};

/// The signals that end a process, and come from outside of it.
const FATAL: [i32; 4] = [SIGINT, SIGTERM, SIGHUP, SIGQUIT];
/// Those for which no reactor ever listens.
const OURS: [i32; 2] = [SIGHUP, SIGQUIT];

static STATE: Mutex<State> = Mutex::new(State {
    reasons: 0,
    watch: None,
});

struct State {
    /// How many things have to be undone.
    reasons: usize,
    watch: Option<Watch>,
}

struct Watch {
    /// Nothing has to be undone: the handlers of [`OURS`] emulate the default themselves.
    idle: Arc<AtomicBool>,
}

fn state() -> MutexGuard<'static, State> {
    STATE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// As long as this lives, `undo` is called before a signal ends the process, by another thread.
pub(crate) struct Cleanup(());

impl Cleanup {
    /// `undo` is the same function in every call.
    pub(crate) fn new(undo: fn()) -> io::Result<Self> {
        let mut state = state();
        let watch = match &state.watch {
            Some(watch) => watch,
            None => state.watch.insert(Watch::start(undo)?),
        };
        watch.idle.store(false, Ordering::SeqCst);
        state.reasons += 1;
        set_cleanup(true);
        Ok(Cleanup(()))
    }
}

impl Drop for Cleanup {
    fn drop(&mut self) {
        let mut state = state();
        state.reasons -= 1;
        if state.reasons == 0 {
            set_cleanup(false);
            if let Some(watch) = &state.watch {
                watch.idle.store(true, Ordering::SeqCst);
            }
        }
    }
}

impl Watch {
    fn start(undo: fn()) -> io::Result<Self> {
        let idle = Arc::new(AtomicBool::new(false));
        let of = |signal| (signal, Disposition::of(signal));
        let watched = FATAL.map(of).into_iter();
        // A reactor that has run before has left a handler, which does what the default does.
        let watched = watched.filter(|(signal, before)| {
            *before == Disposition::Default
                || *before == Disposition::Handled && !OURS.contains(signal)
        });
        let watched: Vec<i32> = watched.map(|(signal, _)| signal).collect();
        for signal in OURS.iter().filter(|signal| watched.contains(signal)) {
            signal_hook::flag::register_conditional_default(*signal, idle.clone())?;
        }
        keep_default()?;
        let mut signals = Signals::new(watched)?;
        let wait = move || {
            for signal in signals.forever() {
                // One of ours that comes in an idle moment does not get here. If there is nothing to undo any
                // more, it came before that was so: the end of a terminal brings SIGHUP and the end of input.
                // The others, in an idle moment, are not for this.
                if OURS.contains(&signal) || state().reasons > 0 && !stops_a_reactor(signal) {
                    undo();
                    let _ = emulate_default_handler(signal);
                }
            }
        };
        std::thread::Builder::new()
            .name("signals".to_owned())
            .spawn(wait)?;
        Ok(Watch { idle })
    }
}
