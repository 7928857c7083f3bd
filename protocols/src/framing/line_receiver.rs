use std::sync::Arc;

use retwist_reactor::Reason;

use crate::{FrameReceiver, Framed, LengthLimitExceeded, LineTransport, Lines, UnfinishedFrame};

/// A protocol that receives lines.
///
/// ```
/// # mod retwist { pub use retwist_reactor::*; pub use retwist_protocols as protocols; }
/// use retwist::protocols::{Framed, LineReceiver, LineTransport};
/// use retwist::factory;
///
/// struct Shout;
///
/// impl LineReceiver for Shout {
///     fn line_received(&mut self, transport: &LineTransport, line: &[u8]) {
///         transport.send_line(line.to_ascii_uppercase());
///     }
/// }
///
/// let factory = factory(|_| Framed::lines(Shout));
/// # fn is_factory(_: impl retwist::Factory) {}
/// # is_factory(factory);
/// ```
///
/// Lines end in `\r\n` and have at most 16384 bytes. Others are chosen with [`Lines`]:
/// `Framed::new(Lines::lf_or_crlf().limit(512), Shout)`.
///
/// Where not all input is lines, [`set_raw_mode`](crate::FrameTransport::set_raw_mode) delivers the
/// rest as it arrives, and [`set_line_mode`](crate::FrameTransport::set_line_mode) takes what is
/// left over:
///
/// ```
/// # mod retwist { pub use retwist_reactor::*; pub use retwist_protocols as protocols; }
/// use retwist::protocols::{LineReceiver, LineTransport};
///
/// /// Messages, each with its length on a line before it.
/// struct Mail {
///     body: Vec<u8>,
///     missing: usize,
/// }
///
/// impl LineReceiver for Mail {
///     fn line_received(&mut self, transport: &LineTransport, line: &[u8]) {
///         match str::from_utf8(line).ok().and_then(|line| line.parse().ok()) {
///             Some(length @ 1..=65_536) => {
///                 self.missing = length;
///                 transport.set_raw_mode();
///             }
///             _ => transport.lose_connection(),
///         }
///     }
///
///     fn raw_data_received(&mut self, transport: &LineTransport, data: &[u8]) {
///         let (body, behind) = data.split_at(data.len().min(self.missing));
///         self.body.extend_from_slice(body);
///         self.missing -= body.len();
///         if self.missing == 0 {
///             println!("a message of {} bytes", self.body.len());
///             self.body.clear();
///             transport.set_line_mode(behind);
///         }
///     }
/// }
/// ```
#[doc(alias = "LineOnlyReceiver")]
#[doc(alias = "basic")]
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not receive lines",
    label = "not a receiver",
    note = "write `impl LineReceiver for {Self}`, with a `line_received`"
)]
#[allow(unused_variables, reason = "the names are documentation")]
pub trait LineReceiver: 'static {
    /// See [`Protocol::connection_made`](retwist_reactor::Protocol::connection_made).
    #[doc(alias = "connectionMade")]
    fn connection_made(&mut self, transport: &LineTransport) {}

    /// A complete line has arrived. It comes without its delimiter.
    #[doc(alias = "lineReceived")]
    fn line_received(&mut self, transport: &LineTransport, line: &[u8]);

    /// Bytes have arrived in raw mode, at least one.
    #[doc(alias = "rawDataReceived")]
    fn raw_data_received(&mut self, transport: &LineTransport, data: &[u8]) {}

    /// The peer has sent more than the limit without a delimiter. `rest` begins with that line, and
    /// contains all that has arrived behind it.
    ///
    /// Nothing is delivered after this. By default, the connection is closed because of
    /// [`LengthLimitExceeded`] once what was written has been sent; if a producer is registered, it
    /// is stopped, and the connection [fails](retwist_reactor::Transport::fail_connection).
    ///
    /// An override may answer and close; or go on, with `set_line_mode` or `set_raw_mode` and any
    /// part of `rest`.
    #[doc(alias = "lineLengthExceeded")]
    fn line_length_exceeded(&mut self, transport: &LineTransport, rest: &[u8]) {
        if let Some(error) = transport.failure() {
            transport.end_because(error);
        }
    }

    /// The peer has ended its input with a line that has no delimiter, `line`. Comes before
    /// `read_connection_lost`.
    ///
    /// By default, the connection ends as in
    /// [`line_length_exceeded`](LineReceiver::line_length_exceeded), with [`UnfinishedFrame`] as the
    /// reason. An override can treat `line` as a complete one; if it does not close, it hears
    /// `read_connection_lost` next.
    fn line_incomplete(&mut self, transport: &LineTransport, line: &[u8]) {
        let received = line.len();
        transport.end_because(Arc::new(UnfinishedFrame { received }));
    }

    /// See [`Protocol::transport_switched`](retwist_reactor::Protocol::transport_switched).
    fn transport_switched(&mut self, transport: &LineTransport) {}

    /// See [`Protocol::handshake_completed`](retwist_reactor::Protocol::handshake_completed).
    fn handshake_completed(&mut self, transport: &LineTransport) {}

    /// See [`Protocol::read_connection_lost`](retwist_reactor::Protocol::read_connection_lost).
    /// Comes after [`line_incomplete`](LineReceiver::line_incomplete).
    fn read_connection_lost(&mut self, transport: &LineTransport) {
        transport.lose_connection();
    }

    /// See [`Protocol::write_connection_lost`](retwist_reactor::Protocol::write_connection_lost).
    fn write_connection_lost(&mut self, transport: &LineTransport) {}

    /// See [`Protocol::shutting_down`](retwist_reactor::Protocol::shutting_down).
    fn shutting_down(&mut self, transport: &LineTransport) {
        if !transport.is_draining() {
            transport.lose_connection();
        }
    }

    /// See [`Protocol::connection_lost`](retwist_reactor::Protocol::connection_lost). After a line
    /// that was too long the reason is [`LengthLimitExceeded`].
    #[doc(alias = "connectionLost")]
    fn connection_lost(&mut self, reason: &Reason) {}
}

