use std::error::Error;
use std::fmt;
use std::ops::Deref;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use retwist_reactor::{DelayedCall, ProtocolRef, Reason, TransportRef};

use super::decoder::{FrameDecoder, Mode};
use crate::{FrameEncoder, FrameReceiver, Framing, WeakReceiver};

/// The transport of a [`FrameReceiver`](crate::FrameReceiver): a [`TransportRef`] that also knows
/// the framing.
///
/// It can be used wherever a `&TransportRef` is wanted, and cloned and kept like one.
pub struct FrameTransport<F> {
    transport: TransportRef,
    decoder: Rc<FrameDecoder<F>>,
}

impl<F: Framing> FrameTransport<F> {
    pub(crate) fn new(transport: &TransportRef, decoder: &Rc<FrameDecoder<F>>) -> Self {
        FrameTransport {
            transport: transport.clone(),
            decoder: decoder.clone(),
        }
    }

    /// The same receiver, on another transport.
    pub(crate) fn on(&self, transport: &TransportRef) -> Self {
        FrameTransport::new(transport, &self.decoder)
    }

    /// Sends a unit, with what the framing puts around it, as one write. Where units are bytes this
    /// takes everything that is `AsRef<[u8]>`.
    #[doc(alias = "sendString")]
    pub fn send<U>(&self, unit: U) -> Result<(), F::SendError>
    where
        F: FrameEncoder<U>,
    {
        self.decoder.framing.send(&self.transport, unit)
    }

    /// The receiver that this transport was handed to, as a weak reference that other code may keep:
    /// `transport.me(self)`. `receiver` names the type; see
    /// [`TransportRef::me`](retwist_reactor::TransportRef::me), which this hides.
    pub fn me<R: FrameReceiver<F>>(&self, receiver: &R) -> WeakReceiver<F, R> {
        let _ = receiver;
        WeakReceiver::new(&self.transport, &self.decoder)
    }

    /// Calls a method of the receiver, `delay` from now. The timer ends with the connection.
    ///
    /// ```
    /// # mod retwist { pub use retwist_reactor::*; pub use retwist_protocols as protocols; }
    /// use std::time::Duration;
    /// use retwist::protocols::{Framed, LineReceiver, LineTransport};
    /// use retwist::testing::RecordingTransport;
    ///
    /// struct Clock;
    ///
    /// impl Clock {
    ///     fn tick(&mut self, transport: &LineTransport) {
    ///         transport.send_line("tick");
    ///         transport.call_later(Duration::from_secs(1), self, Self::tick);
    ///     }
    /// }
    ///
    /// impl LineReceiver for Clock {
    ///     fn connection_made(&mut self, transport: &LineTransport) {
    ///         self.tick(transport);
    ///     }
    ///     fn line_received(&mut self, _: &LineTransport, _: &[u8]) {}
    /// }
    ///
    /// let recording = RecordingTransport::connect(Framed::lines(Clock));
    /// recording.clock().advance(Duration::from_secs(2));
    /// assert_eq!(recording.take_written(), b"tick\r\ntick\r\ntick\r\n");
    /// ```
    #[doc(alias = "callLater")]
    pub fn call_later<R: FrameReceiver<F>>(
        &self,
        delay: Duration,
        receiver: &R,
        call: impl FnOnce(&mut R, &FrameTransport<F>) + 'static,
    ) -> DelayedCall {
        self.me(receiver).call_later(delay, call)
    }

    /// Calls a method of the receiver once all that was written so far has been handed to the system.
    pub fn after_sent<R: FrameReceiver<F>>(
        &self,
        receiver: &R,
        call: impl FnOnce(&mut R, &FrameTransport<F>) + 'static,
    ) {
        let me = self.me(receiver);
        self.when_sent(Box::new(move || me.call(call)));
    }

    /// The framing.
    pub fn framing(&self) -> &F {
        &self.decoder.framing
    }

