use std::cell::RefCell;
use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};

use futures_core::Stream;
use retwist_reactor::{
    Address, Factory, FactoryRef, IntoProtocol, ListenError, ListeningPort, ProtocolRef,
    ReactorTcp, TcpListen,
};

use crate::AsyncTransport;

/// Listens on a TCP port, for async code: the connections come from [`Incoming::accept`].
///
/// ```
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use futures_util::io::{AsyncReadExt, copy};
/// use retwist_deferred::{Executor, connect, listen};
/// use retwist_reactor::{Reactor, TcpConnect, TcpListen};
///
/// let reactor = Reactor::new()?;
/// let executor = Executor::new(&reactor);
/// let mut incoming = listen(&*reactor, TcpListen::address("127.0.0.1:0".parse()?))?;
/// let address = incoming.port().address().socket().unwrap();
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
///     handle.stop()?;
///     Ok::<_, Box<dyn std::error::Error>>(())
/// });
/// reactor.run()?;
/// # Ok(()) }
/// ```
pub fn listen(
    reactor: &dyn ReactorTcp,
    how: impl Into<TcpListen>,
) -> Result<Incoming, ListenError> {
    listen_with(reactor, how, |protocol| protocol)
}

/// The same, with layers: `wrap` puts them under the protocol that it is handed. A connection comes
/// once they have negotiated; one that cannot is logged.
pub fn listen_with(
    reactor: &dyn ReactorTcp,
    how: impl Into<TcpListen>,
    wrap: impl Fn(ProtocolRef) -> ProtocolRef + 'static,
) -> Result<Incoming, ListenError> {
    let queue: Rc<RefCell<Queue>> = Rc::default();
    let door = Door {
        queue: queue.clone(),
        wrap: Box::new(wrap),
    };
    let port = reactor.listen(how.into(), FactoryRef::from(door))?;
    // The port, its factory and the queue hold each other until this is dropped.
    queue.borrow_mut().port = Some(port.clone());
    Ok(Incoming { port, queue })
}

/// The connections that are accepted on a port; see [`listen`]. Dropped, it listens no more.
///
/// Up to 1024 connections ([`max_pending`](Incoming::max_pending)) wait for [`accept`](Incoming::accept),
/// those included whose layers still negotiate. Beyond that the port is
/// [paused](ListeningPort::pause_accepting), and whoever connects waits in the system's queue.
pub struct Incoming {
    port: ListeningPort,
    queue: Rc<RefCell<Queue>>,
}

struct Queue {
    port: Option<ListeningPort>,
    /// How many connections may wait.
    limit: usize,
    ready: VecDeque<AsyncTransport>,
    /// How many more are on their way.
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
    /// Somebody has come, or has gone: those who wait may be as many as may, or no longer.
    fn look_at_the_limit(&self) {
        if let Some(port) = &self.port {
            match self.ready.len() + self.opening >= self.limit {
                true => port.pause_accepting(),
                false => port.resume_accepting(),
            }
        }
    }
}

impl Incoming {
    /// The next connection; none when the port has been closed.
    pub async fn accept(&mut self) -> Option<AsyncTransport> {
        poll_fn(|context| Pin::new(&mut *self).poll_next(context)).await
    }

    /// How many connections may wait, at least one.
    pub fn max_pending(self, limit: usize) -> Self {
        {
            let mut queue = self.queue.borrow_mut();
            queue.limit = limit.max(1);
            queue.look_at_the_limit();
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
                queue.look_at_the_limit();
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
        // Those on their way find it ended, and close.
        let (waiting, port) = {
            let mut queue = self.queue.borrow_mut();
            (std::mem::take(&mut queue.ready), queue.port.take())
        };
        drop((waiting, port));
    }
}

/// Where connections come in.
struct Door {
    queue: Rc<RefCell<Queue>>,
    wrap: Box<dyn Fn(ProtocolRef) -> ProtocolRef>,
}

impl Factory for Door {
    fn build_protocol(self: &Rc<Self>, peer: &Address) -> impl IntoProtocol {
        {
            let mut queue = self.queue.borrow_mut();
            queue.opening += 1;
            queue.look_at_the_limit();
        }
        let (protocol, opening) = AsyncTransport::protocol();
        let (queue, peer) = (self.queue.clone(), peer.clone());
        opening.done(move |outcome| {
            let mut queue = queue.borrow_mut();
            queue.opening -= 1;
            match outcome {
                Ok(connection) if !queue.ended => queue.ready.push_back(connection),
                Ok(_) => {}
                Err(failure) => log::info!("the connection from {peer} has not opened: {failure}"),
            }
            queue.look_at_the_limit();
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
