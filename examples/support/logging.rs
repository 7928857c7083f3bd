//! What is logged: as `RUST_LOG` says, or the file of `--log`, until the console says something else.

use std::path::{Path, PathBuf};
use std::sync::{OnceLock, PoisonError, RwLock};

use log::{LevelFilter, Log, Metadata, Record};

use super::Mistake;

/// A logger whose level changes while it logs.
struct Adjustable(RwLock<env_logger::Logger>);

static LOGGER: OnceLock<Adjustable> = OnceLock::new();

/// The file of `--log`.
static FILE: OnceLock<PathBuf> = OnceLock::new();

impl Log for Adjustable {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        let logger = self.0.read().unwrap_or_else(PoisonError::into_inner);
        logger.enabled(metadata)
    }

    fn log(&self, record: &Record<'_>) {
        let logger = self.0.read().unwrap_or_else(PoisonError::into_inner);
        logger.log(record);
    }

    fn flush(&self) {}
}

/// Begins to log, to standard error, as `RUST_LOG` says.
pub(crate) fn begin() {
    let level = env_logger::Env::default().default_filter_or("warn");
    let logger = env_logger::Builder::from_env(level).build();
    let level = logger.filter();
    let logger = LOGGER.get_or_init(|| Adjustable(RwLock::new(logger)));
    if log::set_logger(logger).is_ok() {
        log::set_max_level(level);
    }
}

/// Logs from now on as the file says, and reads it again when it is asked to.
pub(crate) fn begin_as_in(path: PathBuf) -> Result<(), Mistake> {
    change(read(&path)?);
    // The option may be given twice: the first file is read again.
    let _ = FILE.set(path);
    Ok(())
}

/// The file that is read again, if there is one.
pub(crate) fn file() -> Option<&'static Path> {
    FILE.get().map(PathBuf::as_path)
}

/// Reads the file again. If it cannot be used, what was logged is logged further.
pub(crate) fn read_again() -> Result<(), Mistake> {
    if let Some(path) = FILE.get() {
        change(read(path)?);
    }
    Ok(())
}

/// Logs this much from now on, whatever was said before.
pub(crate) fn set_level(level: LevelFilter) {
    let mut builder = env_logger::Builder::new();
    builder.filter_level(level);
    change(builder);
}

fn change(mut builder: env_logger::Builder) {
    if let Some(logger) = LOGGER.get() {
        let changed = builder.build();
        let level = changed.filter();
        *logger.0.write().unwrap_or_else(PoisonError::into_inner) = changed;
        log::set_max_level(level);
    }
}

/// A level, and levels of parts of the program: `warn,retwist_tls=debug`, or each on a line of its own.
fn read(path: &Path) -> Result<env_logger::Builder, Mistake> {
    let shown = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("the log level in {shown} cannot be read: {error}"))?;
    let mut builder = env_logger::Builder::new();
    for word in text.split([',', '\n']).map(str::trim) {
        if word.is_empty() {
            continue;
        }
        let (part, level) = match word.split_once('=') {
            Some((part, level)) => (Some(part.trim()), level.trim()),
            None => (None, word),
        };
        let level: LevelFilter = level.parse().map_err(|_| {
            let levels = "off, error, warn, info, debug and trace";
            format!("the log level in {shown} cannot be used: {level:?} is none of {levels}")
        })?;
        builder.filter(part, level);
    }
    Ok(builder)
}
