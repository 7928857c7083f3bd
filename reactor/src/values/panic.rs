use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Runs code of an application. A panic ends here, as the message that it carried: rule 7, for code
/// that calls what others wrote.
///
/// What the code left half done belongs to its caller: a connection is aborted at once, so that
/// nothing looks at it again.
pub fn catch_panic<R>(callback: impl FnOnce() -> R) -> Result<R, Arc<str>> {
    catch_unwind(AssertUnwindSafe(callback)).map_err(message)
}

/// Runs a callback that belongs to no connection. A panic is logged, and the loop goes on.
pub(crate) fn log_panic(what: &str, callback: impl FnOnce()) {
    if let Err(message) = catch_panic(callback) {
        log::error!("{what} panicked: {message}");
    }
}

#[cold]
fn message(payload: Box<dyn Any + Send>) -> Arc<str> {
    let message = if let Some(text) = payload.downcast_ref::<&str>() {
        Arc::from(*text)
    } else if let Some(text) = payload.downcast_ref::<String>() {
        Arc::from(text.as_str())
    } else {
        Arc::from("a panic without a message")
    };
    // The payload is a value of the application, so its drop may panic too, and so may what that
    // panic carries.
    if let Err(another) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        std::mem::forget(another);
    }
    message
}
