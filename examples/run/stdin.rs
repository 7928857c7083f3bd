use std::os::fd::AsFd;

use retwist::{
    DescriptorStream, ProcessTransport, ProducerKind, Protocol, ReactorHandle, TransportRef,
};

use super::support::Mistake;

/// Ctrl-D: what tells the reader of a terminal that this was all.
const END_OF_INPUT: &[u8] = b"\x04";

/// Passes standard input to the program, as fast as it reads.
pub(super) fn pass(
    reactor: &ReactorHandle,
    process: &ProcessTransport,
    on_terminal: bool,
) -> Result<(), Mistake> {
    let descriptor = std::io::stdin().as_fd().try_clone_to_owned()?;
    let stream = DescriptorStream::reading(descriptor).name("standard input");
    let input = Input {
        process: process.clone(),
        on_terminal,
    };
    reactor.open_descriptors(stream, input)?;
    Ok(())
}

struct Input {
    process: ProcessTransport,
    on_terminal: bool,
}

impl Protocol for Input {
    fn connection_made(&mut self, transport: &TransportRef) {
        // It stops when the program reads no more.
        let stdin = self.process.stdin();
        if let Some(Err(error)) =
            stdin.map(|stdin| stdin.register_producer(transport.as_producer(), ProducerKind::Push))
        {
            log::warn!("standard input is not held back: {error}");
        }
    }

    fn data_received(&mut self, _: &TransportRef, data: &[u8]) {
        self.process.write(data);
    }

    fn read_connection_lost(&mut self, transport: &TransportRef) {
        if let Some(stdin) = self.process.stdin() {
            stdin.unregister_producer();
        }
        if self.on_terminal {
            self.process.write(END_OF_INPUT);
        } else {
            self.process.close_stdin();
        }
        transport.lose_connection();
    }
}
