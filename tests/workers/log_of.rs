//! A logger that keeps what each thread has logged, and that panics when it is to.

use std::collections::HashMap;
use std::sync::{Mutex, Once, OnceLock};
use std::thread::{self, ThreadId};

use log::{LevelFilter, Log, Metadata, Record};

/// What a line has in it that the logger is to panic about: so a panic escapes the loop, as one in the
/// logger of an application would.
pub const POISON: &str = "poisons the logger";

struct Logger;

type Lines = HashMap<ThreadId, Vec<String>>;

fn lines() -> &'static Mutex<Lines> {
    static LINES: OnceLock<Mutex<Lines>> = OnceLock::new();
    LINES.get_or_init(Mutex::default)
}

impl Log for Logger {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        let line = record.args().to_string();
        // The supervisor tells of it later, in a thread that is to live.
        let is_worker = thread::current()
            .name()
            .is_some_and(|name| name.contains("worker-"));
        assert!(!(is_worker && line.contains(POISON)), "{line}");
        let id = thread::current().id();
        lines().lock().unwrap().entry(id).or_default().push(line);
    }

    fn flush(&self) {}
}

pub fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        log::set_logger(&Logger).unwrap();
        log::set_max_level(LevelFilter::Info);
    });
}

/// What this thread has logged so far.
pub fn logged_by(thread: ThreadId) -> Vec<String> {
    let lines = lines().lock().unwrap();
    lines.get(&thread).cloned().unwrap_or_default()
}
