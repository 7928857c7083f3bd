use crate::{Deferred, Failure, IntoBoxedError};

impl<T: 'static, E: IntoBoxedError> Deferred<T, E> {
    /// Asks for something that is told to a closure, and promises it: for every interface that takes a
    /// closure for the outcome.
    ///
    /// Fails with [`Failure::BrokenPromise`] if the closure is dropped and never called. If the Deferred is
    /// cancelled, it fails with [`Failure::Cancelled`]; the work goes on, and its outcome is dropped.
    ///
    /// ```
    /// # mod retwist { pub use retwist_reactor::*; pub use retwist_deferred as deferred; }
    /// use retwist::deferred::Deferred;
    /// use std::num::ParseIntError;
    ///
    /// fn parse(text: &str, done: impl FnOnce(Result<u8, ParseIntError>) + 'static) {
    ///     done(text.parse());
    /// }
    ///
    /// let mut number = Deferred::from_callback(|done| parse("7", done)).map(|number| number + 1);
    /// assert_eq!(number.take(), Some(Ok(8)));
    /// ```
    pub fn from_callback(ask: impl FnOnce(Box<dyn FnOnce(Result<T, E>)>)) -> Self {
        let (promise, deferred) = Deferred::new();
        ask(Box::new(move |outcome: Result<T, E>| {
            promise.fire(outcome.map_err(Failure::Error));
        }));
        deferred
    }
}
