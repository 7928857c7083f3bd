use std::any::Any;
use std::fmt;
use std::rc::{Rc, Weak};

use crate::heart::held::{Bears, Held};
use crate::{Clock, ProcessExit, ProcessProtocol, ProcessTransport, Reason};

/// What a process protocol is told, except bytes.
pub(crate) enum Event {
    Made,
    PipeLost(i32, Reason),
    Exited(ProcessExit),
    ShuttingDown,
    Ended(ProcessExit),
}

/// A process protocol as its process calls it, whatever its type. A call that comes while it is busy
/// waits.
pub(crate) trait HeldProcess: Any {
    fn tell(self: Rc<Self>, event: Event, process: &ProcessTransport);
    fn deliver(&self, process: &ProcessTransport, descriptor: i32, data: &[u8]);
}

impl<P: ProcessProtocol> HeldProcess for Held<P> {
    fn tell(self: Rc<Self>, event: Event, process: &ProcessTransport) {
        let transport = process.clone();
        self.call_now_or_late(process, move |protocol| match event {
            Event::Made => protocol.connection_made(&transport),
            Event::PipeLost(descriptor, reason) => {
                protocol.child_connection_lost(&transport, descriptor, &reason);
            }
            Event::Exited(exit) => protocol.process_exited(&transport, &exit),
            Event::ShuttingDown => protocol.shutting_down(&transport),
            Event::Ended(exit) => protocol.process_ended(&exit),
        });
    }

    fn deliver(&self, process: &ProcessTransport, descriptor: i32, data: &[u8]) {
        let deliver = |protocol: &mut P| protocol.child_data_received(process, descriptor, data);
        if self.try_call(deliver).is_some() {
            return;
        }
        let (process, data) = (process.clone(), data.to_vec());
        let late = move |protocol: &mut P| {
            protocol.child_data_received(&process, descriptor, &data);
        };
        // Only code that runs the loop by hand, inside a late call, can have it refused.
        if self.call_late(Box::new(late)).is_err() {
            log::error!("output of a process was lost: its protocol runs the loop itself");
        }
    }
}

impl Bears for ProcessTransport {
    fn clock(&self) -> Clock {
        ProcessTransport::clock(self)
    }

    fn bear(&self, call: impl FnOnce()) {
        self.guard(call);
    }
}

/// A process protocol whose type is forgotten: what `spawn_process` takes. Made from any
/// [`ProcessProtocol`] with `into()`. Clones are the same protocol.
#[derive(Clone)]
pub struct ProcessProtocolRef(pub(super) Rc<dyn HeldProcess>);

/// A process protocol that can be called from elsewhere: its owner's hold on it.
///
/// ```
/// # use retwist_reactor as retwist;
/// use retwist::{ProcessProtocol, ProcessProtocolHandle, ProcessTransport};
///
/// #[derive(Default)]
/// struct Lines { count: usize }
///
/// impl ProcessProtocol for Lines {
///     fn out_received(&mut self, _: &ProcessTransport, data: &[u8]) {
///         self.count += data.iter().filter(|byte| **byte == b'\n').count();
///     }
/// }
///
/// let lines = ProcessProtocolHandle::new(Lines::default());
/// assert_eq!(lines.try_call(|lines| lines.count), Some(0));
/// ```
pub struct ProcessProtocolHandle<P>(Rc<Held<P>>);

impl<P: ProcessProtocol> ProcessProtocolHandle<P> {
    /// Takes the protocol into a shared place.
    pub fn new(protocol: P) -> Self {
        ProcessProtocolHandle(Rc::new(Held::new(protocol)))
    }

    /// Calls `call` with the protocol now, and returns what it returns. `None`, and no call, while the
    /// protocol is in a callback.
    pub fn try_call<R>(&self, call: impl FnOnce(&mut P) -> R) -> Option<R> {
        self.0.try_call(call)
    }
}

impl<P> Clone for ProcessProtocolHandle<P> {
    fn clone(&self) -> Self {
        ProcessProtocolHandle(self.0.clone())
    }
}

impl<P: ProcessProtocol> From<P> for ProcessProtocolRef {
    fn from(protocol: P) -> Self {
        ProcessProtocolHandle::new(protocol).into()
    }
}

impl<P: ProcessProtocol> From<ProcessProtocolHandle<P>> for ProcessProtocolRef {
    fn from(handle: ProcessProtocolHandle<P>) -> Self {
        ProcessProtocolRef(handle.0)
    }
}

impl<P: ProcessProtocol> From<&ProcessProtocolHandle<P>> for ProcessProtocolRef {
    fn from(handle: &ProcessProtocolHandle<P>) -> Self {
        handle.clone().into()
    }
}

impl fmt::Debug for ProcessProtocolRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProcessProtocolRef").finish_non_exhaustive()
    }
}

impl<P> fmt::Debug for ProcessProtocolHandle<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ProcessProtocolHandle")
            .field("busy", &self.0.is_busy())
            .finish_non_exhaustive()
    }
}

/// A process protocol as other code may keep it: weak, and of a known type. The protocol's own is
/// [`process.me(self)`](ProcessTransport::me).
pub struct WeakProcessProtocol<P> {
    held: Weak<Held<P>>,
    process: ProcessTransport,
}

impl<P: ProcessProtocol> WeakProcessProtocol<P> {
    pub(super) fn new(held: Option<Rc<dyn HeldProcess>>, process: ProcessTransport) -> Self {
        let held = held.and_then(|held| {
            let held: Rc<dyn Any> = held;
            held.downcast::<Held<P>>().ok()
        });
        WeakProcessProtocol {
            held: held.map_or_else(Weak::new, |held| Rc::downgrade(&held)),
            process,
        }
    }

    /// Calls `call` with the protocol and its process: now, or, while a callback of the protocol runs,
    /// when that callback returns. Does nothing before `connection_made` and after `process_ended`. A
    /// panic in it has the effect of a panic in a callback.
    pub fn call(&self, call: impl FnOnce(&mut P, &ProcessTransport) + 'static) {
        let Some(held) = self.held.upgrade() else {
            return;
        };
        let process = self.process.clone();
        let call = move |protocol: &mut P| {
            if process.is_open() {
                call(protocol, &process);
            }
        };
        self.process
            .bear(|| held.call_now_or_late(&self.process, call));
    }

    /// Calls `call` now and returns what it returns. `None`, and no call, while a callback of the
    /// protocol runs, before `connection_made`, and after `process_ended`.
    pub fn try_call<R>(&self, call: impl FnOnce(&mut P, &ProcessTransport) -> R) -> Option<R> {
        let held = self.held.upgrade().filter(|_| self.process.is_open())?;
        held.try_call(|protocol| call(protocol, &self.process))
    }
}

impl<P> Clone for WeakProcessProtocol<P> {
    fn clone(&self) -> Self {
        WeakProcessProtocol {
            held: self.held.clone(),
            process: self.process.clone(),
        }
    }
}

impl<P> fmt::Debug for WeakProcessProtocol<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WeakProcessProtocol")
            .field("alive", &(self.held.strong_count() > 0))
            .finish_non_exhaustive()
    }
}
