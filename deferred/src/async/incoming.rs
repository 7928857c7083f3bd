use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use futures_core::Stream;
use retwist_reactor::{
    Address, Factory, FactoryRef, IntoProtocol, IntoTcpListen, ListenError, ListeningPort,
    ProtocolRef, ReactorTcp,
};

use crate::AsyncTransport;

/// Listens on a TCP port, for async code. [`Incoming::accept`] returns the connections.
///
/// ```
/// # mod retwist { pub use retwist_reactor::*; pub use retwist_deferred as deferred; }
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use futures_util::io::{AsyncReadExt, copy};
/// use retwist::deferred::{Executor, connect, listen};
/// use retwist::Reactor;
///
/// let reactor = Reactor::new()?;
/// let executor = Executor::new(&reactor);
/// let mut incoming = listen(&*reactor, "127.0.0.1:0")?;
/// let address = incoming.port().address();
///
/// let spawner = executor.spawner();
/// executor.spawn(async move {
///     while let Some(connection) = incoming.accept().await {
///         spawner.spawn(async move {
///             let (reader, mut writer) = connection.split();
///             copy(reader, &mut writer).await
///         });
///     }
/// });
///
/// let handle = reactor.handle();
/// executor.spawn(async move {
///     use futures_util::AsyncWriteExt;
///     let mut connection = connect(&handle, address).await?;
///     connection.write_all(b"hello").await?;
///     connection.close().await?;
///     let mut echo = String::new();
///     connection.read_to_string(&mut echo).await?;
///     assert_eq!(echo, "hello");
///     handle.stop();
///     Ok::<_, Box<dyn std::error::Error>>(())
/// });
/// reactor.run()?;
/// # Ok(()) }
/// ```
pub fn listen(
    reactor: &dyn ReactorTcp,
    address: impl IntoTcpListen,
) -> Result<Incoming, ListenError> {
    listen_with(reactor, address, |protocol| protocol)
}

/// [`listen`] with layers: `wrap` puts them below the protocol that it is handed. A connection is
/// accepted once its layers have negotiated. A negotiation that fails is logged.
pub fn listen_with(
    reactor: &dyn ReactorTcp,
    address: impl IntoTcpListen,
    wrap: impl Fn(ProtocolRef) -> ProtocolRef + 'static,
) -> Result<Incoming, ListenError> {
    let queue: Rc<RefCell<Queue>> = Rc::default();
    let factory = QueueFactory {
        queue: queue.clone(),
        wrap: Box::new(wrap),
    };
    let port = reactor.listen(address.into_tcp_listen()?, FactoryRef::from(factory))?;
    // The port, its factory and the queue keep each other until `Incoming` is dropped.
    queue.borrow_mut().port = Some(port.clone());
    Ok(Incoming { port, queue })
}

/// The connections of a port: see [`listen`]. Dropping it stops listening.
///
/// At most 1024 connections ([`max_pending`](Incoming::max_pending)) are pending, including those
/// whose layers still negotiate. At the limit, the port is
/// [paused](ListeningPort::pause_accepting), and further peers wait in the system's queue.
pub struct Incoming {
    port: ListeningPort,
    queue: Rc<RefCell<Queue>>,
}

struct Queue {
    port: Option<ListeningPort>,
    /// The most connections that may be pending.
    limit: usize,
    ready: VecDeque<AsyncTransport>,
    /// The number of connections whose layers still negotiate.
    opening: usize,
    waker: Option<Waker>,
    ended: bool,
}

impl Default for Queue {
    fn default() -> Self {
        Queue {
            port: None,
            limit: 1024,
            ready: VecDeque::new(),
            opening: 0,
            waker: None,
            ended: false,
        }
    }
}

impl Queue {
    /// Pauses the port at the limit, and resumes it below.
    fn check_limit(&self) {
        if let Some(port) = &self.port {
            if self.ready.len() + self.opening >= self.limit {
                port.pause_accepting();
            } else {
                port.resume_accepting();
            }
        }
    }
}

impl Incoming {
    /// Waits for the next connection. Returns `None` once the port has been closed.
    pub async fn accept(&mut self) -> Option<AsyncTransport> {
        poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
    }

    /// Sets the most connections that may be pending, at least 1. Default 1024.
    pub fn max_pending(self, limit: usize) -> Self {
        {
            let mut queue = self.queue.borrow_mut();
            queue.limit = limit.max(1);
            queue.check_limit();
        }
        self
    }

    /// The port, with its address.
    pub fn port(&self) -> &ListeningPort {
        &self.port
    }
}

impl Stream for Incoming {
    type Item = AsyncTransport;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<AsyncTransport>> {
        let mut queue = self.queue.borrow_mut();
        match queue.ready.pop_front() {
            Some(connection) => {
                queue.check_limit();
                Poll::Ready(Some(connection))
            }
            None if queue.ended => Poll::Ready(None),
            None => {
                queue.waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        self.port.stop_listening();
        // Connections that are still negotiating see that it has ended, and close.
        let (waiting, port) = {
            let mut queue = self.queue.borrow_mut();
            (std::mem::take(&mut queue.ready), queue.port.take())
        };
        drop((waiting, port));
    }
}

/// Adds the connections of the port to the queue.
struct QueueFactory {
    queue: Rc<RefCell<Queue>>,
    wrap: Box<dyn Fn(ProtocolRef) -> ProtocolRef>,
}

impl Factory for QueueFactory {
    fn build_protocol(self: &Rc<Self>, peer: &Address) -> impl IntoProtocol {
        {
            let mut queue = self.queue.borrow_mut();
            queue.opening += 1;
            queue.check_limit();
        }
        let (protocol, opening) = AsyncTransport::protocol();
        let (queue, peer) = (self.queue.clone(), peer.clone());
        opening.done(move |outcome| {
            let mut queue = queue.borrow_mut();
            queue.opening -= 1;
            match outcome {
                Ok(connection) if !queue.ended => queue.ready.push_back(connection),
                Ok(_) => {}
                Err(failure) => {
                    log::info!("the connection from {peer} was lost before it opened: {failure}")
                }
            }
            queue.check_limit();
            if let Some(waker) = queue.waker.take() {
                waker.wake();
            }
        });
        (self.wrap)(protocol)
    }

    fn start_factory(self: &Rc<Self>) {
        self.queue.borrow_mut().ended = false;
    }

    fn stop_factory(self: &Rc<Self>) {
        let mut queue = self.queue.borrow_mut();
        queue.ended = true;
        if let Some(waker) = queue.waker.take() {
            waker.wake();
        }
    }
}

impl fmt::Debug for Incoming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Incoming")
            .field("port", &self.port)
            .field("waiting", &self.queue.borrow().ready.len())
            .finish_non_exhaustive()
    }
}
