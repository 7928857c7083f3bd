use std::any::Any;
use std::cell::RefCell;
use std::collections::HashMap;
use std::marker::PhantomData;
use std::ops::Deref;
use std::rc::{Rc, Weak};
use std::sync::atomic::{AtomicU64, Ordering};

/// Something that stays in its thread and can be found again there by those who were in others: the
/// one place where the two worlds meet.
pub(crate) struct ThreadLocalCell<T: 'static> {
    kept: Rc<T>,
    number: u64,
}

/// Finds what is kept in a [`ThreadLocalCell`], in its thread only. May go anywhere.
pub(crate) struct ThreadKey<T> {
    number: u64,
    _finds: PhantomData<fn() -> T>,
}

static NEXT: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static KEPT: RefCell<HashMap<u64, Weak<dyn Any>>> = RefCell::default();
}

impl<T: 'static> ThreadLocalCell<T> {
    pub(crate) fn new(make: impl FnOnce(ThreadKey<T>, &Weak<T>) -> T) -> Self {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let ticket = ThreadKey {
            number,
            _finds: PhantomData,
        };
        let kept = Rc::new_cyclic(|me| make(ticket, me));
        let any: Rc<dyn Any> = kept.clone();
        KEPT.with_borrow_mut(|all| all.insert(number, Rc::downgrade(&any)));
        ThreadLocalCell { kept, number }
    }
}

impl<T> ThreadLocalCell<T> {
    pub(crate) fn key(&self) -> ThreadKey<T> {
        ThreadKey {
            number: self.number,
            _finds: PhantomData,
        }
    }
}

impl<T> Deref for ThreadLocalCell<T> {
    type Target = Rc<T>;

    fn deref(&self) -> &Rc<T> {
        &self.kept
    }
}

impl<T> Drop for ThreadLocalCell<T> {
    fn drop(&mut self) {
        // Not there any more if the thread itself ends.
        let _ = KEPT.try_with(|all| all.borrow_mut().remove(&self.number));
    }
}

impl<T: 'static> ThreadKey<T> {
    /// What is kept; none in another thread, or once it is kept no more.
    pub(crate) fn find(&self) -> Option<Rc<T>> {
        let found = KEPT.try_with(|all| all.borrow().get(&self.number)?.upgrade());
        found.ok()??.downcast().ok()
    }
}

impl<T> Clone for ThreadKey<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for ThreadKey<T> {}