impl<R: LineReceiver> Framed<Lines, R> {
    /// The protocol in which `receiver` gets lines that end in `\r\n`.
    pub fn lines(receiver: R) -> Self {
        Framed::new(Lines::new(), receiver)
    }
}

impl<R: LineReceiver> FrameReceiver<Lines> for R {
    fn connection_made(&mut self, transport: &LineTransport) {
        LineReceiver::connection_made(self, transport);
    }

    #[inline]
    fn frame_received(&mut self, transport: &LineTransport, frame: &[u8]) {
        self.line_received(transport, frame);
    }

    fn raw_data_received(&mut self, transport: &LineTransport, data: &[u8]) {
        LineReceiver::raw_data_received(self, transport, data);
    }

    fn framing_failed(&mut self, transport: &LineTransport, _: &LengthLimitExceeded, rest: &[u8]) {
        self.line_length_exceeded(transport, rest);
    }

    fn frame_incomplete(&mut self, transport: &LineTransport, rest: &[u8]) {
        LineReceiver::line_incomplete(self, transport, rest);
    }

    fn transport_switched(&mut self, transport: &LineTransport) {
        LineReceiver::transport_switched(self, transport);
    }

    fn handshake_completed(&mut self, transport: &LineTransport) {
        LineReceiver::handshake_completed(self, transport);
    }

    fn read_connection_lost(&mut self, transport: &LineTransport) {
        LineReceiver::read_connection_lost(self, transport);
    }

    fn write_connection_lost(&mut self, transport: &LineTransport) {
        LineReceiver::write_connection_lost(self, transport);
    }

    fn shutting_down(&mut self, transport: &LineTransport) {
        LineReceiver::shutting_down(self, transport);
    }

    fn connection_lost(&mut self, reason: &Reason) {
        LineReceiver::connection_lost(self, reason);
    }
}
