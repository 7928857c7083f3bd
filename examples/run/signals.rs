use std::io;
use std::os::unix::net::UnixStream;

use retwist::{DescriptorStream, Protocol, ReactorHandle, Signal, TransportRef};

use super::support::Mistake;

/// Has `call` called for each time that this process gets the signal. A handler may do next to nothing,
/// so it writes a byte into a socket, and the reactor reads it.
pub(super) fn on(
    reactor: &ReactorHandle,
    signal: Signal,
    call: impl Fn() + 'static,
) -> Result<(), Mistake> {
    let (heard, told) = UnixStream::pair()?;
    signal_hook::low_level::pipe::register(signal.number(), told)
        .map_err(|error: io::Error| format!("cannot listen to {signal}: {error}"))?;
    let stream = DescriptorStream::new(heard).name(signal.to_string());
    reactor.open_descriptors(stream, Told(Box::new(call)))?;
    Ok(())
}

struct Told(Box<dyn Fn()>);

impl Protocol for Told {
    fn data_received(&mut self, _: &TransportRef, data: &[u8]) {
        data.iter().for_each(|_| (self.0)());
    }
}
