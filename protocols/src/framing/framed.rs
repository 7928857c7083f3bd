use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use retwist_reactor::{Protocol, Reason, TransportRef, WeakProtocol};

use super::deadline::FrameDeadline;
use super::decoder::{FrameDecoder, Mode};
use crate::{FrameReceiver, FrameTransport, Framing};

/// A protocol that cuts its input into units with `F` and hands them to `R`.
///
/// All that can happen between two units is handled here, once for all framings. When the receiver
/// has paused, switched or closed, it gets nothing more, and the rest of the bytes is given back to
/// the transport, for the next reader. A unit that arrives whole is delivered from where it
/// arrived. The beginning of a unit that does not is kept, and the time that such a unit takes is
/// linear in its length, however it is cut.
///
/// A switch from outside of the receiver's callbacks can happen while half a unit is kept here. Call
/// [`give_back`](FrameTransport::give_back) before such a switch, so that the new protocol gets
/// these bytes. If the transport below is replaced by another one, the half unit is discarded: no
/// byte from before TLS is taken for one from inside TLS.
///
/// ```
/// # mod retwist { pub use retwist_reactor::*; pub use retwist_protocols as protocols; }
/// use retwist::protocols::{FrameReceiver, FrameTransport, Framed, Int16Strings};
/// use retwist::testing::RecordingTransport;
///
/// struct Reverse;
///
/// impl FrameReceiver<Int16Strings> for Reverse {
///     fn frame_received(&mut self, transport: &FrameTransport<Int16Strings>, frame: &[u8]) {
///         let reversed: Vec<u8> = frame.iter().rev().copied().collect();
///         if let Err(error) = transport.send(reversed) {
///             eprintln!("{error}");
///         }
///     }
/// }
///
/// let recording = RecordingTransport::connect(Framed::new(Int16Strings::new(), Reverse));
/// recording.receive(b"\0\x05he");
/// recording.receive(b"llo");
/// assert_eq!(recording.take_written(), b"\0\x05olleh");
/// ```
pub struct Framed<F: Framing, R> {
    receiver: R,
    decoder: Rc<FrameDecoder<F>>,
    /// `None` until it is connected.
    transport: Option<FrameTransport<F>>,
    input_ended: bool,
    /// Boxed, since most have none.
    deadline: Option<Box<FrameDeadline>>,
}

/// How many bytes are first added to a unit that has begun already, if the unit is shorter than
/// this.
const PIECE: usize = 256;

impl<F: Framing, R: FrameReceiver<F>> Framed<F, R> {
    /// The protocol in which `receiver` gets the units of `framing`.
    pub fn new(framing: F, receiver: R) -> Self {
        Framed {
            receiver,
            decoder: Rc::new(FrameDecoder::new(framing)),
            transport: None,
            input_ended: false,
            deadline: None,
        }
    }

    /// Sets how long a unit may take from its first byte to its last. A peer that takes longer loses its
    /// connection, with [`FrameTimedOut`](crate::FrameTimedOut) as the reason. By default there is no such limit:
    /// an idle time does not end a peer that sends a byte now and then.
    ///
    /// In raw mode there are no units, and no limit. A unit whose delivery a pause holds up is not late.
    ///
    /// ```
    /// # mod retwist { pub use retwist_reactor::*; pub use retwist_protocols as protocols; }
    /// use std::time::Duration;
    /// use retwist::protocols::{Framed, LineReceiver, LineTransport};
    /// # use retwist::testing::RecordingTransport;
    ///
    /// struct Echo;
    ///
    /// impl LineReceiver for Echo {
    ///     fn line_received(&mut self, transport: &LineTransport, line: &[u8]) {
    ///         transport.send_line(line);
    ///     }
    /// }
    ///
    /// let protocol = Framed::lines(Echo).frame_timeout(Duration::from_secs(30));
    /// # let recording = RecordingTransport::connect(protocol);
    /// # recording.receive(b"one\r\nt");
    /// # recording.clock().advance(Duration::from_secs(29));
    /// # recording.receive(b"wo");
    /// # assert!(!recording.is_closing());
    /// # recording.clock().advance(Duration::from_secs(1));
    /// # assert!(recording.is_closing());
    /// ```
    #[must_use]
    pub fn frame_timeout(mut self, limit: Duration) -> Self {
        self.deadline = Some(Box::new(FrameDeadline::new(limit)));
        self
    }

    /// A delivery has ended. `continues`: it has brought nothing but more of a unit that had begun.
    #[cold]
    fn watch(&self, transport: &FrameTransport<F>, continues: bool) {
        let Some(deadline) = &self.deadline else {
            return;
        };
        if !self.decoder.is_within_unit() {
            deadline.stop();
        } else if !continues {
            let me: WeakProtocol<Self> = transport.own();
            deadline.start(&transport.clock(), move |error| {
                me.call(move |framed, _| {
                    // What has come of it may have been given back meanwhile.
                    if let Some(transport) = &framed.transport
                        && framed.decoder.is_within_unit()
                    {
                        transport.end_because(Arc::new(error));
                    }
                });
            });
        }
    }

