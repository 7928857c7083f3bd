//! Standard input, to its end. Its writer may take any time, which holds up neither the reactor nor its end.

use std::io;

use retwist::Reactor;
use retwist::deferred::Deferred;
use retwist::endpoint::Network;

use crate::support::Mistake;

#[cfg(unix)]
pub(crate) fn read_all(
    reactor: &Reactor,
    _: &Network,
) -> Result<Deferred<Vec<u8>, io::Error>, Mistake> {
    use std::os::fd::AsFd;

    use retwist::deferred::Promise;
    use retwist::{DescriptorStream, Protocol, Reason, TransportRef};

    struct Input {
        read: Vec<u8>,
        promise: Promise<Vec<u8>, io::Error>,
    }

    impl Protocol for Input {
        fn data_received(&mut self, _: &TransportRef, data: &[u8]) {
            self.read.extend_from_slice(data);
        }

        /// The end of input alone makes the message complete: the program may be told to stop before.
        fn read_connection_lost(&mut self, transport: &TransportRef) {
            self.promise.fire(Ok(std::mem::take(&mut self.read)));
            transport.lose_connection();
        }

        fn connection_lost(&mut self, reason: &Reason) {
            let why = match reason {
                Reason::Done => io::Error::other("the program was told to stop"),
                reason => io::Error::other(reason.clone()),
            };
            self.promise.fire(Err(why.into()));
        }
    }

    let (promise, read) = Deferred::new();
    let input = std::io::stdin().as_fd().try_clone_to_owned()?;
    let protocol = Input {
        read: Vec::new(),
        promise,
    };
    reactor.open_descriptors(DescriptorStream::reading(input), protocol)?;
    Ok(read)
}

#[cfg(not(unix))]
pub(crate) fn read_all(
    _: &Reactor,
    network: &Network,
) -> Result<Deferred<Vec<u8>, io::Error>, Mistake> {
    use std::io::Read;

    let read = network.pool().defer_to_thread(|| {
        let mut message = Vec::new();
        io::stdin().read_to_end(&mut message).map(|_| message)
    });
    Ok(read)
}
