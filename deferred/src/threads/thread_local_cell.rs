use std::any::Any;
use std::cell::RefCell;
use std::collections::HashMap;
use std::marker::PhantomData;
use std::ops::Deref;
use std::rc::{Rc, Weak};
use std::sync::atomic::{AtomicU64, Ordering};

/// A value that stays in its thread, with keys that may go to other threads. This is the one place
/// where the values of the reactor's thread and code of other threads meet.
pub(crate) struct ThreadLocalCell<T: 'static> {
    value: Rc<T>,
    number: u64,
}

/// Finds the value of a [`ThreadLocalCell`], in the thread of that value only.
pub(crate) struct ThreadKey<T> {
    number: u64,
    _finds: PhantomData<fn() -> T>,
}

static NEXT: AtomicU64 = AtomicU64::new(0);

thread_local! {
    static VALUES: RefCell<HashMap<u64, Weak<dyn Any>>> = RefCell::default();
}

impl<T: 'static> ThreadLocalCell<T> {
    /// A cell for the value that `make` makes of its own key and of a weak reference to itself.
    pub(crate) fn new(make: impl FnOnce(ThreadKey<T>, &Weak<T>) -> T) -> Self {
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let value = Rc::new_cyclic(|me| make(ThreadKey::of(number), me));
        let any: Rc<dyn Any> = value.clone();
        VALUES.with_borrow_mut(|values| values.insert(number, Rc::downgrade(&any)));
        ThreadLocalCell { value, number }
    }

    pub(crate) fn key(&self) -> ThreadKey<T> {
        ThreadKey::of(self.number)
    }
}

impl<T> Deref for ThreadLocalCell<T> {
    type Target = Rc<T>;

    fn deref(&self) -> &Rc<T> {
        &self.value
    }
}

impl<T> Drop for ThreadLocalCell<T> {
    fn drop(&mut self) {
        // An error means that the thread ends, and its map has gone.
        let _ = VALUES.try_with(|values| values.borrow_mut().remove(&self.number));
    }
}

impl<T: 'static> ThreadKey<T> {
    fn of(number: u64) -> Self {
        ThreadKey {
            number,
            _finds: PhantomData,
        }
    }

    /// The value; `None` in another thread, and after the cell was dropped.
    pub(crate) fn get(&self) -> Option<Rc<T>> {
        let value = VALUES.try_with(|values| values.borrow().get(&self.number)?.upgrade());
        value.ok()??.downcast().ok()
    }
}

impl<T> Clone for ThreadKey<T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for ThreadKey<T> {}