    /// The application behind the framing, to be called from elsewhere by way of a
    /// [`ProtocolHandle`](retwist_reactor::ProtocolHandle).
    pub fn receiver(&mut self) -> &mut R {
        &mut self.receiver
    }

    /// The transport of the receiver. `None` before `connection_made`.
    pub fn transport(&self) -> Option<&FrameTransport<F>> {
        self.transport.as_ref()
    }

    pub(crate) fn decoder(&self) -> &Rc<FrameDecoder<F>> {
        &self.decoder
    }

    /// What calls the receiver, with its kind of transport.
    pub(crate) fn calling<T>(
        call: impl FnOnce(&mut R, &FrameTransport<F>) -> T,
    ) -> impl FnOnce(&mut Self, &TransportRef) -> T {
        |framed, transport| {
            let transport = FrameTransport::new(transport, &framed.decoder);
            call(&mut framed.receiver, &transport)
        }
    }

    /// Makes the calls that the last callback of the receiver has kept waiting.
    #[inline]
    fn make_calls(&mut self) {
        if self.decoder.has_calls() {
            self.decoder.make_calls(&mut self.receiver);
        }
    }

    fn attach(&mut self, transport: &TransportRef) -> FrameTransport<F> {
        self.transport
            .insert(FrameTransport::new(transport, &self.decoder))
            .clone()
    }

    /// Delivers from `bytes` until a unit is not complete or the receiver takes no more. Returns the
    /// rest.
    fn deliver<'a>(&mut self, transport: &FrameTransport<F>, mut bytes: &'a [u8]) -> &'a [u8] {
        loop {
            let incomplete;
            (bytes, incomplete) = self.deliver_units(transport, bytes);
            self.make_calls();
            if incomplete || !transport.goes_on() {
                return bytes;
            }
            if self.decoder.mode() != Mode::Frames {
                if bytes.is_empty() {
                    return bytes;
                }
                bytes = &bytes[self.deliver_raw(transport, bytes)..];
            }
        }
    }

    /// Delivers units from where they are. Returns the rest, and whether it is the beginning of a
    /// unit. This is what most deliveries come down to.
    #[inline(never)]
    fn deliver_units<'a>(
        &mut self,
        transport: &FrameTransport<F>,
        mut bytes: &'a [u8],
    ) -> (&'a [u8], bool) {
        let reading = transport.reading();
        loop {
            let (decoder, receiver) = (&*self.decoder, &mut self.receiver);
            let error = loop {
                if !decoder.goes_on_decoding() || !reading.is_on() {
                    return (bytes, false);
                }
                match decoder.decode(bytes, 0) {
                    Ok(Some(frame)) => {
                        bytes = bytes.get(frame.consumed..).unwrap_or_else(nothing);
                        receiver.frame_received(transport, frame.unit);
                    }
                    Ok(None) => return (bytes, true),
                    Err(error) => break error,
                }
            };
            bytes = &bytes[self.fail(transport, error, bytes)..];
        }
    }

    /// Delivers once from `bytes`. Returns how many bytes are done with; `None` if the unit is not
    /// complete.
    fn deliver_one(&mut self, transport: &FrameTransport<F>, bytes: &[u8]) -> Option<usize> {
        if self.decoder.mode() != Mode::Frames {
            return Some(self.deliver_raw(transport, bytes));
        }
        match self.decoder.decode(bytes, self.decoder.take_seen()) {
            Ok(Some(frame)) => {
                let consumed = frame.consumed.min(bytes.len());
                self.receiver.frame_received(transport, frame.unit);
                self.make_calls();
                Some(consumed)
            }
            Ok(None) => None,
            Err(error) => Some(self.fail(transport, error, bytes)),
        }
    }

    /// Delivers `bytes` outside of frame mode. Returns how many are done with.
    fn deliver_raw(&mut self, transport: &FrameTransport<F>, bytes: &[u8]) -> usize {
        if self.decoder.mode() == Mode::Failed {
            return bytes.len();
        }
        let receiver = &mut self.receiver;
        let used = self
            .decoder
            .lend(bytes, || receiver.raw_data_received(transport, bytes));
        self.make_calls();
        used
    }

    /// Reports that `bytes` are not of this framing. Returns how many are done with.
    #[cold]
    fn fail(&mut self, transport: &FrameTransport<F>, error: F::Error, bytes: &[u8]) -> usize {
        let error = Arc::new(error);
        self.decoder.fail(error.clone());
        let receiver = &mut self.receiver;
        let used = self.decoder.lend(bytes, || {
            receiver.framing_failed(transport, &error, bytes);
        });
        self.make_calls();
        used
    }

    /// Completes the unit that `partial` is the beginning of. Returns the rest of `data`.
    ///
    /// `data` is added in pieces: once a unit begins in `data` itself, it and those behind it are
    /// delivered from there.
    fn complete<'a>(
        &mut self,
        transport: &FrameTransport<F>,
        partial: &mut Vec<u8>,
        mut data: &'a [u8],
    ) -> &'a [u8] {
        while !partial.is_empty() && !data.is_empty() && transport.goes_on() {
            let held = partial.len();
            let (piece, behind) = data.split_at(data.len().min(held.max(PIECE)));
            partial.extend_from_slice(piece);
            let mut used = 0;
            while used < held
                && transport.goes_on()
                && let Some(more) = self.deliver_one(transport, &partial[used..])
            {
                used += more;
            }
            if used >= held {
                data = &data[used - held..];
                partial.clear();
            } else {
                partial.drain(..used);
                data = behind;
            }
        }
        data
    }

    /// The peer has ended its input. Delivers what that completes, and reports what it does not.
    fn finish(&mut self, transport: &FrameTransport<F>) {
        if self.decoder.mode() != Mode::Frames {
            return;
        }
        let partial = self.decoder.begin();
        let mut rest = &*partial;
        while !rest.is_empty() && transport.is_connected() && self.decoder.goes_on_decoding() {
            match self.decoder.decode_at_end(rest) {
                Ok(Some(frame)) => {
                    rest = rest.get(frame.consumed..).unwrap_or_default();
                    self.receiver.frame_received(transport, frame.unit);
                    self.make_calls();
                }
                Ok(None) => {
                    self.receiver.frame_incomplete(transport, rest);
                    self.make_calls();
                    rest = &[];
                }
                Err(error) => rest = &rest[self.fail(transport, error, rest)..],
            }
        }
        if !rest.is_empty() && transport.is_connected() && self.decoder.mode() == Mode::Raw {
            rest = &rest[self.deliver_raw(transport, rest)..];
        }
        transport.end(Vec::new(), rest);
    }
}

