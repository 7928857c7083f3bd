use std::io::{self, ErrorKind, Read, Write};
use std::net::TcpStream;

/// A stream whose calls are made again if the system interrupts them, as it does with calls under a
/// time limit when it freezes a process and lets it go on.
pub(crate) struct Steady(pub(crate) TcpStream);

/// Makes a call until it is not interrupted.
pub(crate) fn steadily<T>(mut call: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match call() {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            outcome => return outcome,
        }
    }
}

impl Read for Steady {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        steadily(|| self.0.read(buffer))
    }
}

impl Write for Steady {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        steadily(|| self.0.write(data))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}
