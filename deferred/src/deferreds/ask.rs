use std::cell::Cell;
use std::rc::Rc;

use retwist_reactor::CallTarget;

use crate::{Deferred, IntoBoxedError, IntoDeferred, Outcome};

/// Calls a protocol from outside, and promises the result.
///
/// ```
/// # mod retwist { pub use retwist_reactor::*; pub use retwist_deferred as deferred; }
/// use retwist::deferred::{Ask, Value};
/// use retwist::testing::RecordingTransport;
/// use retwist::{Protocol, ProtocolHandle, TransportRef};
///
/// struct Session { lines: usize }
///
/// impl Session {
///     fn lines(&mut self, _: &TransportRef) -> Value<usize> { Value(self.lines) }
/// }
/// impl Protocol for Session {}
///
/// let session = ProtocolHandle::new(Session { lines: 3 });
/// let recording = RecordingTransport::connect(&session);
/// assert_eq!(session.ask(Session::lines).take(), Some(Ok(3)));
/// ```
///
/// For a framing the same, between two units: `WeakReceiver::from(&handle).ask(Receiver::method)`.
pub trait Ask: CallTarget {
    /// Calls `call` with the protocol and its transport, and promises the result: the outcome, if it
    /// is a Deferred. The call is made now, or, if a callback of the protocol is running, when that
    /// returns: see [`WeakProtocol::call`](retwist_reactor::WeakProtocol::call).
    ///
    /// Fails with [`Failure::BrokenPromise`](crate::Failure::BrokenPromise) if the protocol is not
    /// connected, or if `call` panics, which costs the connection. The callbacks of the Deferred run
    /// when the protocol is free again.
    fn ask<R: IntoDeferred + 'static>(
        &self,
        call: impl FnOnce(&mut Self::Protocol, &Self::Transport) -> R + 'static,
    ) -> Deferred<R::Value, R::Error>;
}

impl<C: CallTarget> Ask for C {
    fn ask<R: IntoDeferred + 'static>(
        &self,
        call: impl FnOnce(&mut C::Protocol, &C::Transport) -> R + 'static,
    ) -> Deferred<R::Value, R::Error> {
        let (promise, asked) = Deferred::<R, R::Error>::new();
        let slot = Rc::new(Slot {
            is_now: Cell::new(true),
            fire: Cell::new(None),
        });
        let later = slot.clone();
        self.call(move |protocol, transport| {
            let result = call(protocol, transport);
            let fire = move || {
                promise.fire(Ok(result));
            };
            if later.is_now.get() {
                later.fire.set(Some(Box::new(fire)));
            } else {
                C::plain(transport).clock().call_soon(fire);
            }
        });
        slot.is_now.set(false);
        if let Some(fire) = slot.fire.take() {
            fire();
        }
        asked.add_callback(|result| result)
    }
}

/// Where a call leaves what fires its promise, for the time when the protocol is free.
struct Slot {
    /// `ask` has not returned.
    is_now: Cell<bool>,
    fire: Cell<Option<Box<dyn FnOnce()>>>,
}

impl<T: 'static, E: IntoBoxedError> Deferred<T, E> {
    /// Ends the chain in a protocol: calls its method with the transport and the outcome, as
    /// [`WeakProtocol::call`](retwist_reactor::WeakProtocol::call) does. Once the connection has ended,
    /// the outcome is dropped. A receiver of a framing says `transport.me(self)` too.
    ///
    /// ```
    /// # mod retwist { pub use retwist_reactor::*; pub use retwist_deferred as deferred; }
    /// use retwist::deferred::{Deferred, Outcome};
    /// use retwist::{Protocol, TransportRef};
    /// # fn look_up(_: &[u8]) -> Deferred<String, std::io::Error> { Deferred::succeed("Ann".into()) }
    ///
    /// struct Finger;
    ///
    /// impl Protocol for Finger {
    ///     fn data_received(&mut self, transport: &TransportRef, user: &[u8]) {
    ///         look_up(user).done_in(transport.me(self), Self::found);
    ///     }
    /// }
    ///
    /// impl Finger {
    ///     fn found(&mut self, transport: &TransportRef, found: Outcome<String, std::io::Error>) {
    ///         match found {
    ///             Ok(name) => transport.write(name.as_bytes()),
    ///             Err(failure) => transport.write(failure.to_string().as_bytes()),
    ///         }
    ///         transport.lose_connection();
    ///     }
    /// }
    /// # let recording = retwist::testing::RecordingTransport::connect(Finger);
    /// # recording.receive(b"ann\r\n");
    /// # assert_eq!(recording.take_written(), b"Ann");
    /// ```
    pub fn done_in<C: CallTarget>(
        self,
        target: C,
        call: impl FnOnce(&mut C::Protocol, &C::Transport, Outcome<T, E>) + 'static,
    ) {
        self.done(move |outcome| {
            target.call(move |protocol, transport| call(protocol, transport, outcome));
        });
    }
}