/// What a framing leaves that says it has consumed more than there was. Cold, so that the usual rest
/// is a branch that is foreseen.
#[cold]
fn nothing<'a>() -> &'a [u8] {
    &[]
}

impl<F: Framing, R: FrameReceiver<F>> Protocol for Framed<F, R> {
    fn connection_made(&mut self, transport: &TransportRef) {
        let transport = self.attach(transport);
        self.receiver.connection_made(&transport);
    }

    fn data_received(&mut self, _: &TransportRef, data: &[u8]) {
        let Some(transport) = self.transport.clone() else {
            return;
        };
        let mut partial = self.decoder.begin();
        let held = partial.len();
        let mut rest = self.complete(&transport, &mut partial, data);
        let continues = held > 0 && partial.len() == held + data.len();
        if partial.is_empty() {
            rest = self.deliver(&transport, rest);
            if transport.goes_on() {
                partial.extend_from_slice(rest);
                rest = &[];
            }
        }
        transport.end(partial, rest);
        if self.deadline.is_some() {
            self.watch(&transport, continues);
        }
        if self.input_ended {
            // The receiver has pushed these bytes back behind the end.
            self.finish(&transport);
        }
    }

    fn transport_switched(&mut self, transport: &TransportRef) {
        let discarded = self.decoder.take_partial();
        if let Some(deadline) = &self.deadline {
            deadline.stop();
        }
        if !discarded.is_empty() {
            log::warn!(
                "{} bytes of a unit that began on another transport are discarded",
                discarded.len()
            );
        }
        let transport = self.attach(transport);
        self.receiver.transport_switched(&transport);
    }

    fn handshake_completed(&mut self, _: &TransportRef) {
        if let Some(transport) = &self.transport {
            self.receiver.handshake_completed(transport);
        }
    }

    fn read_connection_lost(&mut self, _: &TransportRef) {
        let Some(transport) = self.transport.clone() else {
            return;
        };
        self.input_ended = true;
        self.finish(&transport);
        if transport.is_connected() {
            self.receiver.read_connection_lost(&transport);
        }
    }

    fn write_connection_lost(&mut self, _: &TransportRef) {
        if let Some(transport) = &self.transport {
            self.receiver.write_connection_lost(transport);
        }
    }

    fn shutting_down(&mut self, _: &TransportRef) {
        if let Some(transport) = &self.transport {
            self.receiver.shutting_down(transport);
        }
    }

    fn connection_lost(&mut self, reason: &Reason) {
        self.deadline = None;
        match self.decoder.failure() {
            Some(error) => self.receiver.connection_lost(&Reason::Failed(error)),
            None => self.receiver.connection_lost(reason),
        }
    }
}

impl<F: Framing, R> fmt::Debug for Framed<F, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Framed")
            .field("mode", &self.decoder.mode())
            .finish_non_exhaustive()
    }
}
