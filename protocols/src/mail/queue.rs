use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use super::MailError;

/// A request that waits for its turn.
pub(super) trait Job {
    /// The session has ended before the request was begun.
    fn fail(self, error: MailError);
}

/// What a handle has to say to its session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wake {
    /// There is another request.
    Next,
    /// Read no more, and go on reading.
    Pause,
    Resume,
    /// What is read from now on is dropped.
    Stop,
}

type Waker = Rc<dyn Fn(Wake)>;

/// What a handle shares with its session: the requests that are not begun yet.
///
/// The handle pushes and the session takes; neither owns the other. When the session ends, requests that
/// wait fail, and so does each later one, at once.
pub(super) struct Queue<J: Job> {
    jobs: RefCell<VecDeque<J>>,
    /// Reaches the session.
    wake: RefCell<Option<Waker>>,
    over: RefCell<Option<MailError>>,
    /// A request that the session is to make no other one after.
    closing: Cell<bool>,
}

impl<J: Job> Queue<J> {
    pub(super) fn new() -> Rc<Self> {
        Rc::new(Queue {
            jobs: RefCell::default(),
            wake: RefCell::default(),
            over: RefCell::default(),
            closing: Cell::new(false),
        })
    }

    pub(super) fn push(&self, job: J) {
        let over = self.over.borrow().clone();
        let over = over.or_else(|| self.closing.get().then_some(MailError::Ended));
        match over {
            Some(error) => job.fail(error),
            None => {
                self.jobs.borrow_mut().push_back(job);
                self.wake(Wake::Next);
            }
        }
    }

    /// The last request: those that come later fail.
    pub(super) fn push_last(&self, job: J) {
        self.push(job);
        self.closing.set(true);
    }

    pub(super) fn take(&self) -> Option<J> {
        self.jobs.borrow_mut().pop_front()
    }

    /// Whether a request waits.
    pub(super) fn has_more(&self) -> bool {
        !self.jobs.borrow().is_empty()
    }

    /// The session is connected, and `wake` reaches it.
    pub(super) fn connect(&self, wake: impl Fn(Wake) + 'static) {
        *self.wake.borrow_mut() = Some(Rc::new(wake));
    }

    pub(super) fn wake(&self, what: Wake) {
        let wake = self.wake.borrow().clone();
        if let Some(wake) = wake {
            wake(what);
        }
    }

    /// The session is over. The first error stays.
    pub(super) fn end(&self, error: MailError) {
        self.wake.take();
        let error = self.over.borrow_mut().get_or_insert(error).clone();
        // A request that fails may push another one, which fails in `push`.
        while let Some(job) = self.take() {
            job.fail(error.clone());
        }
    }

    /// Whether the session is over.
    pub(super) fn is_over(&self) -> bool {
        self.over.borrow().is_some()
    }
}
