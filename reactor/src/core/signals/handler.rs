use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;

use mio::{Interest, Token};
use signal_hook::consts::FORBIDDEN;

use super::source::SignalSource;
use super::system::Ignored;
use crate::core::Core;
use crate::core::sources::{Source, Sources};
use crate::machines::output::ReadBuffer;
use crate::stream::Ready;
use crate::values::panic::log_panic;
use crate::{Reason, Signal, SignalError};

/// A handler of a signal: see [`ReactorHandle::on_signal`](crate::ReactorHandle::on_signal). Dropped, it
/// is removed, and the signal does again what it did before, unless something else listens for it.
#[must_use = "the handler is removed when this is dropped"]
pub struct SignalHandler {
    signal: Signal,
    handler: Rc<Handler>,
}

/// The sources own it until the reactor stops.
///
/// What is evil here is the end: a handler of ours cannot be taken out of the process, and a signal that
/// nothing listens for does what the default does, which for most is to end the process. So a reactor
/// that stops makes no further call, but the signal counts as listened for as long as the application
/// keeps its [`SignalHandler`].
struct Handler {
    sources: Rc<Sources>,
    token: Cell<Token>,
    /// `None` once the application has dropped its handle.
    signals: RefCell<Option<SignalSource>>,
    /// `None` while it is being called, and once it is over.
    call: RefCell<Option<Box<dyn FnMut()>>>,
    is_over: Cell<bool>,
}

pub(crate) fn listen(
    core: &Core,
    signal: Signal,
    call: Box<dyn FnMut()>,
) -> Result<SignalHandler, SignalError> {
    if FORBIDDEN.contains(&signal.number()) {
        return Err(SignalError::NotPossible(signal));
    }
    let failed = |error| SignalError::Failed(signal, error);
    let mut signals = SignalSource::new([signal.number()], Ignored::AreHeard).map_err(failed)?;
    let handler = Rc::new(Handler {
        sources: core.sources.clone(),
        token: Cell::new(Token(usize::MAX)),
        signals: RefCell::default(),
        call: RefCell::new(Some(call)),
        is_over: Cell::new(false),
    });
    let sources = &core.sources;
    let token = sources.add(handler.clone(), signals.event_source(), Interest::READABLE);
    handler.token.set(token.map_err(failed)?);
    handler.signals.replace(Some(signals));
    Ok(SignalHandler { signal, handler })
}

impl Handler {
    /// No further call is made.
    fn end(&self) {
        if self.is_over.replace(true) {
            return;
        }
        if let Some(signals) = &mut *self.signals.borrow_mut() {
            self.sources
                .remove(self.token.get(), signals.event_source());
        }
        let call = self.call.take();
        log_panic("the drop of a handler of a signal", || drop(call));
    }
}

impl Source for Handler {
    fn ready(&self, _: Ready, _: &mut ReadBuffer) {
        let count = match &mut *self.signals.borrow_mut() {
            Some(signals) => signals.count(),
            None => 0,
        };
        for _ in 0..count {
            let Some(mut call) = self.call.take() else {
                return;
            };
            log_panic("a handler of a signal", &mut *call);
            if self.is_over.get() {
                log_panic("the drop of a handler of a signal", || drop(call));
            } else {
                self.call.replace(Some(call));
            }
        }
    }

    fn stop(&self) {
        self.end();
    }

    fn abort(&self, _: Reason) {
        self.end();
    }
}

impl Drop for SignalHandler {
    fn drop(&mut self) {
        self.handler.end();
        // At once, also inside its own call: from now on the signal does what it did before.
        let signals = self.handler.signals.take();
        drop(signals);
    }
}

impl fmt::Debug for SignalHandler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("SignalHandler").field(&self.signal).finish()
    }
}
