use std::cell::{Cell, RefCell};
use std::io;
use std::mem;
use std::rc::Rc;

use mio::{Interest, Token};
use signal_hook::consts::SIGCHLD;
use signal_hook_mio::v1_0::Signals;

use super::WatchedChild;
use crate::Reason;
use crate::core::sources::{Source, Sources};
use crate::machines::output::ReadBuffer;
use crate::stream::Ready;

/// The children of one reactor whose ends a handler of SIGCHLD tells. The sources own it, as long as
/// it has a child.
///
/// One signal may stand for several ends, and it does not say whose they are. So each signal has every
/// child asked.
pub(super) struct ByHandler {
    sources: Rc<Sources>,
    /// `None` once there is no child left.
    signals: RefCell<Option<Signals>>,
    token: Cell<Token>,
    children: RefCell<Vec<Rc<WatchedChild>>>,
}

impl ByHandler {
    pub(super) fn open(sources: &Rc<Sources>) -> io::Result<Rc<Self>> {
        let mut signals = Signals::new([SIGCHLD])?;
        let handler = Rc::new(ByHandler {
            sources: sources.clone(),
            signals: RefCell::new(None),
            token: Cell::new(Token(usize::MAX)),
            children: RefCell::default(),
        });
        let token = sources.add(handler.clone(), &mut signals, Interest::READABLE)?;
        handler.token.set(token);
        handler.signals.replace(Some(signals));
        Ok(handler)
    }

    pub(super) fn is_open(&self) -> bool {
        self.signals.borrow().is_some()
    }

    pub(super) fn add(&self, child: Rc<WatchedChild>) {
        self.children.borrow_mut().push(child);
        // It may have ended before the handler was there.
        self.sources.again(self.token.get());
    }

    /// Asks each child `is_over`, and forgets those that are. What is told may add a child.
    fn sift(&self, is_over: impl Fn(&WatchedChild) -> bool) {
        let mut left = mem::take(&mut *self.children.borrow_mut());
        left.retain(|child| !is_over(child));
        let mut children = self.children.borrow_mut();
        left.append(&mut children);
        *children = left;
        if !children.is_empty() {
            return;
        }
        drop(children);
        if let Some(mut signals) = self.signals.take() {
            self.sources.remove(self.token.get(), &mut signals);
        }
    }
}

impl Source for ByHandler {
    fn ready(&self, _: Ready, _: &mut ReadBuffer) {
        if let Some(signals) = self.signals.borrow_mut().as_mut() {
            signals.pending().for_each(drop);
        }
        self.sift(WatchedChild::look);
    }

    fn drain(&self) {
        let children = self.children.borrow().clone();
        for child in children {
            child.drain();
        }
    }

    fn stop(&self) {
        let children = self.children.borrow().clone();
        for child in children {
            child.stop();
        }
    }

    fn abort(&self, _: Reason) {
        self.sift(|child| {
            child.abort();
            true
        });
    }
}
