mod arrivals;

use std::any::TypeId;
use std::fmt;

use self::arrivals::Arrivals;
use crate::ReactorHandle;
use crate::socket::{Inbox, NotPut};
use crate::stream::{Leaving, Parcel};
use crate::{
    Address, IntoFactory, IntoProtocol, ListenError, PassError, StreamSettings, TransportRef,
    factory,
};

/// Where connections of other reactors can be passed to: made by
/// [`ReactorHandle::accept_passed`], used by [`TransportRef::pass_to`]. It may go to any thread, and a
/// clone is the same.
#[derive(Clone)]
pub struct PassTarget {
    inbox: Inbox<Parcel>,
}

impl PassTarget {
    /// How many connections the reactor serves, with those that were passed to it and have not arrived.
    pub fn served(&self) -> usize {
        self.inbox.load()
    }

    /// Whether it takes connections. A reactor that drains or stops does not.
    pub fn is_open(&self) -> bool {
        self.inbox.is_open()
    }

    /// Whether its reactor is to be [left out](crate::Remote::avoid): it does not turn, say.
    pub fn is_avoided(&self) -> bool {
        self.inbox.is_avoided()
    }
}

impl fmt::Debug for PassTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PassTarget")
            .field("open", &self.is_open())
            .field("served", &self.served())
            .finish()
    }
}

impl ReactorHandle {
    /// Takes over connections that other reactors of this process [pass](TransportRef::pass_to) to this
    /// one. `build` makes the protocol of each from the address of its peer. What is returned is for the
    /// threads of the others.
    ///
    /// The protocol hears [`connection_made`](crate::Protocol::connection_made), then what the one before
    /// it has not used. The connection keeps its [number](crate::Transport::connection_id). It has the
    /// default [settings](StreamSettings), and a drain waits for it, whichever side has made it.
    ///
    /// ```
    /// # use retwist_reactor as retwist;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use retwist::{PassTarget, Protocol, Reactor, TransportRef};
    ///
    /// /// Looks at the first line, and has another reactor answer the long questions.
    /// struct Porter {
    ///     library: PassTarget,
    /// }
    ///
    /// impl Protocol for Porter {
    ///     fn data_received(&mut self, transport: &TransportRef, data: &[u8]) {
    ///         if data.starts_with(b"why") {
    ///             if let Err(error) = transport.pass_to(&self.library, data) {
    ///                 log::warn!("served here: {error}");
    ///                 transport.write(b"because\n");
    ///             }
    ///         } else {
    ///             transport.write(b"yes\n");
    ///         }
    ///     }
    /// }
    ///
    /// struct Librarian;
    ///
    /// impl Protocol for Librarian {
    ///     fn data_received(&mut self, transport: &TransportRef, data: &[u8]) {
    ///         transport.write(b"a long answer\n");
    ///     }
    /// }
    ///
    /// // In a thread of its own, and its target sent to this one:
    /// let another = Reactor::new()?;
    /// let library = another.accept_passed(|_| Librarian)?;
    ///
    /// let reactor = Reactor::new()?;
    /// reactor.listen_tcp("127.0.0.1:0", move |_| Porter { library: library.clone() })?;
    /// # Ok(()) }
    /// ```
    pub fn accept_passed<P: IntoProtocol>(
        &self,
        build: impl Fn(&Address) -> P + 'static,
    ) -> Result<PassTarget, ListenError> {
        self.accept_passed_factory(StreamSettings::default(), factory(build))
    }

    /// [`accept_passed`](ReactorHandle::accept_passed) with a [`Factory`](crate::Factory), or an `Rc` of
    /// one, and with these bounds of the connections.
    pub fn accept_passed_factory(
        &self,
        settings: StreamSettings,
        factory: impl IntoFactory,
    ) -> Result<PassTarget, ListenError> {
        let core = self.open_core()?;
        let inbox = Arrivals::begin(&core, settings, factory.into_factory())?;
        Ok(PassTarget { inbox })
    }
}

impl TransportRef {
    /// Passes the connection to another reactor of this process: the socket, with `unread`, the bytes
    /// that this protocol was given and did not use. Those that it gave back before, and what was written
    /// and not sent, go with it. The protocol that the other side builds gets all of these bytes, in order,
    /// before any that come later; so nothing is lost, and the peer notices nothing.
    ///
    /// This protocol hears [`connection_lost`](crate::Protocol::connection_lost) with
    /// [`Reason::Passed`](crate::Reason::Passed), and nothing before that. Its calls by
    /// [`when_sent`](crate::Transport::when_sent) are dropped. If this side has made the connection, its
    /// [`Connector`](crate::Connector) hears the same, as of any end.
    ///
    /// After an error, the connection is where it was, as it was. TCP connections and UNIX sockets can be
    /// passed, as long as both halves are open on this side, there is no layer and no producer on them, and
    /// the other reactor takes any: see [`PassError`]. If that one ends before the connection has arrived,
    /// it is aborted, which is logged.
    pub fn pass_to(&self, target: &PassTarget, unread: &[u8]) -> Result<(), PassError> {
        if !self.is_connected() {
            return Err(PassError::NotConnected);
        }
        let channel = self.of_seat().channel().ok_or(PassError::NotConnected)?;
        if channel.seat().with_lower(|_| ()).is_some() {
            return Err(PassError::Layered);
        }
        let found = channel.extension(TypeId::of::<Leaving>());
        let leaving = found
            .as_ref()
            .and_then(|found| found.downcast_ref::<Leaving>());
        let leaving = leaving.ok_or(PassError::NoSocket)?;
        leaving.prepare()?;
        let put = target.inbox.put(|| leaving.leave(unread));
        put.map_err(|error| match error {
            NotPut::Closed => PassError::TargetGone,
            NotPut::Not(error) => error,
        })
    }
}
