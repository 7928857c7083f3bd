use std::fmt;
use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use futures_io::{AsyncRead, AsyncWrite};
use retwist_reactor::{Address, ProtocolRef, Reason, TransportRef};

use super::stream_protocol::StreamProtocol;
use super::stream_state::StreamState;
use crate::Deferred;

/// A transport for async code: [`AsyncRead`] and [`AsyncWrite`] over a connection of any kind,
/// layers included.
///
/// Callback code hands its live connection over with [`adopt`](AsyncTransport::adopt), and gets it
/// back with [`switch_protocol`](AsyncTransport::switch_protocol). Unused bytes go along both ways.
///
/// Back-pressure works both ways. The transport stops reading while about 64 KiB are pending that
/// no task has read. A write waits while the pending output is above the transport's high-water
/// mark. The transport sends the output at the end of the pass, so a flush has nothing to wait for.
///
/// Closing ([`poll_close`](AsyncWrite::poll_close)) sends all output, then closes the write half;
/// reading goes on. Dropping the `AsyncTransport` sends all output, then closes the connection. A
/// task that panics aborts the connection.
///
/// An error is an [`io::Error`] that holds the connection's [`Reason`] (`error.get_ref()`). Its
/// kind is that of the system's error, if there was one.
///
/// A connection in an `async fn`. The traits that read and write are those of the crate `futures-util`:
///
/// ```
/// # mod retwist { pub use retwist_reactor::*; pub use retwist_deferred as deferred; }
/// use futures_util::io::{AsyncReadExt, AsyncWriteExt};
/// use retwist::deferred::{Executor, connect, listen};
/// use retwist::Reactor;
/// use std::error::Error;
///
/// fn main() -> Result<(), Box<dyn Error>> {
///     let reactor = Reactor::new()?;
///     let executor = Executor::new(&reactor);
///     let mut incoming = listen(&*reactor, "127.0.0.1:0")?;
///     let server = incoming.port().address();
///
///     executor.spawn(async move {
///         while let Some(mut connection) = incoming.accept().await {
///             connection.write_all(b"hello").await?;
///             connection.close().await?;
///         }
///         Ok::<_, std::io::Error>(())
///     });
///
///     let handle = reactor.handle();
///     executor.spawn(async move {
///         let mut connection = connect(&handle, server).await?;
///         let mut greeting = String::new();
///         connection.read_to_string(&mut greeting).await?;
///         assert_eq!(greeting, "hello");
///         handle.stop();
///         Ok::<_, Box<dyn Error>>(())
///     });
///     reactor.run()?;
///     Ok(())
/// }
/// ```
pub struct AsyncTransport {
    state: Rc<StreamState>,
}

impl AsyncTransport {
    /// A protocol for a factory to return, or for a layer to carry, and the transport that comes of
    /// it. The Deferred fires once the protocol is connected; where a layer negotiates, once the
    /// negotiation has finished. It fails with the reason if there will be no connection.
    pub fn protocol() -> (ProtocolRef, Deferred<AsyncTransport, Reason>) {
        let (promise, opening) = Deferred::new();
        let proxy = StreamProtocol {
            state: Rc::default(),
            opening: Some(promise),
        };
        (proxy.into(), opening)
    }

    /// Takes a live connection over from its protocol, which hears nothing more of it. Bytes that
    /// the protocol gave back ([`unread`](retwist_reactor::Transport::unread)) are read first.
    /// Returns `None` if the connection has ended, or if `transport` is revoked.
    ///
    /// Unregister a producer before: otherwise every write fails.
    pub fn adopt(transport: &TransportRef) -> Option<AsyncTransport> {
        let state: Rc<StreamState> = Rc::default();
        let proxy: ProtocolRef = StreamProtocol {
            state: state.clone(),
            opening: None,
        }
        .into();
        let before = transport.switch_protocol(proxy.clone());
        (!before.ptr_eq(&proxy)).then(|| AsyncTransport::over(state))
    }

    pub(crate) fn over(state: Rc<StreamState>) -> Self {
        AsyncTransport { state }
    }

    /// Hands the connection to a protocol, with all unread bytes. The protocol hears
    /// [`connection_made`](retwist_reactor::Protocol::connection_made) or
    /// [`transport_switched`](retwist_reactor::Protocol::transport_switched), as always. Returns
    /// false, and does nothing, if the connection has ended.
    pub fn switch_protocol(self, next: impl Into<ProtocolRef>) -> bool {
        self.state.switch_protocol(next.into())
    }

    /// Calls `change` with the transport, to put a layer below, for example `start_tls`. Bytes that
    /// were read ahead go through that layer. Returns `None` without a call if the connection has
    /// ended, or was adopted in this callback.
    pub fn with_transport<R>(&self, change: impl FnOnce(&TransportRef) -> R) -> Option<R> {
        self.state.with_transport(change)
    }

    /// Calls `change` with the transport, to put a layer below that negotiates, and waits for the
    /// end of the negotiation: `connection.negotiate(|transport| start_tls(transport, role)).await??`.
    /// Fails if the negotiation fails. If `change` adds no layer, its result comes at once.
    ///
    /// [`with_transport`](AsyncTransport::with_transport) does not wait: the layer sends the output
    /// when it can, and reading and writing fail if the negotiation does.
    #[doc(alias = "startTLS")]
    #[doc(alias = "IHandshakeListener")]
    pub async fn negotiate<R>(&self, change: impl FnOnce(&TransportRef) -> R) -> io::Result<R> {
        let (result, negotiates) = self.state.negotiate(change)?;
        if negotiates {
            poll_fn(|context| self.state.poll_negotiated(context)).await?;
        }
        Ok(result)
    }

    /// The transport, for what this type does not offer, for example `TlsTransport::of`. `None` if
    /// the connection has ended, or was adopted in this callback.
    pub fn transport(&self) -> Option<TransportRef> {
        self.state.transport()
    }

    /// Ends the connection now and drops the pending output: see
    /// [`abort_connection`](retwist_reactor::Transport::abort_connection).
    pub fn abort(&self) {
        if let Some(transport) = self.state.transport() {
            transport.abort_connection();
        }
    }

    /// The address of the peer; [`Address::Unknown`] once the connection has ended.
    pub fn peer(&self) -> Address {
        self.state
            .transport()
            .map_or(Address::Unknown, |transport| transport.peer())
    }

    /// The address of this end; [`Address::Unknown`] once the connection has ended.
    pub fn host(&self) -> Address {
        self.state
            .transport()
            .map_or(Address::Unknown, |transport| transport.host())
    }

    /// The reason of the end; `None` while the connection lives.
    pub fn reason(&self) -> Option<Reason> {
        self.state.reason()
    }
}

impl AsyncRead for AsyncTransport {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        self.state.poll_read(context, buffer)
    }
}

impl AsyncWrite for AsyncTransport {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.state.poll_write(context, data)
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(self.state.flush())
    }

    fn poll_close(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.state.poll_close(context)
    }
}

impl Drop for AsyncTransport {
    fn drop(&mut self) {
        // The output of a task that panics is incomplete, and must not look complete.
        if std::thread::panicking() {
            self.abort();
        }
        self.state.abandon();
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
