use retwist_reactor::Reason;

use crate::{FrameTransport, Framing};

/// What an application says to the units of a framing: a [`Protocol`](retwist_reactor::Protocol)
/// whose data comes in units.
///
/// The callbacks are those of a protocol, in the same order and from the same turns. Everything
/// that a protocol may do in a callback may be done in these: what stands behind the present unit
/// is not delivered while the receiver is paused, nor after it has closed, and goes to the newcomer
/// if it has switched.
///
/// An echo that does not care what the framing is:
///
/// ```
/// use retwist_protocols::{FrameReceiver, FrameTransport, Framed, Framing, Int16Strings, Netstrings};
///
/// struct Echo;
///
/// impl<F: Framing> FrameReceiver<F> for Echo {
///     fn frame_received(&mut self, transport: &FrameTransport<F>, frame: &[u8]) {
///         if let Err(error) = transport.send(frame) {
///             eprintln!("{error}");
///         }
///     }
/// }
///
/// let (netstrings, prefixed) = (Framed::new(Netstrings::new(), Echo), Framed::new(Int16Strings::new(), Echo));
/// # let _ = (netstrings, prefixed);
/// ```
#[doc(alias = "NetstringReceiver")]
#[doc(alias = "Int32StringReceiver")]
#[doc(alias = "Int16StringReceiver")]
#[doc(alias = "Int8StringReceiver")]
#[allow(unused_variables, reason = "the names are documentation")]
pub trait FrameReceiver<F: Framing>: 'static {
    /// See [`Protocol::connection_made`](retwist_reactor::Protocol::connection_made).
    fn connection_made(&mut self, transport: &FrameTransport<F>) {}

    /// A unit has come, whole, without what the framing puts around it.
    #[doc(alias = "stringReceived")]
    fn frame_received(&mut self, transport: &FrameTransport<F>, frame: &[u8]);

    /// Bytes have come in raw mode, never none: all that there are, as they come. Only called after
    /// [`set_raw_mode`](FrameTransport::set_raw_mode).
    fn raw_data_received(&mut self, transport: &FrameTransport<F>, data: &[u8]) {}

    /// What the peer sent is not of this framing, or over its limit. `rest` is what has come of it,
    /// and all behind it.
    ///
    /// Nothing is delivered after this, and `error` will be the reason in `connection_lost`; unless
    /// it is overridden the connection is closed now. An override may say a last word and close, or
    /// go on by setting a mode.
    #[doc(alias = "lengthLimitExceeded")]
    fn framing_failed(&mut self, transport: &FrameTransport<F>, error: &F::Error, rest: &[u8]) {
        transport.lose_connection();
    }

    /// See [`Protocol::transport_switched`](retwist_reactor::Protocol::transport_switched).
    fn transport_switched(&mut self, transport: &FrameTransport<F>) {}

    /// See [`Protocol::handshake_completed`](retwist_reactor::Protocol::handshake_completed).
    fn handshake_completed(&mut self, transport: &FrameTransport<F>) {}

    /// See [`Protocol::read_connection_lost`](retwist_reactor::Protocol::read_connection_lost). A
    /// unit that was begun and not finished is never delivered.
    fn read_connection_lost(&mut self, transport: &FrameTransport<F>) {
        transport.lose_connection();
    }

    /// See [`Protocol::write_connection_lost`](retwist_reactor::Protocol::write_connection_lost).
    fn write_connection_lost(&mut self, transport: &FrameTransport<F>) {}

    /// See [`Protocol::connection_lost`](retwist_reactor::Protocol::connection_lost). If the
    /// framing has failed, its error is the reason.
    fn connection_lost(&mut self, reason: &Reason) {}
}
