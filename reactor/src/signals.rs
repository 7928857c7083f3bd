use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use mio::{Interest, Registry, Token};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook_mio::v1_0::Signals as Source;

/// SIGINT and SIGTERM as events of the loop, for as long as this lives.
pub(crate) struct Signals {
    source: Source,
}

const STOP: [i32; 2] = [SIGINT, SIGTERM];

/// How many reactors of this process listen to signals now.
static LISTENING: AtomicUsize = AtomicUsize::new(0);

/// True while none listens. The system forgets its default reaction once a signal has had a
/// handler; with this flag, the handler that is left behind does what the default did.
static IDLE: Mutex<Option<Arc<AtomicBool>>> = Mutex::new(None);

impl Signals {
    pub(crate) fn listen(registry: &Registry, token: Token) -> io::Result<Self> {
        idle_flag()?.store(false, Ordering::SeqCst);
        let mut source = Source::new(STOP)?;
        registry.register(&mut source, token, Interest::READABLE)?;
        LISTENING.fetch_add(1, Ordering::SeqCst);
        Ok(Signals { source })
    }

    /// How many signals have come since the last time.
    pub(crate) fn count(&mut self) -> usize {
        self.source.pending().count()
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        if LISTENING.fetch_sub(1, Ordering::SeqCst) == 1
            && let Ok(idle) = idle_flag()
        {
            idle.store(true, Ordering::SeqCst);
        }
    }
}

fn idle_flag() -> io::Result<Arc<AtomicBool>> {
    let mut idle = IDLE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    if let Some(flag) = &*idle {
        return Ok(flag.clone());
    }
    let flag = Arc::new(AtomicBool::new(false));
    for signal in STOP {
        signal_hook::flag::register_conditional_default(signal, flag.clone())?;
    }
    *idle = Some(flag.clone());
    Ok(flag)
}
