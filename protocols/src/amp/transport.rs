use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::fmt;
use std::ops::Deref;
use std::rc::Rc;

use retwist_reactor::{Reason, TransportRef};

use super::{AmpBox, AmpError, AmpReceiver, Boxes, Command, CommandError, NotCalled};
use crate::FrameTransport;

pub(super) const ASK: &str = "_ask";
pub(super) const COMMAND: &str = "_command";
pub(super) const ANSWER: &str = "_answer";
pub(super) const ERROR: &str = "_error";
pub(super) const ERROR_CODE: &str = "_error_code";
pub(super) const ERROR_DESCRIPTION: &str = "_error_description";

/// The transport of an [`AmpReceiver`]: a [`TransportRef`] that calls the other side.
///
/// It may be cloned and kept. It stays good when TLS is put below.
pub struct AmpTransport<R> {
    calls: Rc<Calls<R>>,
    transport: TransportRef,
}

/// What hears the outcome of a call.
type Done<R> = Box<dyn FnOnce(&mut R, &AmpTransport<R>, Outcome)>;

/// The other side's box, with an error in it perhaps.
pub(super) enum Outcome {
    Answer(AmpBox),
    Error(AmpBox),
    Lost(Reason),
}

/// The calls of one connection that wait for answers, and what leaves it.
///
/// Invariant: while a command that switches waits for its answer, no box leaves. What is sent
/// meanwhile is held, and leaves when the switch has been made, on what the connection is then.
pub(super) struct Calls<R> {
    transport: RefCell<Option<FrameTransport<Boxes>>>,
    pending: RefCell<HashMap<u64, Done<R>>>,
    last: Cell<u64>,
    switching: Cell<Option<u64>>,
    held: RefCell<Vec<u8>>,
    /// How many requests of the other side wait for their answers.
    pub(super) open_requests: Cell<usize>,
}

/// How many bytes may be held until a switch is made.
const MOST_HELD: usize = 16 << 20;

impl<R> Default for Calls<R> {
    fn default() -> Self {
        Calls {
            transport: RefCell::default(),
            pending: RefCell::default(),
            last: Cell::new(0),
            switching: Cell::new(None),
            held: RefCell::default(),
            open_requests: Cell::new(0),
        }
    }
}

impl<R: AmpReceiver> Calls<R> {
    pub(super) fn set_transport(&self, transport: &FrameTransport<Boxes>) {
        *self.transport.borrow_mut() = Some(transport.clone());
    }

    pub(super) fn transport(self: &Rc<Self>) -> Option<AmpTransport<R>> {
        let transport = self.transport.borrow();
        Some(AmpTransport {
            calls: self.clone(),
            transport: TransportRef::clone(transport.as_ref()?),
        })
    }

    pub(super) fn take(&self, tag: &[u8]) -> Option<(u64, Done<R>)> {
        let tag = u64::from_str_radix(str::from_utf8(tag).ok()?, 16).ok()?;
        Some((tag, self.pending.borrow_mut().remove(&tag)?))
    }

    /// The calls that will have no answer, in the order in which they were made.
    pub(super) fn take_all(&self) -> Vec<Done<R>> {
        self.held.take();
        let mut pending: Vec<_> = self.pending.take().into_iter().collect();
        pending.sort_by_key(|(tag, _)| *tag);
        pending.into_iter().map(|(_, done)| done).collect()
    }

    /// The answer of a call has been heard. If that call was to switch, what was held leaves now.
    pub(super) fn heard(&self, tag: u64) {
        if self.switching.get() != Some(tag) {
            return;
        }
        self.switching.set(None);
        let held = self.held.take();
        self.send(&held);
    }

    pub(super) fn send(&self, bytes: &[u8]) {
        let Some(transport) = self.transport.borrow().clone() else {
            return;
        };
        if self.switching.get().is_none() {
            return transport.write(bytes);
        }
        self.held.borrow_mut().extend_from_slice(bytes);
        if self.held.borrow().len() > MOST_HELD {
            transport.fail_connection(Reason::OutputLimit(MOST_HELD));
        }
    }
}

impl<R: AmpReceiver> AmpTransport<R> {
    pub(super) fn new(calls: &Rc<Calls<R>>, transport: &TransportRef) -> Self {
        AmpTransport {
            calls: calls.clone(),
            transport: transport.clone(),
        }
    }

    /// Sends a command. `done` is called once, with the receiver and the response, or with why there is
    /// none: between two boxes, or when the connection ends, before `connection_lost`. Answers come in
    /// the order in which the other side gives them.
    #[doc(alias = "callRemote")]
    pub fn call<C: Command>(
        &self,
        command: C,
        done: impl FnOnce(&mut R, &AmpTransport<R>, Result<C::Response, AmpError<C::Error>>) + 'static,
    ) -> Result<(), NotCalled> {
        self.ask(&command, done).map(drop)
    }

