use std::error::Error;
use std::fmt;
use std::rc::Rc;

use retwist_reactor::{Protocol, Reason, TransportRef};

use super::stream_state::StreamState;
use crate::{AsyncTransport, Promise};

/// The protocol of an [`AsyncTransport`]: tells the shared state what the transport does.
pub(super) struct StreamProtocol {
    pub(super) state: Rc<StreamState>,
    /// Fires when the connection is there.
    pub(super) opening: Option<Promise<AsyncTransport, Reason>>,
}

impl Protocol for StreamProtocol {
    fn connection_made(&mut self, transport: &TransportRef) {
        self.state.attached(transport);
        if let Some(opening) = self.opening.take() {
            // If the Deferred is cancelled, this drops the `AsyncTransport`, which closes.
            opening.fire(Ok(AsyncTransport::over(self.state.clone())));
        }
    }

    fn transport_switched(&mut self, transport: &TransportRef) {
        self.state.attached(transport);
    }

    fn handshake_completed(&mut self, _: &TransportRef) {
        self.state.negotiated();
    }

    fn data_received(&mut self, transport: &TransportRef, data: &[u8]) {
        self.state.received(transport, data);
    }

    fn read_connection_lost(&mut self, _: &TransportRef) {
        self.state.input_ended();
    }

    fn write_connection_lost(&mut self, _: &TransportRef) {
        self.state.output_ended();
    }

    fn connection_lost(&mut self, reason: &Reason) {
        self.state.lost(reason);
        if let Some(opening) = self.opening.take() {
            opening.fire(Err(reason.clone().into()));
        }
    }
}

impl Drop for StreamProtocol {
    /// Another protocol has its place, or it never had one.
    fn drop(&mut self) {
        if self.state.reason().is_none() {
            self.state.lost(&Reason::failed(TakenOver));
        }
    }
}

/// Another protocol has taken the connection over.
#[derive(Debug)]
struct TakenOver;

impl fmt::Display for TakenOver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("another protocol has taken the connection over")
    }
}

impl Error for TakenOver {}
