//! The command lines of the servers, of the load generator and of the timers.

use std::error::Error;
use std::path::PathBuf;

pub type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// What a server, or the load on it, is to be.
#[derive(Clone, Debug)]
pub struct Args {
    /// The kind of server.
    pub peer: String,
    /// Where the server listens; for a server, 0 is any.
    pub port: u16,
    /// Where a server that forwards connects to.
    pub to: u16,
    pub connections: usize,
    /// Only this many of the connections talk; 0: all.
    pub talking: usize,
    /// Bytes in a message.
    pub size: usize,
    /// Messages in flight on each connection.
    pub depth: usize,
    /// Messages in one window, or connections where each message has one of its own. 0: as many as
    /// fit into `seconds`.
    pub messages: u64,
    pub seconds: f64,
    /// What the load does: `echo`, `churn`, `lines`.
    pub workload: String,
    /// What a message of the load is: `bytes`; `get` and `post` for HTTP; `websocket`.
    pub speak: String,
    /// The port is the number of a UNIX socket.
    pub unix: bool,
    /// With `cert.pem` and `key.pem`: TLS is spoken.
    pub tls: Option<PathBuf>,
    /// Whether a TLS client comes back with a ticket.
    pub resume: bool,
    /// Whether a TLS client asks for what all libraries have: X25519 and AES-256-GCM, of TLS 1.3.
    pub common: bool,
    /// What is done to timers.
    pub operation: String,
    /// How many others are pending meanwhile.
    pub pending: usize,
    /// How often it is done.
    pub times: usize,
}

impl Args {
    pub fn parse() -> Result<Args> {
        use lexopt::prelude::*;
        let mut args = Args::default();
        let mut parser = lexopt::Parser::from_env();
        while let Some(arg) = parser.next()? {
            match arg {
                Long("peer") => args.peer = parser.value()?.string()?,
                Long("port") => args.port = parser.value()?.parse()?,
                Long("to") => args.to = parser.value()?.parse()?,
                Long("connections") => args.connections = parser.value()?.parse()?,
                Long("talking") => args.talking = parser.value()?.parse()?,
                Long("size") => args.size = parser.value()?.parse()?,
                Long("depth") => args.depth = parser.value()?.parse()?,
                Long("messages") => args.messages = parser.value()?.parse()?,
                Long("seconds") => args.seconds = parser.value()?.parse()?,
                Long("workload") => args.workload = parser.value()?.string()?,
                Long("speak") => args.speak = parser.value()?.string()?,
                Long("unix") => args.unix = true,
                Long("tls") => args.tls = Some(parser.value()?.into()),
                Long("resume") => args.resume = true,
                Long("common") => args.common = true,
                Long("operation") => args.operation = parser.value()?.string()?,
                Long("pending") => args.pending = parser.value()?.parse()?,
                Long("times") => args.times = parser.value()?.parse()?,
                _ => return Err(arg.unexpected().into()),
            }
        }
        Ok(args)
    }
}

impl Default for Args {
    fn default() -> Self {
        Args {
            peer: "retwist".into(),
            port: 0,
            to: 0,
            connections: 1,
            talking: 0,
            size: 64,
            depth: 1,
            messages: 0,
            seconds: 1.0,
            workload: "echo".into(),
            speak: "bytes".into(),
            unix: false,
            tls: None,
            resume: false,
            common: false,
            operation: String::new(),
            pending: 10_000,
            times: 0,
        }
    }
}
