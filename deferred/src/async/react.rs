use std::cell::RefCell;
use std::process::{ExitCode, Termination};
use std::rc::Rc;

use retwist_reactor::{Reactor, ReactorHandle, error_chain};

use crate::{Executor, Failure, IntoBoxedError, Outcome, Spawner, TaskOutput};

/// Runs a reactor for as long as `main` takes, and makes an exit code of what comes of it: what `fn
/// main` returns.
///
/// `main` returns a future, or a [`Deferred`](crate::Deferred), which is one. Its value may be an
/// [`ExitCode`], or nothing, for success; its failure is printed on standard error, with all its
/// causes, and the code is 1. If the reactor is stopped before (SIGTERM and Ctrl-C do), the future
/// is dropped, and that is a success: to be stopped is how a server ends.
///
/// ```
/// use retwist_deferred::{react, sleep};
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
        Ok(None | Some(Err(Failure::BrokenPromise))) => ExitCode::SUCCESS,
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
    // From inside the task, so that a panic before the first await ends it too.
    let task = executor.spawn(async move { main(handle, spawner).await });
    let ended = Rc::new(RefCell::new(None));
    let (place, handle) = (ended.clone(), reactor.handle());
    task.done(move |outcome| {
        *place.borrow_mut() = Some(outcome);
        // Not running, it has been stopped.
        let _ = handle.stop();
    });
    reactor.run()?;
    Ok(ended.take())
}

fn fail<E: IntoBoxedError>(failure: Failure<E>) -> ExitCode {
    eprintln!("{}", error_chain(&*failure.into_error()));
    ExitCode::FAILURE
}
