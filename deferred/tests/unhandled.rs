//! A failure without a handler is in the log, whole, once. This test is alone in its program,
//! because the log is one for all.

use std::fmt;
use std::sync::Mutex;

use retwist_deferred::Deferred;

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

struct Collect;

impl log::Log for Collect {
    fn enabled(&self, _: &log::Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &log::Record<'_>) {
        LINES
            .lock()
            .unwrap()
            .push(format!("{}: {}", record.level(), record.args()));
    }

    fn flush(&self) {}
}

#[derive(Debug)]
struct Outer(std::num::ParseIntError);

impl fmt::Display for Outer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no number")
    }
}

impl std::error::Error for Outer {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

#[test]
fn unhandled_failures_are_logged() {
    log::set_logger(&Collect).unwrap();
    log::set_max_level(log::LevelFilter::Trace);
    let logged = || std::mem::take(&mut *LINES.lock().unwrap());
    let error = || Outer("x".parse::<u8>().unwrap_err());

    drop(Deferred::<(), Outer>::fail(error()));
    assert_eq!(
        logged(),
        ["ERROR: unhandled: no number: invalid digit found in string"]
    );

    let (promise, deferred) = Deferred::<(), Outer>::new();
    drop(deferred.map(|()| ()));
    promise.errback(error());
    drop(promise);
    assert_eq!(logged().len(), 1);

    let (promise, deferred) = Deferred::<(), Outer>::new();
    drop(deferred.add_errback(|_| Ok::<(), retwist_deferred::Failure<Outer>>(())));
    promise.errback(error());
    drop(promise);
    assert!(logged().is_empty(), "it was handled");

    let (promise, deferred) = Deferred::<(), Outer>::new();
    deferred.cancel();
    drop(deferred);
    drop(promise);
    assert!(logged().is_empty(), "the caller that cancels knows");

    drop(Deferred::<(), Outer>::succeed(()).map(|()| panic!("oops")));
    assert!(logged()[0].ends_with("panicked: oops"));
}
