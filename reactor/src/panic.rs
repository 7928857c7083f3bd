use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Runs a callback. Its panic ends here, as the message that it carried: rule 7, for code that
/// calls what others wrote.
///
/// What the callback left half done belongs to whoever owns it: a connection is aborted at once, so
/// nobody looks at it again.
pub fn catch_panic<R>(callback: impl FnOnce() -> R) -> Result<R, Arc<str>> {
    catch_unwind(AssertUnwindSafe(callback)).map_err(|payload| message(&*payload))
}

/// Runs a callback that belongs to no connection. Its panic is logged, and the loop goes on.
pub(crate) fn log_panic(what: &str, callback: impl FnOnce()) {
    if let Err(message) = catch_panic(callback) {
        log::error!("{what} panicked: {message}");
    }
}

#[cold]
fn message(payload: &(dyn Any + Send)) -> Arc<str> {
    if let Some(text) = payload.downcast_ref::<&str>() {
        Arc::from(*text)
    } else if let Some(text) = payload.downcast_ref::<String>() {
        Arc::from(text.as_str())
    } else {
        Arc::from("a panic without a message")
    }
}
