//! The command lines of the servers and of the load generator.

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
    pub connections: usize,
    /// Bytes in a message.
    pub size: usize,
    /// Messages in flight on each connection.
    pub depth: usize,
    /// Messages in all, or connections where each message has one of its own. 0: as many as fit
    /// into `seconds`.
    pub messages: u64,
    pub seconds: f64,
    /// What the load does: `echo`, `sink`, `churn`, `idle`.
    pub workload: String,
    /// With `cert.der` and `key.der`: TLS is spoken.
    pub tls: Option<PathBuf>,
    /// Whether a TLS client comes back with a ticket.
    pub resume: bool,
    /// Only this many of the connections talk; 0: all.
    pub talking: usize,
    /// What sinks: the server throws away what it is sent.
    pub sink: bool,
}

impl Args {
    pub fn parse() -> Result<Args> {
        use lexopt::prelude::*;
        let mut args = Args {
            peer: "retwist".into(),
            port: 0,
            connections: 1,
            size: 64,
            depth: 1,
            messages: 0,
            seconds: 1.0,
            workload: "echo".into(),
            tls: None,
            resume: false,
            talking: 0,
            sink: false,
        };
        let mut parser = lexopt::Parser::from_env();
        while let Some(arg) = parser.next()? {
            match arg {
                Long("peer") => args.peer = parser.value()?.string()?,
                Long("port") => args.port = parser.value()?.parse()?,
                Long("connections") => args.connections = parser.value()?.parse()?,
                Long("size") => args.size = parser.value()?.parse()?,
                Long("depth") => args.depth = parser.value()?.parse()?,
                Long("messages") => args.messages = parser.value()?.parse()?,
                Long("seconds") => args.seconds = parser.value()?.parse()?,
                Long("workload") => args.workload = parser.value()?.string()?,
                Long("tls") => args.tls = Some(parser.value()?.into()),
                Long("talking") => args.talking = parser.value()?.parse()?,
                Long("resume") => args.resume = true,
                Long("sink") => args.sink = true,
                _ => return Err(arg.unexpected().into()),
            }
        }
        Ok(args)
    }
}
