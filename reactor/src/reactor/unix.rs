use super::{Reactor, ReactorHandle};
use crate::core::connector;
use crate::testing::MemoryReactor;
use crate::{
    Address, Connector, FactoryRef, IntoFactory, IntoProtocol, IntoUnixConnect, IntoUnixListen,
    ListenError, ListeningPort, ReactorTcp, UnixConnect, UnixListen, factory, socket, unix,
};

/// How a program listens and connects over UNIX sockets, on each type of reactor: as `tcp_methods` has
/// it for TCP.
macro_rules! unix_methods {
    ($($reactor:ty),*) => {$(
        impl $reactor {
            /// Accepts connections on a UNIX socket: a path, `"@name"` for an abstract name on Linux, or a
            /// [`UnixListen`]. `build` makes the protocol of each connection from the address of its peer,
            /// which rarely has one: anything that [`IntoProtocol`] lists, so that `None` refuses the
            /// connection.
            ///
            /// The port listens when this returns. [`UnixListen::name`] says what becomes of the file.
            ///
            /// ```
            /// # use retwist_reactor as retwist;
            /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
            /// use retwist::{Protocol, Reactor, TransportRef};
            ///
            /// struct Echo;
            /// impl Protocol for Echo {
            ///     fn data_received(&mut self, transport: &TransportRef, data: &[u8]) {
            ///         transport.write(data);
            ///     }
            /// }
            ///
            /// # let folder = std::env::temp_dir();
            /// let path = folder.join(format!("echo-{}.sock", std::process::id()));
            /// let reactor = Reactor::new()?;
            /// let port = reactor.listen_unix(&path, |_| Echo)?;
            /// assert!(path.exists());
            /// port.stop_listening();
            /// assert!(!path.exists());
            /// # Ok(()) }
            /// ```
            ///
            /// See [`ReactorUnix`] for code that is to run on a recording reactor too.
            #[doc(alias = "listenUNIX")]
            pub fn listen_unix<P: IntoProtocol>(
                &self,
                name: impl IntoUnixListen,
                build: impl Fn(&Address) -> P + 'static,
            ) -> Result<ListeningPort, ListenError> {
                self.listen_unix_factory(name, factory(build))
            }

            /// [`listen_unix`](ReactorHandle::listen_unix) with a [`Factory`](crate::Factory), or an `Rc` of
            /// one.
            pub fn listen_unix_factory(
                &self,
                name: impl IntoUnixListen,
                factory: impl IntoFactory,
            ) -> Result<ListeningPort, ListenError> {
                self.listen_unix_socket(name.into_unix_listen()?, factory.into_factory())
            }

            /// Connects to a UNIX socket: a path, `"@name"` for an abstract name on Linux, or as a
            /// [`UnixConnect`] says. `build` makes the protocol of the connection once it is made, in a later
            /// turn than this one at the earliest; it is called again if the [`Connector`] connects again.
            #[doc(alias = "connectUNIX")]
            pub fn connect_unix<P: IntoProtocol>(
                &self,
                name: impl IntoUnixConnect,
                build: impl Fn(&Address) -> P + 'static,
            ) -> Connector {
                self.connect_unix_factory(name, factory(build))
            }

            /// [`connect_unix`](ReactorHandle::connect_unix) with a [`Factory`](crate::Factory), or an `Rc`
            /// of one, which also hears how it goes.
            pub fn connect_unix_factory(
                &self,
                name: impl IntoUnixConnect,
                factory: impl IntoFactory,
            ) -> Connector {
                match name.into_unix_connect() {
                    Ok(options) => self.connect_unix_socket(options, factory.into_factory()),
                    Err(error) => connector::failing(error, factory.into_factory(), self.time()),
                }
            }
        }
    )*};
}

unix_methods!(ReactorHandle, MemoryReactor);

/// The UNIX side of a reactor, for code that listens on UNIX sockets and connects to them: a [`Reactor`], or a
/// [`MemoryReactor`](crate::testing::MemoryReactor) that records what was asked for.
#[doc(alias = "IReactorUNIX")]
pub trait ReactorUnix {
    /// See [`ReactorHandle::listen_unix`].
    fn listen_unix_socket(
        &self,
        options: UnixListen,
        factory: FactoryRef,
    ) -> Result<ListeningPort, ListenError>;

    /// See [`ReactorHandle::connect_unix`].
    fn connect_unix_socket(&self, options: UnixConnect, factory: FactoryRef) -> Connector;
}

impl ReactorUnix for ReactorHandle {
    fn listen_unix_socket(
        &self,
        options: UnixListen,
        factory: FactoryRef,
    ) -> Result<ListeningPort, ListenError> {
        unix::listen(&self.open_core()?, options, factory)
    }

    fn connect_unix_socket(&self, options: UnixConnect, factory: FactoryRef) -> Connector {
        socket::connect(self, options, factory)
    }
}

impl ReactorUnix for Reactor {
    fn listen_unix_socket(
        &self,
        options: UnixListen,
        factory: FactoryRef,
    ) -> Result<ListeningPort, ListenError> {
        self.handle.listen_unix_socket(options, factory)
    }

    fn connect_unix_socket(&self, options: UnixConnect, factory: FactoryRef) -> Connector {
        self.handle.connect_unix_socket(options, factory)
    }
}
