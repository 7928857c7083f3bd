use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::error::Error;
use std::fmt;
use std::mem;
use std::rc::Rc;

use retwist_reactor::error_chain;

use crate::{Canceller, Deferred, Failure, IntoBoxedError, Outcome, Promise};

/// All values, in the order of the Deferreds; at once if there are none.
///
/// The first failure is that of the whole: the others are cancelled, since nobody would hear what
/// comes of them. Cancelled, it cancels all.
///
/// ```
/// use retwist_deferred::{Deferred, gather_results};
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

/// What comes of each, in the order of the Deferreds; at once if there are none. It never fails;
/// cancelled, it cancels all, and that is then what came of them.
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

/// The first value, with the place of its Deferred; the others are cancelled then. If all fail, so
/// does the whole; at once if there are none. Cancelled, it cancels all.
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

/// Several Deferreds, until they make one outcome.
struct Group<V, T: 'static, E: IntoBoxedError> {
    places: RefCell<Vec<Option<V>>>,
    left: Cell<usize>,
    promise: Promise<T, E>,
    /// What becomes of it when each place is taken.
    full: fn(Vec<V>) -> Outcome<T, E>,
    members: Rc<[Canceller]>,
}

/// What an outcome, with its place, does to the whole.
type Take<V, O, T, E> = fn(&Group<V, T, E>, usize, O) -> Option<Outcome<T, E>>;

/// Hands each outcome to `take`, and ends with the first outcome of the whole that it returns.
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
        places: RefCell::new(deferreds.iter().map(|_| None).collect()),
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
        let mut places = self.places.borrow_mut();
        places[index] = Some(value);
        self.left.set(self.left.get() - 1);
        (self.left.get() == 0)
            .then(|| (self.full)(mem::take(&mut *places).into_iter().flatten().collect()))
    }

    fn end(&self, outcome: Outcome<T, E>) {
        if self.promise.fire(outcome) {
            self.members.iter().for_each(Canceller::cancel);
        }
    }
}

/// None of them has succeeded, each for its own reason.
#[derive(Debug)]
pub struct AllFailed<E>(
    /// In the order of the Deferreds.
    pub Vec<Failure<E>>,
);

impl<E: Error + 'static> fmt::Display for AllFailed<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("there was nothing to try");
        }
        f.write_str("all have failed")?;
        self.0
            .iter()
            .try_for_each(|failure| write!(f, "; {}", error_chain(failure)))
    }
}

impl<E: Error + 'static> Error for AllFailed<E> {}