    /// Delivers everything from the next byte on as it arrives, to
    /// [`raw_data_received`](crate::FrameReceiver::raw_data_received). The bytes that have already
    /// arrived come first, in one piece, right after the running callback.
    #[doc(alias = "setRawMode")]
    pub fn set_raw_mode(&self) {
        self.decoder.set_mode(Mode::Raw);
        if !self.decoder.is_running() {
            self.push_back(&self.decoder.take_partial());
        }
    }

    /// Delivers units again. `extra` is what the receiver has been given and did not use (it may be
    /// empty); these bytes come first. Usually they are the end of what the running callback was
    /// given: then they are not even copied.
    #[doc(alias = "setLineMode")]
    pub fn set_frame_mode(&self, extra: &[u8]) {
        self.decoder.set_mode(Mode::Frames);
        self.push_back(extra);
    }

    /// Gives the beginning of an incomplete unit back to the transport. To be called before
    /// [`switch_protocol`](retwist_reactor::Transport::switch_protocol) outside of this receiver's
    /// callbacks, so that the new protocol gets these bytes. Not needed inside of them.
    #[doc(alias = "clearLineBuffer")]
    pub fn give_back(&self) {
        if !self.decoder.is_running() {
            self.transport.unread(&self.decoder.take_partial());
        }
    }

    /// [`give_back`](FrameTransport::give_back), and then
    /// [`switch_protocol`](retwist_reactor::Transport::switch_protocol) of the transport, which this
    /// method hides.
    pub fn switch_protocol(&self, next: ProtocolRef) -> ProtocolRef {
        self.give_back();
        self.transport.switch_protocol(next)
    }

    fn push_back(&self, extra: &[u8]) {
        if extra.is_empty() {
            return;
        }
        if self.decoder.is_running() {
            self.decoder.push_back(extra);
        } else {
            self.give_back();
            self.transport.unread(extra);
            self.redeliver();
        }
    }

    /// Makes the transport deliver what it was given back without waiting for more input.
    fn redeliver(&self) {
        if self.transport.is_reading() {
            self.transport.pause_producing();
            self.transport.resume_producing();
        }
    }

    /// The peer does not keep to the framing: ends the connection because of `error`, after the
    /// pending output. A producer is stopped, and what it has written is then not all.
    pub(crate) fn end_because(&self, error: Arc<dyn Error + Send + Sync>) {
        let reason = Reason::Failed(error);
        match self.transport.unregister_producer() {
            None => self.transport.lose_connection_because(reason),
            Some((producer, _)) => {
                producer.stop_producing();
                self.transport.fail_connection(reason);
            }
        }
    }

    /// What the framing has failed with.
    pub(crate) fn failure(&self) -> Option<Arc<dyn Error + Send + Sync>> {
        self.decoder.failure()
    }

    /// Whether the running delivery may go on with the next unit.
    #[inline]
    pub(crate) fn goes_on(&self) -> bool {
        !self.decoder.is_interrupted() && self.transport.is_reading()
    }

    /// The delivery has ended, with `partial` as the beginning of the next unit and `rest` behind
    /// it.
    pub(crate) fn end(&self, partial: Vec<u8>, rest: &[u8]) {
        if self.goes_on() {
            self.decoder.keep(partial);
            return;
        }
        let pushed = self.decoder.stop();
        self.transport.unread(rest);
        self.transport.unread(&partial);
        if let Some(pushed) = pushed {
            self.transport.unread(&pushed);
            self.redeliver();
        }
    }
}

impl<F> Deref for FrameTransport<F> {
    type Target = TransportRef;

    fn deref(&self) -> &TransportRef {
        &self.transport
    }
}

impl<F> Clone for FrameTransport<F> {
    fn clone(&self) -> Self {
        FrameTransport {
            transport: self.transport.clone(),
            decoder: self.decoder.clone(),
        }
    }
}

impl<F> fmt::Debug for FrameTransport<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FrameTransport")
            .field("peer", &self.transport.peer())
            .finish_non_exhaustive()
    }
}
