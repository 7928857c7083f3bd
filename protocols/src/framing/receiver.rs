use std::sync::Arc;

use retwist_reactor::Reason;

use crate::{FrameTransport, Framing, UnfinishedFrame};

/// What an application does with the units of a framing: a [`Protocol`](retwist_reactor::Protocol)
/// whose data comes in units.
///
/// The callbacks are those of a protocol, in the same order and from the same turns of the loop. A
/// callback may do whatever a callback of a protocol may do. What stands behind the present unit is
/// not delivered while the receiver is paused, and not at all after it has closed; if it has
/// switched, the new protocol gets it.
///
/// This echo works with every framing whose units are bytes:
///
/// ```
/// # mod retwist { pub use retwist_reactor::*; pub use retwist_protocols as protocols; }
/// use retwist::protocols::{ByteFraming, FrameReceiver, FrameTransport};
/// use retwist::protocols::{Framed, Int16Strings, Netstrings};
///
/// struct Echo;
///
/// impl<F: ByteFraming> FrameReceiver<F> for Echo {
///     fn frame_received(&mut self, transport: &FrameTransport<F>, frame: &[u8]) {
///         if let Err(error) = transport.send(frame) {
///             eprintln!("{error}");
///         }
///     }
/// }
///
/// let netstrings = Framed::new(Netstrings::new(), Echo);
/// let prefixed = Framed::new(Int16Strings::new(), Echo);
/// # let _ = (netstrings, prefixed);
/// ```
#[doc(alias = "NetstringReceiver")]
#[doc(alias = "Int32StringReceiver")]
#[doc(alias = "Int16StringReceiver")]
#[doc(alias = "Int8StringReceiver")]
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not receive the units of `{F}`",
    label = "not a receiver",
    note = "write `impl FrameReceiver<{F}> for {Self}`, with a `frame_received`"
)]
#[allow(unused_variables, reason = "the names are documentation")]
pub trait FrameReceiver<F: Framing>: 'static {
    /// See [`Protocol::connection_made`](retwist_reactor::Protocol::connection_made).
    fn connection_made(&mut self, transport: &FrameTransport<F>) {}

    /// A complete unit has arrived. It comes without what the framing puts around it.
    #[doc(alias = "stringReceived")]
    fn frame_received(&mut self, transport: &FrameTransport<F>, frame: F::Unit<'_>);

    /// Bytes have arrived in raw mode, at least one: all that there are, as they arrive. Only called
    /// after [`set_raw_mode`](FrameTransport::set_raw_mode).
    fn raw_data_received(&mut self, transport: &FrameTransport<F>, data: &[u8]) {}

    /// The peer has sent bytes that are not valid in this framing, or exceed its limit. `rest`
    /// begins with them, and contains all that has arrived behind them.
    ///
    /// Nothing is delivered after this, and `error` becomes the reason in `connection_lost`. By
    /// default, the connection is closed because of `error` once what was written has been sent. If a
    /// producer is registered, it is stopped, and the connection
    /// [fails](retwist_reactor::Transport::fail_connection): what the producer had to send must not
    /// look complete.
    ///
    /// An override may send a last message and close; or go on, by setting a mode.
    #[doc(alias = "lengthLimitExceeded")]
    fn framing_failed(&mut self, transport: &FrameTransport<F>, error: &F::Error, rest: &[u8]) {
        if let Some(error) = transport.failure() {
            transport.end_because(error);
        }
    }

    /// The peer has ended its input in the middle of a unit, of which `rest` has arrived. Comes
    /// before `read_connection_lost`.
    ///
    /// By default, the connection ends as in [`framing_failed`](FrameReceiver::framing_failed), with
    /// [`UnfinishedFrame`] as the reason. An override that does not close hears
    /// `read_connection_lost` next.
    fn frame_incomplete(&mut self, transport: &FrameTransport<F>, rest: &[u8]) {
        let received = rest.len();
        transport.end_because(Arc::new(UnfinishedFrame { received }));
    }

    /// See [`Protocol::transport_switched`](retwist_reactor::Protocol::transport_switched).
    fn transport_switched(&mut self, transport: &FrameTransport<F>) {}

    /// See [`Protocol::handshake_completed`](retwist_reactor::Protocol::handshake_completed).
    fn handshake_completed(&mut self, transport: &FrameTransport<F>) {}

    /// See [`Protocol::read_connection_lost`](retwist_reactor::Protocol::read_connection_lost).
    /// Comes after [`frame_incomplete`](FrameReceiver::frame_incomplete).
    fn read_connection_lost(&mut self, transport: &FrameTransport<F>) {
        transport.lose_connection();
    }

    /// See [`Protocol::write_connection_lost`](retwist_reactor::Protocol::write_connection_lost).
    fn write_connection_lost(&mut self, transport: &FrameTransport<F>) {}

    /// See [`Protocol::shutting_down`](retwist_reactor::Protocol::shutting_down).
    fn shutting_down(&mut self, transport: &FrameTransport<F>) {
        if !transport.is_draining() {
            transport.lose_connection();
        }
    }

    /// See [`Protocol::connection_lost`](retwist_reactor::Protocol::connection_lost). If the
    /// framing has failed, its error is the reason.
    fn connection_lost(&mut self, reason: &Reason) {}
}
