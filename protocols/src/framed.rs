use std::fmt;
use std::rc::Rc;
use std::sync::Arc;

use retwist_reactor::{Protocol, Reason, TransportRef};

use crate::cutter::{Cutter, Mode};
use crate::{FrameReceiver, FrameTransport, Framing};

/// A protocol that cuts what it receives into units with `F` and hands them to `R`.
///
/// What may happen between two units is handled here, once for all framings: when the receiver has
/// paused, switched or closed, nothing more is delivered to it, and what is left is given back to
/// the transport, which keeps it for whoever reads next. A unit that arrives whole is delivered
/// from where it arrived; of one that does not, the beginning is kept, and the time that it takes
/// is linear in its length however it is cut.
///
/// A unit is cut off if the protocol is switched out between two callbacks, while half of it is
/// here: whoever does that says [`give_back`](FrameTransport::give_back) first, so that the
/// newcomer gets the bytes. If the transport below is switched for another one, the half unit is
/// thrown away: nothing that came before TLS is taken for something that came inside it.
pub struct Framed<F: Framing, R> {
    receiver: R,
    cutter: Rc<Cutter<F>>,
    /// None until it is connected.
    transport: Option<FrameTransport<F>>,
}

/// The first bytes that are added to a unit which has begun already, if the unit is shorter than
/// this.
const PIECE: usize = 256;

impl<F: Framing, R: FrameReceiver<F>> Framed<F, R> {
    /// The protocol in which `receiver` gets the units of `framing`.
    pub fn new(framing: F, receiver: R) -> Self {
        Framed {
            receiver,
            cutter: Rc::new(Cutter::new(framing)),
            transport: None,
        }
    }

    /// The application behind the framing; with a
    /// [`ProtocolHandle`](retwist_reactor::ProtocolHandle), to be called from elsewhere.
    pub fn receiver(&mut self) -> &mut R {
        &mut self.receiver
    }

    /// The transport that the receiver holds; none before `connection_made`.
    pub fn transport(&self) -> Option<&FrameTransport<F>> {
        self.transport.as_ref()
    }

    fn sits_on(&mut self, transport: &TransportRef) -> FrameTransport<F> {
        self.transport
            .insert(FrameTransport::new(transport, &self.cutter))
            .clone()
    }

    /// Hands over the unit that `bytes` begins with, and says how many bytes are done with; none if
    /// the unit is not whole.
    #[inline(always)]
    fn deliver(&mut self, transport: &FrameTransport<F>, bytes: &[u8]) -> Option<usize> {
        let cutter = &*self.cutter;
        match cutter.mode() {
            Mode::Frames => match cutter.find(bytes) {
                Ok(None) => None,
                Ok(Some(frame)) => {
                    let unit = bytes.get(frame.unit).unwrap_or_default();
                    self.receiver.frame_received(transport, unit);
                    Some(frame.used.min(bytes.len()))
                }
                Err(error) => {
                    let error = Arc::new(error);
                    cutter.fail(error.clone());
                    Some(cutter.lend(bytes, || {
                        self.receiver.framing_failed(transport, &error, bytes);
                    }))
                }
            },
            Mode::Raw if !bytes.is_empty() => Some(cutter.lend(bytes, || {
                self.receiver.raw_data_received(transport, bytes);
            })),
            Mode::Failed if !bytes.is_empty() => Some(bytes.len()),
            Mode::Raw | Mode::Failed => None,
        }
    }

    /// Hands over the units that are whole, from where they are, and returns what is left: what most
    /// deliveries come down to.
    #[inline(never)]
    fn deliver_whole<'a>(
        &mut self,
        transport: &FrameTransport<F>,
        mut bytes: &'a [u8],
    ) -> &'a [u8] {
        let cutter = &*self.cutter;
        let reading = transport.reading();
        while cutter.goes_on_cutting() && reading.is_on() {
            let Some((unit, rest)) = cutter.find_whole(bytes) else {
                break;
            };
            self.receiver.frame_received(transport, unit);
            bytes = rest;
        }
        bytes
    }

    /// Completes the unit that `partial` is the beginning of, and returns what is left of `data`.
    ///
    /// Not all of `data` is added at once: once a unit begins in `data` itself, it and those behind
    /// it are delivered from there.
    fn complete<'a>(
        &mut self,
        transport: &FrameTransport<F>,
        partial: &mut Vec<u8>,
        mut data: &'a [u8],
    ) -> &'a [u8] {
        while !partial.is_empty() && !data.is_empty() && transport.goes_on() {
            let held = partial.len();
            let piece = data.len().min(held.max(PIECE));
            partial.extend_from_slice(&data[..piece]);
            match self.deliver(transport, partial) {
                None => data = &data[piece..],
                Some(used) if used >= held => {
                    data = &data[used - held..];
                    partial.clear();
                }
                Some(used) => {
                    partial.truncate(held);
                    partial.drain(..used);
                }
            }
        }
        data
    }
}

impl<F: Framing, R: FrameReceiver<F>> Protocol for Framed<F, R> {
    fn connection_made(&mut self, transport: &TransportRef) {
        let transport = self.sits_on(transport);
        self.receiver.connection_made(&transport);
    }

    fn data_received(&mut self, _: &TransportRef, data: &[u8]) {
        let Some(transport) = self.transport.clone() else {
            return;
        };
        let mut partial = self.cutter.begin();
        let mut rest = self.complete(&transport, &mut partial, data);
        if partial.is_empty() {
            rest = self.deliver_whole(&transport, rest);
        }
        while partial.is_empty() && transport.goes_on() {
            match self.deliver(&transport, rest) {
                Some(used) => rest = &rest[used..],
                None => {
                    partial.extend_from_slice(rest);
                    rest = &[];
                    break;
                }
            }
        }
        transport.end(partial, rest);
    }

    fn transport_switched(&mut self, transport: &TransportRef) {
        let forgotten = self.cutter.forget();
        if !forgotten.is_empty() {
            log::warn!(
                "{} bytes of a unit that began on another transport are thrown away",
                forgotten.len()
            );
        }
        let transport = self.sits_on(transport);
        self.receiver.transport_switched(&transport);
    }

    fn handshake_completed(&mut self, _: &TransportRef) {
        if let Some(transport) = &self.transport {
            self.receiver.handshake_completed(transport);
        }
    }

    fn read_connection_lost(&mut self, _: &TransportRef) {
        if let Some(transport) = &self.transport {
            self.receiver.read_connection_lost(transport);
        }
    }

    fn write_connection_lost(&mut self, _: &TransportRef) {
        if let Some(transport) = &self.transport {
            self.receiver.write_connection_lost(transport);
        }
    }

    fn connection_lost(&mut self, reason: &Reason) {
        match self.cutter.failure() {
            Some(error) => self.receiver.connection_lost(&Reason::Failed(error)),
            None => self.receiver.connection_lost(reason),
        }
    }
}

impl<F: Framing, R> fmt::Debug for Framed<F, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Framed")
            .field("mode", &self.cutter.mode())
            .finish_non_exhaustive()
    }
}
