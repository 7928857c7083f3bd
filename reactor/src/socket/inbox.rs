use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use mio::Token;

use crate::Remote;

/// What other threads put in for a source of a reactor. A clone is the same.
///
/// What is evil here is the end: a reactor that ends takes nothing more, and what was put in by then
/// must come out somewhere. So one lock decides: what is put in before the inbox closes comes out when
/// it does, and afterwards nothing can be put in.
pub(crate) struct Inbox<T>(Arc<Shared<T>>);

struct Shared<T> {
    /// `None` once it is closed.
    items: Mutex<Option<Vec<T>>>,
    remote: Remote,
    token: OnceLock<Token>,
}

/// Why something could not be put in.
pub(crate) enum NotPut<E> {
    Closed,
    Not(E),
}

impl<T: Send + 'static> Inbox<T> {
    /// An inbox of the reactor that this is of.
    pub(crate) fn new(remote: &Remote) -> Self {
        Inbox(Arc::new(Shared {
            items: Mutex::new(Some(Vec::new())),
            remote: remote.clone(),
            token: OnceLock::new(),
        }))
    }

    /// The source that is looked at when there is something.
    pub(crate) fn wakes(&self, token: Token) {
        let _ = self.0.token.set(token);
    }

    /// Puts in what `make` returns, which is called only if the inbox is open. No code of an application
    /// may run in it.
    pub(crate) fn put<E>(&self, make: impl FnOnce() -> Result<T, E>) -> Result<(), NotPut<E>> {
        let mut items = self.items();
        let waiting = items.as_mut().ok_or(NotPut::Closed)?;
        let is_first = waiting.is_empty();
        waiting.push(make().map_err(NotPut::Not)?);
        drop(items);
        if let (true, Some(token)) = (is_first, self.0.token.get()) {
            let token = *token;
            // A reactor that cannot be called closes the inbox, or has done so.
            let _ = self.0.remote.call_from_thread(move |reactor| {
                if let Some(core) = reactor.core.upgrade() {
                    core.sources.again(token);
                }
            });
        }
        Ok(())
    }

    /// Puts this in, and returns it if the inbox is closed.
    pub(crate) fn offer(&self, item: T) -> Result<(), T> {
        let mut offered = Some(item);
        let put = self.put(|| offered.take().ok_or(()));
        match (put, offered) {
            (Err(_), Some(back)) => Err(back),
            _ => Ok(()),
        }
    }

    /// What was put in first, at most so much, and whether there is more: then the source has to ask for
    /// its next look itself.
    pub(crate) fn take(&self, most: usize) -> (Vec<T>, bool) {
        let mut items = self.items();
        let Some(items) = items.as_mut() else {
            return (Vec::new(), false);
        };
        let count = items.len().min(most);
        (items.drain(..count).collect(), !items.is_empty())
    }

    /// Closes the inbox: it takes nothing more. Returns its contents.
    pub(crate) fn close(&self) -> Vec<T> {
        self.items().take().unwrap_or_default()
    }

    #[cfg(unix)]
    pub(crate) fn is_open(&self) -> bool {
        self.items().is_some()
    }

    /// How much its reactor serves, and is about to.
    pub(crate) fn load(&self) -> usize {
        let waiting = self.items().as_ref().map_or(0, Vec::len);
        waiting.saturating_add(self.0.remote.served())
    }

    /// Whether its reactor is [to get nothing](Remote::avoid).
    pub(crate) fn is_avoided(&self) -> bool {
        self.0.remote.is_avoided()
    }

    pub(crate) fn is(&self, other: &Inbox<T>) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    fn items(&self) -> MutexGuard<'_, Option<Vec<T>>> {
        self.0.items.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T> Clone for Inbox<T> {
    fn clone(&self) -> Self {
        Inbox(self.0.clone())
    }
}
