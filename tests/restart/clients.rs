//! Clients of each of the example servers: how they come to the point, one exchange, and what they take
//! for a goodbye.

pub mod chat;
pub mod files;
pub mod h2;
pub mod mail;
pub mod small;
pub mod web;

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use retwist::tls::rustls::ClientConfig;

use crate::load::{Client, Lost, Talks, Way, connect_tcp, under_tls};

/// A way to connect that is a function.
pub struct By<F>(pub F);

impl<F, C> Way for By<F>
where
    F: Fn() -> Result<C, Lost> + Send + Sync + 'static,
    C: Client + 'static,
{
    fn connect(&self) -> Result<Box<dyn Client>, Lost> {
        Ok(Box::new((self.0)()?))
    }
}

/// A number that no other has in this process.
fn unique() -> usize {
    static NEXT: AtomicUsize = AtomicUsize::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

/// That the server has said something else than it should.
fn unexpected(said: &str) -> Lost {
    Lost::Cut(io::Error::new(
        ErrorKind::InvalidData,
        format!("it says {said:?}"),
    ))
}

/// A connection with lines of text. It reads no byte beyond a line, so that TLS can begin behind each.
pub struct Wire {
    stream: Box<dyn Talks>,
    /// What a line begins with that is a goodbye.
    goodbye: &'static str,
}

impl Wire {
    pub fn to(address: SocketAddr, goodbye: &'static str) -> Result<Self, Lost> {
        Ok(Wire::on(connect_tcp(address)?, goodbye))
    }

    pub fn on(stream: impl Talks + 'static, goodbye: &'static str) -> Self {
        Wire {
            stream: Box::new(stream),
            goodbye,
        }
    }

    pub fn start_tls(self, config: &Arc<ClientConfig>) -> Result<Self, Lost> {
        let stream = under_tls(self.stream, config)?;
        Ok(Wire::on(stream, self.goodbye))
    }

    pub fn write(&mut self, bytes: &[u8]) -> Result<(), Lost> {
        let written = self.stream.write_all(bytes);
        match written.and_then(|()| self.stream.flush()) {
            // The server may have said goodbye before it closed: the next line says which.
            Err(error) if is_gone(&error) => Ok(()),
            written => Ok(written?),
        }
    }

    pub fn say(&mut self, line: &str) -> Result<(), Lost> {
        self.write(format!("{line}\r\n").as_bytes())
    }

    pub fn read(&mut self, bytes: &mut [u8]) -> Result<(), Lost> {
        Ok(self.stream.read_exact(bytes)?)
    }

    /// The next line, without its end.
    pub fn line(&mut self) -> Result<String, Lost> {
        let mut line = Vec::new();
        while !line.ends_with(b"\n") {
            let mut byte = [0];
            self.stream.read_exact(&mut byte).map_err(|error| {
                let so_far = String::from_utf8_lossy(&line);
                io::Error::new(error.kind(), format!("behind {so_far:?}: {error}"))
            })?;
            line.push(byte[0]);
        }
        let line = String::from_utf8_lossy(&line).trim_end().to_owned();
        if !self.goodbye.is_empty() && line.starts_with(self.goodbye) {
            return Err(Lost::Goodbye);
        }
        Ok(line)
    }

    /// The next line, which has to begin so.
    pub fn expect(&mut self, start: &str) -> Result<String, Lost> {
        let line = self.line()?;
        if line.starts_with(start) {
            Ok(line)
        } else {
            Err(unexpected(&line))
        }
    }

    /// Says a line, and hears one that begins so.
    pub fn ask(&mut self, line: &str, start: &str) -> Result<String, Lost> {
        self.say(line)?;
        self.expect(start)
    }

    /// Reads up to the line that is meant.
    pub fn skip_to(&mut self, is_meant: impl Fn(&str) -> bool) -> Result<String, Lost> {
        loop {
            let line = self.line()?;
            if is_meant(&line) {
                return Ok(line);
            }
        }
    }

    /// Reads all up to the goodbye.
    pub fn until_goodbye(&mut self) -> Lost {
        loop {
            if let Err(lost) = self.line() {
                return lost;
            }
        }
    }
}

/// Whether the peer takes nothing more.
fn is_gone(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::BrokenPipe | ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted
    )
}
