use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Inbox;

/// The ports of several reactors that accept from one socket, and share out what they accept: each
/// connection goes to the port whose reactor serves the fewest. A clone is the same team.
///
/// There is no port that accepts for all. The system wakes some of them, and the one that was faster
/// accepts, looks at what each has, and puts the connection into an [`Inbox`] unless it is to keep it.
/// So no thread is in the way of all connections, and one that hangs only gets none. What it has got
/// before it was found to hang goes to others, with the next connection.
pub(crate) struct Team<T>(Arc<Mutex<Vec<Member<T>>>>);

struct Member<T> {
    inbox: Inbox<T>,
    is_paused: bool,
}

impl<T: Send + 'static> Team<T> {
    pub(super) fn join(&self, inbox: &Inbox<T>) {
        self.lock().push(Member {
            inbox: inbox.clone(),
            is_paused: false,
        });
    }

    pub(super) fn leave(&self, inbox: &Inbox<T>) {
        self.lock().retain(|member| !member.inbox.is(inbox));
    }

    pub(super) fn set_paused(&self, inbox: &Inbox<T>, is_paused: bool) {
        for member in self.lock().iter_mut() {
            if member.inbox.is(inbox) {
                member.is_paused = is_paused;
            }
        }
    }

    /// Gives away what this member is not to keep, because another one has less; what is returned stays
    /// here. With it goes what waits for members that no longer turn.
    pub(super) fn share_out(&self, own: &Inbox<T>, item: T) -> Option<T> {
        let stuck: Vec<_> = self
            .lock()
            .iter()
            .filter(|member| member.inbox.is_avoided())
            .flat_map(|member| member.inbox.take(usize::MAX).0)
            .collect();
        for left in stuck {
            // This member takes part.
            drop(self.inherit(left));
        }
        self.give(item, || self.less_busy_than(own))
    }

    /// Gives away what was left by a member that has left; it is returned if there is no other.
    pub(super) fn inherit(&self, item: T) -> Option<T> {
        self.give(item, || Some(self.least_busy(None)?.1))
    }

    /// Gives this to the member that `chosen` names, to the next one if that has ended just now, and returns it
    /// if none is named.
    fn give(&self, mut item: T, chosen: impl Fn() -> Option<Inbox<T>>) -> Option<T> {
        while let Some(member) = chosen() {
            match member.offer(item) {
                Ok(()) => return None,
                Err(back) => {
                    self.leave(&member);
                    item = back;
                }
            }
        }
        Some(item)
    }

    fn less_busy_than(&self, own: &Inbox<T>) -> Option<Inbox<T>> {
        let (load, other) = self.least_busy(Some(own))?;
        (load < own.load()).then_some(other)
    }

    fn least_busy(&self, but: Option<&Inbox<T>>) -> Option<(usize, Inbox<T>)> {
        let members = self.lock();
        let others = members.iter().filter(|member| {
            let is_own = but.is_some_and(|own| member.inbox.is(own));
            !is_own && !member.is_paused && !member.inbox.is_avoided()
        });
        let loads = others.map(|member| (member.inbox.load(), &member.inbox));
        let least = loads.min_by_key(|(load, _)| *load);
        least.map(|(load, inbox)| (load, inbox.clone()))
    }
}

impl<T> Team<T> {
    fn lock(&self) -> MutexGuard<'_, Vec<Member<T>>> {
        // No code of the application runs under the lock.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Clone for Team<T> {
    fn clone(&self) -> Self {
        Team(self.0.clone())
    }
}

impl<T> Default for Team<T> {
    fn default() -> Self {
        Team(Arc::default())
    }
}

/// The same if they share out among the same ports.
impl<T> PartialEq for Team<T> {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl<T> Eq for Team<T> {}

impl<T> fmt::Debug for Team<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Team of {}", self.lock().len())
    }
}
