//! What `fn main` returns.

use std::future::pending;
use std::io;
use std::process::ExitCode;

use retwist_deferred::{Deferred, Failure, react};

fn is(code: ExitCode, expected: ExitCode) {
    assert_eq!(format!("{code:?}"), format!("{expected:?}"));
}

#[test]
fn outcomes_are_exit_codes() {
    is(react(|_, _| async {}), ExitCode::SUCCESS);
    is(
        react(|_, _| async { Ok::<_, io::Error>(ExitCode::from(7)) }),
        ExitCode::from(7),
    );
    is(
        react(|_, _| async { Err::<(), _>(io::Error::other("no")) }),
        ExitCode::FAILURE,
    );
    is(
        react(|_, _| Deferred::<(), io::Error>::succeed(())),
        ExitCode::SUCCESS,
    );
    is(
        react(|_, _| Deferred::<(), io::Error>::from_outcome(Err(Failure::BrokenPromise))),
        ExitCode::FAILURE,
    );
    let panics = |why: &'static str| async move {
        if !why.is_empty() {
            panic!("{why}")
        }
    };
    is(react(move |_, _| panics("oops")), ExitCode::FAILURE);
}

#[test]
fn a_main_that_is_stopped_has_succeeded() {
    let stopped = react(|reactor, _| async move {
        reactor.stop();
        pending::<()>().await;
        Ok::<_, retwist_reactor::RunError>(())
    });
    is(stopped, ExitCode::SUCCESS);
}
