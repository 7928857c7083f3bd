use std::cell::RefCell;
use std::fmt;
use std::io;
use std::time::Duration;

use mio::{Events, Poll};

use crate::values::panic::log_panic;

/// What [`ReactorHandle::around_sleep`](crate::ReactorHandle::around_sleep) takes.
pub(crate) type Hook = Box<dyn FnMut(Sleep<'_>)>;

/// The sleep of one pass of the loop, for the hook around it.
///
/// It may be carried into a closure that is `Send`, as those that release the lock of a language
/// often demand. It ends in the thread of the reactor all the same.
pub struct Sleep<'a> {
    poll: &'a mut Poll,
    events: &'a mut Events,
    at_most: Option<Duration>,
    polled: &'a mut Option<io::Result<()>>,
}

impl Sleep<'_> {
    /// Returns how long it may last: zero if the loop only looks at what has happened, `None` if it sleeps
    /// until something happens.
    pub fn at_most(&self) -> Option<Duration> {
        self.at_most
    }

    /// Sleeps. No code of the application runs meanwhile.
    pub fn sleep(self) {
        *self.polled = Some(self.poll.poll(self.events, self.at_most));
    }
}

impl fmt::Debug for Sleep<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sleep")
            .field("at_most", &self.at_most)
            .finish_non_exhaustive()
    }
}

/// The hook around the sleep of the loop, if there is one.
///
/// What is evil here is that events are told once, so each pass must poll exactly once, whatever the
/// hook does: it may sleep or not, panic before or after, or put another hook in its place.
#[derive(Default)]
pub(super) struct SleepHook {
    hook: RefCell<Option<Hook>>,
}

impl SleepHook {
    pub(super) fn set(&self, hook: Hook) {
        let before = self.hook.borrow_mut().replace(hook);
        log_panic("the drop of a hook", || drop(before));
    }

    pub(super) fn sleep(
        &self,
        poll: &mut Poll,
        events: &mut Events,
        at_most: Option<Duration>,
    ) -> io::Result<()> {
        let mut polled = None;
        let hook = self.hook.borrow_mut().take();
        if let Some(mut hook) = hook {
            let sleep = Sleep {
                poll,
                events,
                at_most,
                polled: &mut polled,
            };
            log_panic("the hook around the sleep of the loop", || hook(sleep));
            let another = self.hook.borrow().is_some();
            if another {
                log_panic("the drop of a hook", || drop(hook));
            } else {
                *self.hook.borrow_mut() = Some(hook);
            }
        }
        polled.unwrap_or_else(|| poll.poll(events, at_most))
    }
}
