use std::any::Any;
use std::cell::{Cell, RefCell};
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::rc::{Rc, Weak};

use bitflags::bitflags;
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token, event};
use rustix::io::Errno;

use super::{Watch, Watcher};
use crate::core::Core;
use crate::core::sources::{Source, Sources};
use crate::machines::output::ReadBuffer;
use crate::stream::Ready;
use crate::values::panic::{catch_panic, log_panic};
use crate::{Clock, OpenError, Reason};

bitflags! {
    /// What a watch wants to hear of.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(super) struct Wants: u8 {
        const READ = 1;
        const WRITE = 2;
    }
}

/// What is watched.
pub(crate) trait Watched: event::Source {
    fn descriptor(&self) -> Option<BorrowedFd<'_>>;
}

/// A descriptor, of whichever type.
pub(crate) struct Descriptor<D>(pub(crate) D);

/// A watch, which the sources own.
///
/// What is evil here: the system tells once that something has become ready, and the callbacks of
/// other code expect to be called as long as it is. So after each call the descriptor is registered
/// anew, which makes the system look again: one system call a pass, and the answer is exact, whatever
/// the callback has read. What the system does not watch is always ready, and comes again in the next
/// pass.
///
/// The callback may change what the watch wants, remove it, or panic. None of it takes effect before
/// it returns.
pub(super) struct Registration {
    me: Weak<Registration>,
    sources: Rc<Sources>,
    clock: Clock,
    token: Cell<Token>,
    /// `None` once it has ended, and while it is lent to code of the application.
    what: RefCell<Option<Box<dyn Watched>>>,
    has_ended: Cell<bool>,
    /// Out of its place while it is called.
    watcher: RefCell<Option<Box<dyn Watcher>>>,
    wants: Cell<Wants>,
    state: Cell<State>,
    /// Code of the application runs that may change what is wanted.
    is_calling: Cell<bool>,
}

/// What the system knows of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Unknown,
    Watched,
    /// It does not watch such a thing, since that never has to wait.
    AlwaysReady,
}

/// Begins a watch that wants nothing yet.
pub(crate) fn watch(
    core: &Rc<Core>,
    what: Box<dyn Watched>,
    watcher: Box<dyn Watcher>,
) -> Result<Watch, OpenError> {
    let registration = Rc::new_cyclic(|me| Registration {
        me: me.clone(),
        sources: core.sources.clone(),
        clock: core.context.clock.clone(),
        token: Cell::new(Token(usize::MAX)),
        what: RefCell::new(Some(what)),
        has_ended: Cell::new(false),
        watcher: RefCell::new(Some(watcher)),
        wants: Cell::new(Wants::empty()),
        state: Cell::new(State::Unknown),
        is_calling: Cell::new(false),
    });
    let token = core.sources.add_unwatched(registration.clone())?;
    registration.token.set(token);
    Ok(registration.handle())
}

/// All watches of a reactor, in no order.
pub(crate) fn all(core: &Core) -> Vec<Watch> {
    let found = core.sources.all().into_iter();
    let found = found.filter_map(|source| source.watch()?.downcast::<Registration>().ok());
    found.map(|registration| registration.handle()).collect()
}

impl Registration {
    fn handle(&self) -> Watch {
        Watch {
            registration: self.me.clone(),
        }
    }

    pub(super) fn is_there(&self) -> bool {
        !self.has_ended.get()
    }

    pub(super) fn wants(&self) -> Wants {
        self.wants.get()
    }

