use std::fmt;
use std::rc::Rc;

use retwist_reactor::{
    Address, Channel, Layer, ProtocolRef, Reason, Seat, catch_panic, error_chain,
};

use crate::{HexDump, Policy};

/// Shows the traffic of a connection, in both directions.
///
/// By default it goes to the log, at level `info` with the target `retwist::tap`: one record for each
/// delivery and each write, with a hex dump of at most 256 bytes. [`to`](Tap::to) sends it elsewhere.
/// Put a tap above TLS to see the plaintext; mind that it may be confidential.
///
/// ```
/// # mod retwist { pub use retwist_reactor::*; pub use retwist_protocols as protocols; }
/// use retwist::protocols::{Policy, Tap};
/// use retwist::testing::RecordingTransport;
/// # use retwist::{Protocol, TransportRef};
/// # struct Echo;
/// # impl Protocol for Echo {
/// #     fn data_received(&mut self, transport: &TransportRef, data: &[u8]) { transport.write(data) }
/// # }
/// use std::cell::RefCell;
/// use std::rc::Rc;
///
/// let seen = Rc::new(RefCell::new(Vec::new()));
/// let note = seen.clone();
/// let tap = Tap::new().to(move |_peer, event| note.borrow_mut().push(event.to_string()));
/// let recording = RecordingTransport::connect(tap.wrap(Echo));
/// recording.receive(b"hi");
/// assert_eq!(seen.borrow().len(), 3); // made, received, written
/// ```
#[doc(alias = "TrafficLoggingFactory")]
#[doc(alias = "TrafficLoggingProtocol")]
#[doc(alias = "SpewingFactory")]
#[doc(alias = "WiretapFactory")]
#[derive(Clone)]
pub struct Tap {
    limit: usize,
    sink: Rc<Sink>,
}

type Sink = dyn Fn(&Address, &TapEvent<'_>);

/// An event that a [`Tap`] has seen.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum TapEvent<'a> {
    /// The connection was made.
    Made,
    /// Bytes arrived from the peer.
    Received(Traffic<'a>),
    /// Bytes are written to the peer.
    Written(Traffic<'a>),
    /// The peer sends no more.
    ReadLost,
    /// This side closes its write half.
    WriteClosed,
    /// This side closes the connection.
    Closed,
    /// This side aborts the connection.
    Aborted,
    /// The protocol has ended the connection uncleanly, after its pending output.
    Failed(&'a Reason),
    /// The connection has ended.
    Lost(&'a Reason),
}

/// The bytes of one delivery or one write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Traffic<'a> {
    /// The first of the bytes, at most [`limit`](Tap::limit).
    pub shown: &'a [u8],
    /// How many there are.
    pub length: usize,
}

impl Tap {
    /// Writes into the log.
    pub fn new() -> Self {
        Tap {
            limit: 256,
            sink: Rc::new(|peer, event| log::info!(target: "retwist::tap", "{peer}: {event}")),
        }
    }

    /// Sets how many bytes of each delivery and each write are shown; 256 by default.
    #[must_use]
    pub fn limit(self, bytes: usize) -> Self {
        Tap {
            limit: bytes,
            ..self
        }
    }

    /// Calls `sink` with the peer and the event, instead of writing into the log. `Display` prints an
    /// event as the log has it. A panic in `sink` is logged, and the connection goes on.
    #[must_use]
    pub fn to(self, sink: impl Fn(&Address, &TapEvent<'_>) + 'static) -> Self {
        Tap {
            sink: Rc::new(sink),
            ..self
        }
    }
}

impl Default for Tap {
    fn default() -> Self {
        Tap::new()
    }
}

impl Policy for Tap {
    type Layer = TapLayer;

    fn layer(&self, above: ProtocolRef) -> Rc<TapLayer> {
        Rc::new_cyclic(|me| TapLayer {
            seat: Seat::new(me, above),
            tap: self.clone(),
        })
    }
}

/// The layer of a [`Tap`].
#[derive(Debug)]
pub struct TapLayer {
    seat: Seat,
    tap: Tap,
}

impl TapLayer {
    /// Any code may write or close, so a panic in the sink must not reach the caller.
    fn note(&self, event: TapEvent<'_>) {
        let peer = self.peer();
        if let Err(message) = catch_panic(|| (self.tap.sink)(&peer, &event)) {
            log::error!("the sink of a tap on the connection with {peer} panicked: {message}");
        }
    }

    fn traffic<'a>(&self, data: &'a [u8]) -> Traffic<'a> {
        Traffic {
            shown: &data[..data.len().min(self.tap.limit)],
            length: data.len(),
        }
    }
}

impl Channel for TapLayer {
    fn seat(&self) -> &Seat {
        &self.seat
    }

    fn write(&self, data: &[u8]) {
        self.note(TapEvent::Written(self.traffic(data)));
        self.seat.with_lower(|lower| lower.write(data));
    }

    fn lose_connection(&self, reason: Reason) {
        self.note(TapEvent::Closed);
        self.seat
            .with_lower(|lower| lower.lose_connection_because(reason));
    }

    fn fail_connection(&self, reason: Reason) {
        self.note(TapEvent::Failed(&reason));
        self.seat
            .with_lower(|lower| lower.fail_connection(reason.clone()));
    }

    fn lose_write_connection(&self) {
        self.note(TapEvent::WriteClosed);
        self.seat.with_lower(|lower| lower.lose_write_connection());
    }

    fn abort_connection(&self, reason: Reason) {
        self.note(TapEvent::Aborted);
        self.seat.fail(reason);
        self.seat.with_lower(|lower| lower.abort_connection());
    }
}

impl Layer for TapLayer {
    fn connection_made(&self) {
        self.note(TapEvent::Made);
        self.seat.open();
    }

    fn data_received(&self, data: &mut [u8]) {
        self.note(TapEvent::Received(self.traffic(data)));
        self.seat.deliver(data);
    }

    fn read_connection_lost(&self) {
        self.note(TapEvent::ReadLost);
        self.seat.read_connection_lost();
    }

    fn connection_lost(&self, reason: &Reason) {
        self.note(TapEvent::Lost(reason));
        self.seat.lost(reason.clone());
    }
}

impl fmt::Display for TapEvent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TapEvent::Made => f.write_str("connection made"),
            TapEvent::Received(traffic) => write!(f, "received {traffic}"),
            TapEvent::Written(traffic) => write!(f, "wrote {traffic}"),
            TapEvent::ReadLost => f.write_str("the peer sends no more"),
            TapEvent::WriteClosed => f.write_str("write half closed"),
            TapEvent::Closed => f.write_str("closed"),
            TapEvent::Aborted => f.write_str("aborted"),
            TapEvent::Failed(reason) => write!(f, "failed: {reason}"),
            TapEvent::Lost(reason) => write!(f, "connection lost: {}", error_chain(reason)),
        }
    }
}

impl fmt::Display for Traffic<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes", self.length)?;
        if !self.shown.is_empty() {
            write!(f, "\n{}", HexDump(self.shown))?;
        }
        match self.length - self.shown.len() {
            0 => Ok(()),
            more => write!(f, "\n... and {more} bytes more"),
        }
    }
}

impl fmt::Debug for Tap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tap")
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}
