use std::fs;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime};

use retwist::tls::Identities;
use retwist::{Clock, error_chain};

/// Reads the certificates again when their files have changed. Connections that exist stay as they
/// are. If the new files are of no use, the log says so, and the certificates before them stay.
pub(crate) struct Reload {
    identities: Arc<Identities>,
    files: Vec<PathBuf>,
    /// When they had changed last. All workers share it: the first one that sees a change reads the
    /// files.
    changed: Mutex<Vec<Option<SystemTime>>>,
}

/// How often the files are looked at.
const INTERVAL: Duration = Duration::from_secs(5);

impl Reload {
    pub(crate) fn new(identities: Arc<Identities>, files: Vec<PathBuf>) -> Arc<Self> {
        let changed = Mutex::new(times(&files));
        Arc::new(Reload {
            identities,
            files,
            changed,
        })
    }

    /// Looks at the files from now on.
    pub(crate) fn watch(self: Arc<Self>, clock: &Clock) {
        if self.files.is_empty() {
            return;
        }
        let (next, time) = (self.clone(), Rc::new(clock.clone()));
        clock.call_later(INTERVAL, move || {
            next.look();
            next.watch(&time);
        });
    }

    fn look(&self) {
        let now = times(&self.files);
        {
            let mut before = self.changed.lock().unwrap_or_else(PoisonError::into_inner);
            if *before == now {
                return;
            }
            *before = now;
        }
        match self.identities.reload() {
            Ok(()) => log::info!("the certificates have changed, and are read again"),
            Err(error) => log::error!(
                "the certificates have changed, and the old ones stay: {}",
                error_chain(&error)
            ),
        }
    }
}

fn times(files: &[PathBuf]) -> Vec<Option<SystemTime>> {
    let time = |file: &PathBuf| fs::metadata(file).and_then(|file| file.modified()).ok();
    files.iter().map(time).collect()
}