    /// Sends a command after which the connection speaks something else: [`StartTls`](super::StartTls), or
    /// a command of your own. Between it and its answer no other box leaves: calls and answers are
    /// held. `done` makes the switch if the answer says so: with [`start`](AmpTransport::start), or with
    /// [`switch_protocol`](retwist_reactor::Transport::switch_protocol). Every byte behind the answer
    /// belongs to what it switches to. Then the held boxes leave, inside TLS for instance. With another
    /// protocol in place of AMP, they are dropped, and so are all calls that wait.
    ///
    /// At most 16 MiB are held. More end the connection with
    /// [`Reason::OutputLimit`](retwist_reactor::Reason::OutputLimit).
    #[doc(alias = "ProtocolSwitchCommand")]
    pub fn call_and_switch<C: Command>(
        &self,
        command: C,
        done: impl FnOnce(&mut R, &AmpTransport<R>, Result<C::Response, AmpError<C::Error>>) + 'static,
    ) -> Result<(), NotCalled> {
        if self.calls.switching.get().is_some() {
            return Err(NotCalled::Switching);
        }
        let tag = self.ask(&command, done)?;
        self.calls.switching.set(Some(tag));
        Ok(())
    }

    /// Sends a command that the other side is not to answer.
    #[doc(alias = "requiresAnswer")]
    pub fn call_without_answer<C: Command>(&self, command: C) -> Result<(), NotCalled> {
        let bytes = encode(&command, None)?;
        self.check()?;
        self.calls.send(&bytes);
        Ok(())
    }

    fn ask<C: Command>(
        &self,
        command: &C,
        done: impl FnOnce(&mut R, &AmpTransport<R>, Result<C::Response, AmpError<C::Error>>) + 'static,
    ) -> Result<u64, NotCalled> {
        let tag = self.calls.last.get() + 1;
        let bytes = encode(command, Some(tag))?;
        self.check()?;
        self.calls.last.set(tag);
        let done: Done<R> = Box::new(move |receiver, transport, outcome| {
            done(receiver, transport, response::<C>(outcome));
        });
        self.calls.pending.borrow_mut().insert(tag, done);
        self.calls.send(&bytes);
        Ok(tag)
    }

    fn check(&self) -> Result<(), NotCalled> {
        let transport = self.calls.transport.borrow();
        let is_open = transport
            .as_ref()
            .is_some_and(|transport| transport.is_connected());
        is_open.then_some(()).ok_or(NotCalled::NotConnected)
    }

    /// Puts a layer under AMP, such as TLS, and goes on above it: `insert` is given the transport, and
    /// returns the one that is AMP's from now on, as `start_tls` does. For the callbacks of
    /// [`call_and_switch`](AmpTransport::call_and_switch) and
    /// [`Request::on_switch`](super::Request::on_switch).
    pub fn start<E>(
        &self,
        insert: impl FnOnce(&TransportRef) -> Result<TransportRef, E>,
    ) -> Result<(), E> {
        let before = self.calls.transport.borrow().clone();
        let Some(before) = before else {
            // It never was connected.
            return Ok(());
        };
        let above = insert(&before)?;
        *self.calls.transport.borrow_mut() = Some(before.on(&above));
        Ok(())
    }
}

/// A command as the bytes of its box.
fn encode<C: Command>(command: &C, tag: Option<u64>) -> Result<Vec<u8>, NotCalled> {
    let mut out = AmpBox::new();
    command.put_all(&mut out);
    out.set(COMMAND, C::NAME.as_bytes());
    if let Some(tag) = tag {
        out.set(ASK, format!("{tag:x}").into_bytes());
    }
    out.encode().map_err(NotCalled::TooLong)
}

/// What the other side has answered to a command.
fn response<C: Command>(outcome: Outcome) -> Result<C::Response, AmpError<C::Error>> {
    use super::Arguments;

    match outcome {
        Outcome::Answer(answer) => C::Response::take_all(&answer).map_err(AmpError::Response),
        Outcome::Lost(reason) => Err(AmpError::Lost(reason)),
        Outcome::Error(error) => {
            let text = |key| String::from_utf8_lossy(error.get(key).unwrap_or(b"")).into_owned();
            let (code, description) = (text(ERROR_CODE), text(ERROR_DESCRIPTION));
            Err(match C::Error::from_code(&code, &description) {
                Some(error) => AmpError::Command(error),
                None => AmpError::Remote { code, description },
            })
        }
    }
}

impl<R> Deref for AmpTransport<R> {
    type Target = TransportRef;

    fn deref(&self) -> &TransportRef {
        &self.transport
    }
}

impl<R> Clone for AmpTransport<R> {
    fn clone(&self) -> Self {
        AmpTransport {
            calls: self.calls.clone(),
            transport: self.transport.clone(),
        }
    }
}

impl<R> fmt::Debug for AmpTransport<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AmpTransport")
            .field("pending", &self.calls.pending.borrow().len())
            .finish_non_exhaustive()
    }
}
