use std::time::Duration;

use retwist::Reason;
use retwist::protocols::{LineReceiver, LineTransport};
use serde_json::Value;

use crate::picture::Sample;
use crate::screen::Screen;

/// How long a line of an answer may be, in bytes.
pub(crate) const LONGEST_LINE: usize = 1024 * 1024;

/// How often the console is asked.
const PERIOD: Duration = Duration::from_secs(1);

/// How many connections are compared.
const COMPARED: usize = 1000;

/// Asks a console again and again, and has the answers drawn.
pub(crate) struct Link {
    screen: Screen,
    stats: Option<Value>,
    /// Whether the answer about the reactor has ended, and that about its connections comes.
    lists: bool,
    connections: Vec<Value>,
}

impl Link {
    pub(crate) fn new(screen: Screen) -> Self {
        Link {
            screen,
            stats: None,
            lists: false,
            connections: Vec::new(),
        }
    }

    fn ask(&mut self, transport: &LineTransport) {
        transport.write(format!("json stats\njson connections {COMPARED}\n").as_bytes());
    }

    /// An empty line ends each answer.
    fn answered(&mut self, transport: &LineTransport) {
        self.lists = !self.lists;
        if self.lists {
            return;
        }
        let connections = std::mem::take(&mut self.connections);
        if let Some(stats) = self.stats.take() {
            self.screen.show(Sample { stats, connections });
        }
        transport.call_later(PERIOD, self, |link, transport| link.ask(transport));
    }

    fn refused(&self, transport: &LineTransport, why: &str) {
        let why = std::io::Error::other(format!("the console says: {why}"));
        transport.lose_connection_because(Reason::failed(why));
    }
}

impl LineReceiver for Link {
    /// The server has ended, and not the one who looks on.
    fn read_connection_lost(&mut self, transport: &LineTransport) {
        let why = std::io::Error::other("the console has ended");
        transport.lose_connection_because(Reason::failed(why));
    }

    fn connection_made(&mut self, transport: &LineTransport) {
        self.ask(transport);
    }

    fn line_received(&mut self, transport: &LineTransport, line: &[u8]) {
        if line.is_empty() {
            return self.answered(transport);
        }
        match serde_json::from_slice(line) {
            Ok(Value::Object(answer)) if answer.contains_key("error") => {
                self.refused(transport, &answer["error"].to_string());
            }
            Ok(value) if self.lists => self.connections.push(value),
            Ok(value) => self.stats = Some(value),
            // What a console says that lets no peer in, it says to people.
            Err(_) => self.refused(transport, &String::from_utf8_lossy(line)),
        }
    }
}
