use std::cell::Cell;
use std::rc::Rc;
use std::sync::mpsc;

use retwist_reactor::{Phase, ReactorHandle, Remote, SystemEvent};

use crate::{Failure, IntoDeferred, Outcome, maybe_deferred};

/// Calls `call` in the reactor's thread, and blocks the calling thread until the result is there: the
/// outcome of the Deferred, if it is one.
///
/// A panic in `call` is [`Failure::Panicked`]. If the reactor ends first, this fails with
/// [`Failure::ReactorEnded`]. In the reactor's own thread this would
/// wait without end; await the Deferred there.
///
/// ```
/// # mod retwist { pub use retwist_reactor::*; pub use retwist_deferred as deferred; }
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use retwist::deferred::{Value, defer_later, wait_from_thread};
/// use retwist::Reactor;
/// use std::time::Duration;
///
/// let reactor = Reactor::new()?;
/// let remote = reactor.remote();
/// let thread = std::thread::spawn(move || {
///     let answer = wait_from_thread(&remote, |reactor| {
///         defer_later(reactor.clock(), Duration::from_millis(1), || Value(42))
///     });
///     remote.call_from_thread(|reactor| reactor.stop()).unwrap();
///     answer
/// });
/// reactor.run()?;
/// assert_eq!(thread.join().unwrap(), Ok(42));
/// # Ok(()) }
/// ```
#[doc(alias = "blockingCallFromThread")]
pub fn wait_from_thread<R>(
    remote: &Remote,
    call: impl FnOnce(&ReactorHandle) -> R + Send + 'static,
) -> Outcome<R::Value, R::Error>
where
    R: IntoDeferred<Value: Send, Error: Send>,
{
    let (sender, receiver) = mpsc::channel();
    let called = remote.call_from_thread(move |reactor| {
        let sender = Rc::new(Cell::new(Some(sender)));
        // Without this, a promise that outlives the reactor would keep the thread waiting.
        let at_end = sender.clone();
        let trigger =
            reactor.add_system_event_trigger(Phase::After, SystemEvent::Shutdown, move |_| {
                at_end.take();
            });
        let reactor_again = reactor.clone();
        maybe_deferred(|| call(reactor)).done(move |outcome| {
            if let Some(sender) = sender.take() {
                // The calling thread waits for this, so the receiver is there.
                let _ = sender.send(outcome);
            }
            trigger.map(|trigger| reactor_again.remove_system_event_trigger(trigger));
        });
    });
    match called.map(|()| receiver.recv()) {
        Ok(Ok(outcome)) => outcome,
        // The reactor has refused the call, or has dropped it or its sender.
        _ => Err(Failure::ReactorEnded),
    }
}
