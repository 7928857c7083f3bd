use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use futures_io::{AsyncRead, AsyncWrite};
use retwist_reactor::{Address, ProtocolRef, Reason, TransportRef};

use crate::Deferred;
use crate::link::{Link, Proxy};

/// A transport for async code: [`AsyncRead`] and [`AsyncWrite`] over a connection of any kind,
/// layers included.
///
/// It sits in the transport's seat by way of
/// [`switch_protocol`](retwist_reactor::Transport::switch_protocol). Callback code hands its live
/// connection over with [`adopt`](AsyncTransport::adopt), and gets it back with
/// [`switch_protocol`](AsyncTransport::switch_protocol); bytes that nobody has used go along, both
/// ways.
///
/// Back-pressure works both ways. No more than about 64 KiB are read that nobody has asked for; a
/// write waits while more than the transport's high-water mark is waiting to be sent. What is
/// written goes out at the end of the turn, so that a flush has nothing to wait for. Closing
/// ([`poll_close`](AsyncWrite::poll_close)) closes the write half, after all that was written has
/// been handed over, and reading goes on. Dropping it closes the connection in order: what was
/// written is sent first; a task that panics aborts it.
///
/// An error is an [`io::Error`] with the connection's [`Reason`] inside (`error.get_ref()`), and of
/// the kind that the system gave, if it did.
pub struct AsyncTransport {
    link: Rc<Link>,
}

impl AsyncTransport {
    /// A protocol to be returned by a factory, or put over a layer, and the transport that it will
    /// be once it is connected (where a layer negotiates: once it has). It fails with the reason
    /// for which there will be no connection.
    pub fn protocol() -> (ProtocolRef, Deferred<AsyncTransport, Reason>) {
        let (promise, opening) = Deferred::new();
        let proxy = Proxy {
            link: Rc::default(),
            opening: Some(promise),
        };
        (proxy.into(), opening)
    }

    /// Takes a live connection over from the protocol that sits there, which hears nothing more of
    /// it. Bytes that it gave back ([`unread`](retwist_reactor::Transport::unread)) are read first.
    /// None if the connection has ended, or `transport` is not that protocol's any more.
    ///
    /// A producer has to be unregistered before; with one, every write fails.
    pub fn adopt(transport: &TransportRef) -> Option<AsyncTransport> {
        let link: Rc<Link> = Rc::default();
        let proxy: ProtocolRef = Proxy {
            link: link.clone(),
            opening: None,
        }
        .into();
        let before = transport.switch_protocol(proxy.clone());
        (!before.ptr_eq(&proxy)).then(|| AsyncTransport::over(link))
    }

    pub(crate) fn over(link: Rc<Link>) -> Self {
        AsyncTransport { link }
    }

    /// Hands the connection to a protocol, with all the bytes that nobody has read. It hears
    /// [`connection_made`](retwist_reactor::Protocol::connection_made) or
    /// [`transport_switched`](retwist_reactor::Protocol::transport_switched), as always. False, and
    /// nothing happens, if the connection has ended.
    pub fn switch_protocol(self, next: impl Into<ProtocolRef>) -> bool {
        self.link.switch_protocol(next.into())
    }

    /// Hands the transport to `change`, which may put a layer under this protocol: `start_tls`,
    /// say. What was read ahead goes through that layer. None, and no call, if the connection has
    /// ended, or was adopted in this very turn.
    pub fn with_transport<R>(&self, change: impl FnOnce(&TransportRef) -> R) -> Option<R> {
        self.link.with_transport(change)
    }

    /// Hands the transport to `change`, which puts a layer under this protocol that negotiates, and
    /// waits until it has: `connection.negotiate(|transport| start_tls(transport, role)).await??`.
    /// Fails with what it failed with. If `change` puts no layer there, its result comes at once.
    ///
    /// With [`with_transport`](AsyncTransport::with_transport) nobody waits: what is written goes
    /// out when the layer lets it, and reading or writing fails if it does not.
    #[doc(alias = "startTLS")]
    #[doc(alias = "IHandshakeListener")]
    pub async fn negotiate<R>(&self, change: impl FnOnce(&TransportRef) -> R) -> io::Result<R> {
        let (result, negotiates) = self.link.negotiate(change)?;
        if negotiates {
            poll_fn(|context| self.link.poll_negotiated(context)).await?;
        }
        Ok(result)
    }

    /// The transport, to ask it something that this type does not tell: `TlsTransport::of`, say.
    /// None if the connection has ended, or was adopted in this very turn.
    pub fn transport(&self) -> Option<TransportRef> {
        self.link.transport()
    }

    /// Ends the connection now, see
    /// [`abort_connection`](retwist_reactor::Transport::abort_connection). Dropping it closes in
    /// order.
    pub fn abort(&self) {
        if let Some(transport) = self.link.transport() {
            transport.abort_connection();
        }
    }

    /// Where the other end is; [`Address::Unknown`] when the connection has gone.
    pub fn peer(&self) -> Address {
        self.link
            .transport()
            .map_or(Address::Unknown, |transport| transport.peer())
    }

    /// Where this end is.
    pub fn host(&self) -> Address {
        self.link
            .transport()
            .map_or(Address::Unknown, |transport| transport.host())
    }

    /// Why the connection has ended; none while it has not.
    pub fn reason(&self) -> Option<Reason> {
        self.link.reason()
    }
}

impl AsyncRead for AsyncTransport {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.link.poll_read(context, buffer)
    }
}

impl AsyncWrite for AsyncTransport {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.link.poll_write(context, data)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.link.flush())
    }

    fn poll_close(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.link.poll_close(context)
    }
}

impl Drop for AsyncTransport {
    fn drop(&mut self) {
        // What a task that panics has written is not all, and must not look like that.
        if std::thread::panicking() {
            self.abort();
        }
        self.link.desert();
    }
}

impl fmt::Debug for AsyncTransport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AsyncTransport")
            .field("peer", &self.peer())
            .field("reason", &self.reason())
            .finish_non_exhaustive()
    }
}
