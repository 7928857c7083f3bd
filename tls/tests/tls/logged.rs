//! What the crate says in the log, to the thread of the test.

use std::cell::RefCell;
use std::sync::Once;

struct Log;

thread_local! {
    static LOGGED: RefCell<Vec<String>> = const { RefCell::new(Vec::new()) };
}

impl log::Log for Log {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        if record.target().starts_with("retwist_tls") {
            LOGGED.with_borrow_mut(|logged| {
                logged.push(format!("{} {}", record.level(), record.args()));
            });
        }
    }

    fn flush(&self) {}
}

/// The log since the last time.
pub(crate) fn logged() -> Vec<String> {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        log::set_logger(&Log).unwrap();
        log::set_max_level(log::LevelFilter::Info);
    });
    LOGGED.take()
}
