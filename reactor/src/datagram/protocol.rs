use crate::{Address, DatagramTransport, Reason, SendFailure};

/// The application's side of a port of datagrams. Each datagram arrives whole, perhaps twice,
/// perhaps out of order, perhaps never.
///
/// All methods have defaults. The reactor calls them, one at a time and never from inside a method
/// of the [`DatagramTransport`]. A panic in one of them is logged and closes the port, since what the
/// protocol knows may be half changed; [`stop_protocol`](DatagramProtocol::stop_protocol) hears
/// [`Reason::Panicked`]. A protocol that must outlive its own mistakes catches them itself
/// ([`catch_panic`](crate::catch_panic)), or its owner
/// [starts the port again](crate::ListeningPort::start_listening).
///
/// ```
/// # use retwist_reactor as retwist;
/// use retwist::testing::RecordingDatagrams;
/// use retwist::{Address, DatagramProtocol, DatagramTransport};
///
/// struct Echo;
///
/// impl DatagramProtocol for Echo {
///     fn datagram_received(&mut self, transport: &DatagramTransport, data: &[u8], from: &Address) {
///         transport.send_to(data, from);
///     }
/// }
///
/// let recording = RecordingDatagrams::start(Echo);
/// let client = Address::Udp("192.0.2.1:5000".parse().unwrap());
/// recording.receive(b"hello", &client);
/// assert_eq!(recording.take_sent(), [(b"hello".to_vec(), client)]);
/// ```
#[doc(alias = "AbstractDatagramProtocol")]
#[doc(alias = "ConnectedDatagramProtocol")]
#[allow(unused_variables, reason = "the names are documentation")]
pub trait DatagramProtocol: 'static {
    /// The port is open. Called once for each time that the port is opened, before everything else,
    /// in the first turn after `listen_udp` or `listen_unix_datagram`.
    #[doc(alias = "startProtocol")]
    fn start_protocol(&mut self, transport: &DatagramTransport) {}

    /// A datagram has arrived, whole; `data` may be empty. On a connected port `from` is the peer,
    /// since datagrams from others do not get through.
    #[doc(alias = "datagramReceived")]
    fn datagram_received(&mut self, transport: &DatagramTransport, data: &[u8], from: &Address) {}

    /// A datagram has arrived that is longer than
    /// [`max_datagram`](crate::UdpListen::max_datagram). `start` is what fits; the rest is lost. By
    /// default the datagram is dropped with a warning in the log.
    fn datagram_cut(&mut self, transport: &DatagramTransport, start: &[u8], from: &Address) {
        log::warn!(
            "a datagram from {from} is longer than {} bytes and was dropped; raise max_datagram to receive it",
            start.len()
        );
    }

    /// The peer of a connected port does not listen: the answer to something sent earlier was ICMP
    /// "port unreachable", or no program is there at the name of a UNIX socket. The port stays open, and the peer may listen later. Several answers may
    /// be told as one. Never called on a port that is not connected, whose sender the system does
    /// not tell.
    #[doc(alias = "connectionRefused")]
    fn connection_refused(&mut self, transport: &DatagramTransport) {}

    /// A datagram was not sent, or the network has answered that it could not be delivered. Called
    /// in the turn after the send, and never fatal: the port stays open. By default a warning in the
    /// log.
    #[doc(alias = "MessageLengthError")]
    fn send_failed(&mut self, transport: &DatagramTransport, failure: &SendFailure) {
        log::warn!("{}", crate::error_chain(failure));
    }

    /// All that waited has been handed to the system. Called after datagrams were dropped with
    /// [`SendError::QueueFull`](crate::SendError::QueueFull): who has more to send goes on here.
    fn can_send_again(&mut self, transport: &DatagramTransport) {}

    /// The reactor is about to end, or [drains](crate::ReactorHandle::drain). Unless overridden, the port
    /// is closed; a protocol that overrides this may say goodbye and then calls
    /// [`stop_listening`](DatagramTransport::stop_listening), within
    /// [`shutdown_timeout`](crate::ReactorSettings::shutdown_timeout).
    ///
    /// A drain does not wait for ports of datagrams. A port that the connections still need until they
    /// have ended stays open as long as [`is_draining`](DatagramTransport::is_draining) is true; then
    /// this is called again.
    fn shutting_down(&mut self, transport: &DatagramTransport) {
        transport.stop_listening();
    }

    /// The port has been closed. Called once for each
    /// [`start_protocol`](DatagramProtocol::start_protocol), last, never from inside the call that
    /// closes it. The reason is [`Reason::Done`] after
    /// [`stop_listening`](DatagramTransport::stop_listening).
    #[doc(alias = "stopProtocol")]
    fn stop_protocol(&mut self, reason: &Reason) {}
}
