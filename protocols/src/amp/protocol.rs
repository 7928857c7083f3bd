use std::rc::Rc;

use retwist_reactor::Reason;

use super::transport::{ANSWER, COMMAND, Calls, ERROR, Outcome};
use super::{AmpBox, AmpProtocolError, AmpTransport, Boxes, Request};
use crate::{FrameReceiver, FrameTransport, Framed};

/// One side of an AMP connection.
#[allow(unused_variables, reason = "the names are documentation")]
pub trait AmpReceiver: Sized + 'static {
    /// See [`Protocol::connection_made`](retwist_reactor::Protocol::connection_made).
    fn connection_made(&mut self, transport: &AmpTransport<Self>) {}

    /// The other side sends a command: say what answers it. Without that, it hears that the command is
    /// not known.
    ///
    /// ```ignore
    /// request
    ///     .on(self, transport, Self::sum)
    ///     .on(self, transport, Self::divide)
    ///     .on_later(self, transport, Self::slow);
    /// ```
    #[doc(alias = "locateResponder")]
    fn request_received(&mut self, transport: &AmpTransport<Self>, request: Request<Self>) {}

    /// See [`Protocol::handshake_completed`](retwist_reactor::Protocol::handshake_completed).
    fn handshake_completed(&mut self, transport: &AmpTransport<Self>) {}

    /// See [`Protocol::shutting_down`](retwist_reactor::Protocol::shutting_down).
    fn shutting_down(&mut self, transport: &AmpTransport<Self>) {
        if !transport.is_draining() {
            transport.lose_connection();
        }
    }

    /// See [`Protocol::connection_lost`](retwist_reactor::Protocol::connection_lost). Calls without an
    /// answer have heard of it before.
    fn connection_lost(&mut self, reason: &Reason) {}
}

/// The protocol that speaks AMP for an [`AmpReceiver`], behind the framing [`Boxes`]: [`Framed::amp`] joins the two.
#[doc(alias = "AMP")]
pub struct Amp<R: AmpReceiver> {
    receiver: R,
    calls: Rc<Calls<R>>,
    max_open_requests: usize,
}

impl<R: AmpReceiver> Amp<R> {
    /// AMP for this receiver. At most 10000 requests of the other side wait for their answers.
    pub fn new(receiver: R) -> Self {
        Amp {
            receiver,
            calls: Rc::default(),
            max_open_requests: 10_000,
        }
    }

    /// Sets how many requests of the other side may wait for their answers. One more ends the
    /// connection with [`AmpProtocolError::TooManyRequests`].
    #[must_use]
    pub fn max_open_requests(mut self, count: usize) -> Self {
        self.max_open_requests = count;
        self
    }

    /// The application behind AMP, to be called from elsewhere by way of a
    /// [`ProtocolHandle`](retwist_reactor::ProtocolHandle).
    pub fn receiver(&mut self) -> &mut R {
        &mut self.receiver
    }
}

impl<R: AmpReceiver> Framed<Boxes, Amp<R>> {
    /// The protocol in which `receiver` gets commands and answers, with the bounds of [`Boxes::new`] and
    /// [`Amp::new`].
    pub fn amp(receiver: R) -> Self {
        Framed::new(Boxes::new(), Amp::new(receiver))
    }
}

impl<R: AmpReceiver> Amp<R> {
    fn answered(&mut self, transport: &AmpTransport<R>, tag: &[u8], outcome: Outcome) {
        let Some((tag, done)) = self.calls.take(tag) else {
            return end(transport, AmpProtocolError::UnknownAnswer);
        };
        done(&mut self.receiver, transport, outcome);
        self.calls.heard(tag);
    }

    fn requested(&mut self, transport: &AmpTransport<R>, arguments: AmpBox) {
        let most = self.max_open_requests;
        if self.calls.open_requests.get() >= most {
            return end(transport, AmpProtocolError::TooManyRequests(most));
        }
        let request = Request::new(&self.calls, arguments);
        self.receiver.request_received(transport, request);
    }
}

fn end<R: AmpReceiver>(transport: &AmpTransport<R>, error: AmpProtocolError) {
    transport.lose_connection_because(Reason::failed(error));
}

impl<R: AmpReceiver> FrameReceiver<Boxes> for Amp<R> {
    fn connection_made(&mut self, transport: &FrameTransport<Boxes>) {
        self.calls.set_transport(transport);
        let transport = AmpTransport::new(&self.calls, transport);
        self.receiver.connection_made(&transport);
    }

    fn frame_received(&mut self, transport: &FrameTransport<Boxes>, frame: AmpBox) {
        let transport = AmpTransport::new(&self.calls, transport);
        if let Some(tag) = frame.get(ANSWER).map(Box::from) {
            self.answered(&transport, &tag, Outcome::Answer(frame));
        } else if let Some(tag) = frame.get(ERROR).map(Box::from) {
            self.answered(&transport, &tag, Outcome::Error(frame));
        } else if frame.get(COMMAND).is_some() {
            self.requested(&transport, frame);
        } else {
            end(&transport, AmpProtocolError::NoPurpose);
        }
    }

    fn transport_switched(&mut self, transport: &FrameTransport<Boxes>) {
        self.calls.set_transport(transport);
    }

    fn handshake_completed(&mut self, transport: &FrameTransport<Boxes>) {
        let transport = AmpTransport::new(&self.calls, transport);
        self.receiver.handshake_completed(&transport);
    }

    fn shutting_down(&mut self, transport: &FrameTransport<Boxes>) {
        let transport = AmpTransport::new(&self.calls, transport);
        self.receiver.shutting_down(&transport);
    }

    fn connection_lost(&mut self, reason: &Reason) {
        let transport = self.calls.transport();
        for done in self.calls.take_all() {
            if let Some(transport) = &transport {
                done(&mut self.receiver, transport, Outcome::Lost(reason.clone()));
            }
        }
        self.receiver.connection_lost(reason);
    }
}
