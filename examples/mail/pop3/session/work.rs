//! What takes more than a turn: the next command waits for it.

use std::convert::Infallible;

use mail_store::{Mailbox, StoreError};
use retwist::deferred::{Outcome, Value};
use retwist::error_chain;
use retwist::protocols::LineTransport;

use super::Session;

impl Session {
    /// Does something with the mailbox in a thread, and gives its outcome to `then`.
    pub(super) fn with_mailbox<T: Send + 'static>(
        &mut self,
        transport: &LineTransport,
        job: impl FnOnce(&mut Mailbox) -> Result<T, StoreError> + Send + 'static,
        then: impl FnOnce(&mut Self, &LineTransport, Result<T, StoreError>) + 'static,
    ) {
        let Some(mut mailbox) = self.open.as_mut().and_then(|open| open.mailbox.take()) else {
            // A job has panicked with it.
            return transport.abort_connection();
        };
        let job = move || {
            let outcome = job(&mut mailbox);
            Ok((mailbox, outcome))
        };
        self.in_thread(transport, job, |session, transport, done| match done {
            Ok((mailbox, outcome)) => {
                if let Some(open) = &mut session.open {
                    open.mailbox = Some(mailbox);
                }
                then(session, transport, outcome);
            }
            Err(error) => then(session, transport, Err(error)),
        });
    }

    /// Does a job in a thread, and gives its outcome to `then`. The client waits.
    pub(super) fn in_thread<T: Send + 'static>(
        &mut self,
        transport: &LineTransport,
        job: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
        then: impl FnOnce(&mut Self, &LineTransport, Result<T, StoreError>) + 'static,
    ) {
        transport.pause_producing();
        let done = self.service.pool.defer_to_thread(move || Value(job()));
        done.done_in(
            transport.me(self),
            |session: &mut Self, transport, outcome| {
                // What is next may pause it again.
                transport.resume_producing();
                session.done(transport, outcome, then);
            },
        );
    }

    fn done<T>(
        &mut self,
        transport: &LineTransport,
        outcome: Outcome<Result<T, StoreError>, Infallible>,
        then: impl FnOnce(&mut Self, &LineTransport, Result<T, StoreError>),
    ) {
        match outcome {
            Ok(outcome) => {
                if let Err(error) = &outcome {
                    log::error!("{}: {}", transport.peer(), error_chain(error));
                }
                then(self, transport, outcome);
            }
            Err(failure) => {
                log::error!("{}: {failure}", transport.peer());
                transport.abort_connection();
            }
        }
    }
}
