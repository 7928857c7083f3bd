use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::mem;
use std::rc::Rc;

use retwist_reactor::error_chain;

use crate::{Canceller, Deferred, Failure, IntoBoxedError, Outcome, Promise};

/// Waits for all values, in the order of the Deferreds. Fires at once if the list is empty.
///
/// The first failure fails the whole and cancels the others. Cancelling the whole cancels all.
///
/// ```
/// # mod retwist { pub use retwist_reactor::*; pub use retwist_deferred as deferred; }
/// use retwist::deferred::{Deferred, gather_results};
///
/// let (first, one) = Deferred::<u8, &str>::new();
/// let mut both = gather_results(vec![one, Deferred::succeed(2)]);
/// first.callback(1);
/// assert_eq!(both.take(), Some(Ok(vec![1, 2])));
/// ```
#[doc(alias = "gatherResults")]
pub fn gather_results<T: 'static, E: IntoBoxedError>(
    deferreds: Vec<Deferred<T, E>>,
) -> Deferred<Vec<T>, E> {
    gather(
        deferreds,
        |group, index, outcome| match outcome {
            Ok(value) => group.put(index, value),
            Err(failure) => Some(Err(failure)),
        },
        Ok,
    )
}

/// Waits for all outcomes, in the order of the Deferreds. Fires at once if the list is empty. It
/// never fails: cancelling it cancels all, and fires with their outcomes.
#[doc(alias = "DeferredList")]
pub fn deferred_list<T: 'static, E: IntoBoxedError>(
    deferreds: Vec<Deferred<T, E>>,
) -> Deferred<Vec<Outcome<T, E>>, Infallible> {
    gather(
        deferreds,
        |group, index, outcome| group.put(index, outcome),
        Ok,
    )
}

/// Waits for the first value, with the index of its Deferred, and cancels the others. Fails once all
/// have failed; at once if the list is empty. Cancelling the whole cancels all.
///
/// ```
/// # mod retwist { pub use retwist_reactor::*; pub use retwist_deferred as deferred; }
/// use retwist::deferred::{Deferred, race};
/// use std::io::Error;
///
/// let (slow, first) = Deferred::<&str, Error>::new();
/// let (fast, second) = Deferred::<&str, Error>::new();
/// let mut winner = race(vec![first, second]);
/// fast.callback("here");
/// assert_eq!(winner.take().unwrap().unwrap(), (1, "here"));
/// assert!(!slow.is_wanted()); // the loser is cancelled
/// ```
pub fn race<T: 'static, E: Error + 'static>(
    deferreds: Vec<Deferred<T, E>>,
) -> Deferred<(usize, T), AllFailed<E>> {
    let all_failed = |failures| Err(Failure::Error(AllFailed(failures)));
    gather(
        deferreds,
        move |group, index, outcome| match outcome {
            Ok(value) => Some(Ok((index, value))),
            Err(failure) => group.put(index, failure),
        },
        all_failed,
    )
}

/// Several Deferreds that make one outcome.
struct Group<V, T: 'static, E: IntoBoxedError> {
    slots: RefCell<Vec<Option<V>>>,
    left: Cell<usize>,
    promise: Promise<T, E>,
    /// Makes the outcome once each slot is full.
    full: fn(Vec<V>) -> Outcome<T, E>,
    members: Rc<[Canceller]>,
}

/// Stores an outcome under its index, or returns the outcome of the whole.
type Take<V, O, T, E> = fn(&Group<V, T, E>, usize, O) -> Option<Outcome<T, E>>;

/// Hands each outcome to `take`, until that returns the outcome of the whole.
fn gather<V: 'static, T: 'static, E: IntoBoxedError, U: 'static, F: IntoBoxedError>(
    deferreds: Vec<Deferred<T, E>>,
    take: Take<V, Outcome<T, E>, U, F>,
    full: fn(Vec<V>) -> Outcome<U, F>,
) -> Deferred<U, F> {
    let members: Rc<[Canceller]> = deferreds.iter().map(Deferred::canceller).collect();
    let (promise, whole) = Deferred::with_canceller({
        let members = members.clone();
        move |_| members.iter().for_each(Canceller::cancel)
    });
    let group = Rc::new(Group {
        slots: RefCell::new(deferreds.iter().map(|_| None).collect()),
        left: Cell::new(deferreds.len()),
        promise,
        full,
        members,
    });
    if deferreds.is_empty() {
        group.end(full(Vec::new()));
    }
    for (index, deferred) in deferreds.into_iter().enumerate() {
        let group = group.clone();
        deferred.done(move |outcome| {
            if let Some(outcome) = take(&group, index, outcome) {
                group.end(outcome);
            }
        });
    }
    whole
}

impl<V, T: 'static, E: IntoBoxedError> Group<V, T, E> {
    fn put(&self, index: usize, value: V) -> Option<Outcome<T, E>> {
        let mut slots = self.slots.borrow_mut();
        slots[index] = Some(value);
        self.left.set(self.left.get() - 1);
        (self.left.get() == 0)
            .then(|| (self.full)(mem::take(&mut *slots).into_iter().flatten().collect()))
    }

    fn end(&self, outcome: Outcome<T, E>) {
        if self.promise.fire(outcome) {
            self.members.iter().for_each(Canceller::cancel);
        }
    }
}

/// All Deferreds of a [`race`] have failed.
#[derive(Debug)]
pub struct AllFailed<E>(
    /// Their failures, in the order of the Deferreds.
    pub Vec<Failure<E>>,
);

impl<E: Error + 'static> fmt::Display for AllFailed<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("there is nothing to wait for: the list is empty");
        }
        f.write_str("all have failed")?;
        self.0
            .iter()
            .try_for_each(|failure| write!(f, "; {}", error_chain(failure)))
    }
}

impl<E: Error + 'static> Error for AllFailed<E> {}