    pub(super) fn with_descriptor<R>(&self, act: impl FnOnce(BorrowedFd<'_>) -> R) -> Option<R> {
        let what = self.what.borrow_mut().take()?;
        let was_calling = self.is_calling.replace(true);
        let answer = what.descriptor().map(act);
        self.is_calling.set(was_calling);
        if self.has_ended.get() {
            self.close(what);
            return answer;
        }
        *self.what.borrow_mut() = Some(what);
        if !was_calling && let Err(error) = self.arm() {
            self.end_soon(error.into());
        }
        answer
    }

    pub(super) fn change(&self, change: impl FnOnce(Wants) -> Wants) -> Result<(), OpenError> {
        let before = self.wants.get();
        let wants = change(before);
        if wants == before {
            return Ok(());
        }
        self.wants.set(wants);
        if self.is_calling.get() {
            // When the callback returns.
            return Ok(());
        }
        let outcome = self.arm();
        if outcome.is_err() {
            self.wants.set(before);
        }
        Ok(outcome?)
    }

    /// Has the system look at the descriptor, for what is wanted.
    fn arm(&self) -> io::Result<()> {
        let mut what = self.what.borrow_mut();
        let Some(what) = what.as_mut() else {
            return Ok(());
        };
        let registry = self.sources.registry();
        let (token, wants) = (self.token.get(), self.wants.get());
        match (interest(wants), self.state.get()) {
            (None, State::Watched) => {
                self.state.set(State::Unknown);
                // An error says that the system has forgotten it already.
                let _ = registry.deregister(&mut **what);
            }
            (None, State::Unknown | State::AlwaysReady) => {}
            (Some(interest), State::Watched) => {
                registry.reregister(&mut **what, token, interest)?;
            }
            (Some(interest), State::Unknown) => {
                match registry.register(&mut **what, token, interest) {
                    Err(error) if Errno::from_io_error(&error) == Some(Errno::PERM) => {
                        self.state.set(State::AlwaysReady);
                        self.sources.again(token);
                    }
                    registered => {
                        registered?;
                        self.state.set(State::Watched);
                    }
                }
            }
            (Some(_), State::AlwaysReady) => self.sources.again(token),
        }
        Ok(())
    }

    /// Makes a callback. A panic ends the watch.
    fn call(&self, watcher: &mut dyn Watcher, callback: fn(&mut dyn Watcher, &Watch)) {
        let handle = self.handle();
        self.is_calling.set(true);
        let outcome = catch_panic(|| callback(watcher, &handle));
        self.is_calling.set(false);
        if let Err(message) = outcome {
            log::error!("a callback of a watcher panicked, its watch ends: {message}");
            self.let_go();
            let reason = Reason::Panicked(message);
            log_panic("watch_lost", || watcher.watch_lost(&reason));
        }
    }

    /// It ends, and the watcher does not hear of it.
    pub(super) fn remove(&self) {
        self.let_go();
        // If it is being called, the call drops it.
        let watcher = self.watcher.borrow_mut().take();
        log_panic("the drop of a watcher", || drop(watcher));
    }

    /// It ends, and the watcher is told why.
    fn end(&self, reason: &Reason) {
        if self.is_there() {
            self.let_go();
            let watcher = self.watcher.borrow_mut().take();
            if let Some(mut watcher) = watcher {
                log_panic("watch_lost", || watcher.watch_lost(reason));
                log_panic("the drop of a watcher", || drop(watcher));
            }
        }
    }

    /// [`end`](Registration::end), in a turn to come.
    fn end_soon(&self, reason: Reason) {
        let me = self.me.clone();
        self.clock.call_soon(move || {
            if let Some(me) = me.upgrade() {
                me.end(&reason);
            }
        });
    }

    /// Gives up what is watched.
    fn let_go(&self) {
        if !self.has_ended.replace(true) {
            self.wants.set(Wants::empty());
            // If it is lent, it is closed when it comes back.
            let what = self.what.borrow_mut().take();
            if let Some(what) = what {
                self.close(what);
            }
            self.sources.forget(self.token.get());
        }
    }

    fn close(&self, mut what: Box<dyn Watched>) {
        if self.state.get() == State::Watched {
            let _ = self.sources.registry().deregister(&mut *what);
        }
        log_panic("the drop of a descriptor", || drop(what));
    }
}

fn interest(wants: Wants) -> Option<Interest> {
    let reads = wants.contains(Wants::READ).then_some(Interest::READABLE);
    let writes = wants.contains(Wants::WRITE).then_some(Interest::WRITABLE);
    match (reads, writes) {
        (Some(reads), Some(writes)) => Some(reads | writes),
        (reads, writes) => reads.or(writes),
    }
}

impl Source for Registration {
    fn ready(&self, ready: Ready, _: &mut ReadBuffer) {
        let Some(mut watcher) = self.watcher.borrow_mut().take() else {
            return;
        };
        let is_always = self.state.get() == State::AlwaysReady;
        let is_writable = is_always || ready.is_writable() || ready.tells_of_an_end();
        if ready.is_readable() && self.wants().contains(Wants::READ) {
            self.call(&mut *watcher, |watcher, watch| watcher.readable(watch));
        }
        if is_writable && self.wants().contains(Wants::WRITE) {
            self.call(&mut *watcher, |watcher, watch| watcher.writable(watch));
        }
        if !self.is_there() {
            return log_panic("the drop of a watcher", || drop(watcher));
        }
        *self.watcher.borrow_mut() = Some(watcher);
        if let Err(error) = self.arm() {
            self.end(&error.into());
        }
    }

    fn stop(&self) {
        self.end_soon(Reason::ReactorStopped);
    }

    fn abort(&self, reason: Reason) {
        self.end(&reason);
    }

    fn watch(self: Rc<Self>) -> Option<Rc<dyn Any>> {
        Some(self)
    }
}

impl<D: AsFd> Watched for Descriptor<D> {
    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        Some(self.0.as_fd())
    }
}

impl<D: AsFd> event::Source for Descriptor<D> {
    fn register(&mut self, on: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        SourceFd(&self.0.as_fd().as_raw_fd()).register(on, token, interest)
    }

    fn reregister(&mut self, on: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        SourceFd(&self.0.as_fd().as_raw_fd()).reregister(on, token, interest)
    }

    fn deregister(&mut self, on: &Registry) -> io::Result<()> {
        SourceFd(&self.0.as_fd().as_raw_fd()).deregister(on)
    }
}

/// A source of `mio`, of which no descriptor is known.
pub(crate) struct Foreign<S>(pub(crate) S);

impl<S: event::Source> Watched for Foreign<S> {
    fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        None
    }
}

impl<S: event::Source> event::Source for Foreign<S> {
    fn register(&mut self, on: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        self.0.register(on, token, interest)
    }

    fn reregister(&mut self, on: &Registry, token: Token, interest: Interest) -> io::Result<()> {
        self.0.reregister(on, token, interest)
    }

    fn deregister(&mut self, on: &Registry) -> io::Result<()> {
        self.0.deregister(on)
    }
}
