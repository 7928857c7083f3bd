use std::cell::RefCell;
use std::process::{ExitCode, Termination};
use std::rc::Rc;

use retwist_reactor::{Reactor, ReactorHandle, error_chain};

use crate::{Executor, Failure, IntoBoxedError, Outcome, Spawner, TaskOutput};

/// Runs a reactor until `main` has finished, and makes an exit code for `fn main` to return.
///
/// `main` returns a future, for example a [`Deferred`](crate::Deferred). Its value is nothing, for
/// success, or an [`ExitCode`]. A failure is printed on standard error with all its causes, and the
/// code is 1. If the reactor is stopped before (by SIGTERM or Ctrl-C), the future is dropped and the
/// code is 0, because that is how a server ends.
///
/// ```
/// # mod retwist { pub use retwist_reactor::*; pub use retwist_deferred as deferred; }
/// use retwist::deferred::{react, sleep};
/// use std::process::ExitCode;
/// use std::time::Duration;
///
/// fn main() -> ExitCode {
///     react(|reactor, _spawner| async move {
///         sleep(reactor.clock(), Duration::from_millis(5)).await;
///         Ok::<_, std::io::Error>(())
///     })
/// }
/// ```
pub fn react<M, F>(main: M) -> ExitCode
where
    M: FnOnce(ReactorHandle, Spawner) -> F + 'static,
    F: Future<Output: TaskOutput<Value: Termination>> + 'static,
{
    match run(main) {
        Ok(Some(Ok(value))) => value.report(),
        // Stopped before it had finished.
        Ok(None | Some(Err(Failure::ReactorEnded))) => ExitCode::SUCCESS,
        Ok(Some(Err(failure))) => fail(failure),
        Err(error) => fail(Failure::Error(error)),
    }
}

type Ended<O> = Outcome<<O as TaskOutput>::Value, <O as TaskOutput>::Error>;

fn run<M, F>(main: M) -> Result<Option<Ended<F::Output>>, retwist_reactor::RunError>
where
    M: FnOnce(ReactorHandle, Spawner) -> F + 'static,
    F: Future<Output: TaskOutput> + 'static,
{
    let reactor = Reactor::new()?;
    let executor = Executor::new(&reactor);
    let (handle, spawner) = (reactor.handle(), executor.spawner());
    // Called inside the task, so that a panic before the first await ends it too.
    let task = executor.spawn(async move { main(handle, spawner).await });
    let ended = Rc::new(RefCell::new(None));
    let (place, handle) = (ended.clone(), reactor.handle());
    task.done(move |outcome| {
        *place.borrow_mut() = Some(outcome);
        // An error means that the reactor has been stopped already.
        handle.stop();
    });
    reactor.run()?;
    Ok(ended.take())
}

fn fail<E: IntoBoxedError>(failure: Failure<E>) -> ExitCode {
    eprintln!("{}", error_chain(&*failure.into_error()));
    ExitCode::FAILURE
}
