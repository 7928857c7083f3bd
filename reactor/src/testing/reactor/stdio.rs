use super::MemoryReactor;
use crate::testing::port::{MemoryPort, Place};
use crate::{FactoryRef, ListenError, ListeningPort, ReactorStdio, StandardIo};

/// A test is the other end of standard input and output: it connects to the address of the port.
///
/// ```
/// # use retwist_reactor as retwist;
/// use retwist::testing::{MemoryReactor, Pair};
/// use retwist::{Protocol, ReactorStdio, StandardIo, TransportRef, factory};
/// # struct Upper;
/// # impl Protocol for Upper {
/// #     fn data_received(&mut self, transport: &TransportRef, data: &[u8]) {
/// #         transport.write(&data.to_ascii_uppercase());
/// #     }
/// # }
/// # struct User;
/// # impl Protocol for User {}
///
/// let reactor = MemoryReactor::new();
/// let factory = factory(|_| Upper).into();
/// let port = reactor.listen_standard_io(StandardIo::new(), factory)?;
/// let pair: Option<Pair> = reactor.accept(&port.address(), User);
/// assert!(pair.is_some());
/// # Ok::<(), retwist::ListenError>(())
/// ```
impl ReactorStdio for MemoryReactor {
    fn listen_standard_io(
        &self,
        options: StandardIo,
        factory: FactoryRef,
    ) -> Result<ListeningPort, ListenError> {
        self.open(MemoryPort::new(Place::StandardIo(options), factory))
    }
}
