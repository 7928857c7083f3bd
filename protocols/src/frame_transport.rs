use std::fmt;
use std::ops::Deref;
use std::rc::Rc;

use retwist_reactor::{ProtocolRef, TransportRef};

use crate::cutter::{Cutter, Mode};
use crate::{Framing, StringTooLong};

/// The transport that a [`FrameReceiver`](crate::FrameReceiver) holds: a [`TransportRef`] that also
/// knows the framing.
///
/// It can be used wherever a `&TransportRef` is wanted, and cloned and kept like one.
pub struct FrameTransport<F> {
    transport: TransportRef,
    cutter: Rc<Cutter<F>>,
}

impl<F: Framing> FrameTransport<F> {
    pub(crate) fn new(transport: &TransportRef, cutter: &Rc<Cutter<F>>) -> Self {
        FrameTransport {
            transport: transport.clone(),
            cutter: cutter.clone(),
        }
    }

    /// Sends a unit, with what the framing puts around it.
    #[doc(alias = "sendString")]
    pub fn send(&self, unit: &[u8]) -> Result<(), StringTooLong> {
        self.cutter.framing.send(&self.transport, unit)
    }

    /// The framing.
    pub fn framing(&self) -> &F {
        &self.cutter.framing
    }

    /// From the next byte on, everything is delivered as it comes, to
    /// [`raw_data_received`](crate::FrameReceiver::raw_data_received). What is here already comes
    /// first, in one piece, right after the present callback.
    #[doc(alias = "setRawMode")]
    pub fn set_raw_mode(&self) {
        self.cutter.set_mode(Mode::Raw);
        if !self.cutter.is_running() {
            self.push_back(&self.cutter.forget());
        }
    }

    /// From here on units are delivered again. `extra` is what the receiver has been given and did
    /// not use (it may be empty): it comes first. Where it is the end of what the present callback
    /// was given, as nearly always, it is not even copied.
    #[doc(alias = "setLineMode")]
    pub fn set_frame_mode(&self, extra: &[u8]) {
        self.cutter.set_mode(Mode::Frames);
        self.push_back(extra);
    }

    /// Gives the beginning of a unit that is not whole yet back to the transport: for the newcomer,
    /// before [`switch_protocol`](retwist_reactor::Transport::switch_protocol) is called outside
    /// this receiver's callbacks. Inside them it is not needed.
    #[doc(alias = "clearLineBuffer")]
    pub fn give_back(&self) {
        if !self.cutter.is_running() {
            self.transport.unread(&self.cutter.forget());
        }
    }

    /// Gives back what is here of the next unit, and switches: see
    /// [`switch_protocol`](retwist_reactor::Transport::switch_protocol), which this stands in front
    /// of.
    pub fn switch_protocol(&self, next: ProtocolRef) -> ProtocolRef {
        self.give_back();
        self.transport.switch_protocol(next)
    }

    fn push_back(&self, extra: &[u8]) {
        if extra.is_empty() {
            return;
        }
        if self.cutter.is_running() {
            self.cutter.push_back(extra);
        } else {
            self.give_back();
            self.transport.unread(extra);
            self.rouse();
        }
    }

    /// Has the transport deliver what it was given back, without waiting for more to come.
    fn rouse(&self) {
        if self.transport.is_reading() {
            self.transport.pause_producing();
            self.transport.resume_producing();
        }
    }

    /// Whether the delivery that is running may go on to the next unit.
    #[inline]
    pub(crate) fn goes_on(&self) -> bool {
        !self.cutter.is_interrupted() && self.transport.is_reading()
    }

    /// The delivery has ended, with `partial` the beginning of the next unit and `rest` behind it.
    pub(crate) fn end(&self, partial: Vec<u8>, rest: &[u8]) {
        if self.goes_on() {
            self.cutter.keep(partial);
            return;
        }
        let pushed = self.cutter.stop();
        self.transport.unread(rest);
        self.transport.unread(&partial);
        if let Some(pushed) = pushed {
            self.transport.unread(&pushed);
            self.rouse();
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
            cutter: self.cutter.clone(),
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
