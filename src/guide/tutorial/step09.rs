use retwist::endpoint::server_from_string;
use retwist::protocols::{
    FactoryPolicy, Framed, Limits, LineReceiver, LineTransport, Lines, Timeout, WeakReceiver,
};
use retwist::tls::{Identity, ServerOptions, TlsRole, TlsTransport, start_tls};
use retwist::{Factory, Reactor, ReactorStreams, Reason, factory};
use std::cell::{Cell, RefCell};
use std::error::Error;
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

const LINE: usize = 500;
const LINE_TIME: Duration = Duration::from_secs(30);
const IDLE_TIME: Duration = Duration::from_secs(600);
const CLIENTS: usize = 1000;
const CLIENTS_OF_ONE_PEER: usize = 10;
const NOTICES: usize = 1000;

/// What has happened since the start.
#[derive(Default)]
struct Counts {
    clients: Cell<u64>,
    commands: Cell<u64>,
    mistakes: Cell<u64>,
}

/// As Prometheus reads it.
impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "board_clients_total {}", self.clients.get())?;
        writeln!(f, "board_commands_total {}", self.commands.get())?;
        writeln!(f, "board_mistakes_total {}", self.mistakes.get())
    }
}

fn count(what: &Cell<u64>) {
    what.set(what.get() + 1);
}

/// What all clients share.
#[derive(Default)]
struct Board {
    counts: Counts,
    notices: RefCell<Vec<String>>,
    watchers: RefCell<Vec<WeakReceiver<Lines, Session>>>,
}

impl Board {
    /// Adds a notice, tells those who watch, and returns its number.
    fn pin(&self, name: &str, text: &str) -> Result<usize, &'static str> {
        let mut notices = self.notices.borrow_mut();
        if notices.len() == NOTICES {
            return Err("the board is full");
        }
        let notice = format!("{name}: {text}");
        let number = notices.len() + 1;
        for watcher in &*self.watchers.borrow() {
            if let Some(transport) = watcher.transport() {
                transport.send_line(format!("NEWS {number} {notice}"));
            }
        }
        notices.push(notice);
        Ok(number)
    }
}

/// What a client can ask for.
enum Command<'a> {
    Name(&'a str),
    Pin(&'a str),
    List,
    Watch,
    Tls,
    Quit,
}

impl<'a> Command<'a> {
    fn parse(line: &'a [u8]) -> Result<Self, &'static str> {
        let line = str::from_utf8(line).map_err(|_| "a line is UTF-8")?;
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        match (word, rest.trim()) {
            ("NAME" | "PIN", "") => Err("something is missing behind the command"),
            ("NAME", name) => Ok(Command::Name(name)),
            ("PIN", text) => Ok(Command::Pin(text)),
            ("LIST", "") => Ok(Command::List),
            ("WATCH", "") => Ok(Command::Watch),
            ("TLS", "") => Ok(Command::Tls),
            ("QUIT", "") => Ok(Command::Quit),
            _ => Err("the commands are NAME, PIN, LIST, WATCH, TLS and QUIT"),
        }
    }
}

/// One client.
struct Session {
    board: Rc<Board>,
    role: TlsRole,
    name: Option<String>,
}

impl Session {
    fn new(board: &Rc<Board>, role: &TlsRole) -> Framed<Lines, Session> {
        let session = Session {
            board: board.clone(),
            role: role.clone(),
            name: None,
        };
        Framed::new(Lines::lf_or_crlf().limit(LINE), session).frame_timeout(LINE_TIME)
    }

    fn carry_out(
        &mut self,
        transport: &LineTransport,
        command: Command<'_>,
    ) -> Result<String, &'static str> {
        match command {
            Command::Name(_) if TlsTransport::of(transport).is_none() => Err("TLS comes first"),
            Command::Name(name) => {
                self.name = Some(name.to_owned());
                Ok("hello".to_owned())
            }
            Command::Pin(text) => {
                let name = self.name.as_ref().ok_or("NAME comes first")?;
                Ok(self.board.pin(name, text)?.to_string())
            }
            Command::List => {
                let notices = self.board.notices.borrow();
                for (index, notice) in notices.iter().enumerate() {
                    transport.send_line(format!("{} {notice}", index + 1));
                }
                Ok(format!("{} in all", notices.len()))
            }
            Command::Watch => {
                let me = transport.me(self);
                let mut watchers = self.board.watchers.borrow_mut();
                if watchers.iter().any(|watcher| watcher.ptr_eq(&me)) {
                    return Err("you watch already");
                }
                watchers.push(me);
                Ok("news will come".to_owned())
            }
            Command::Tls if TlsTransport::of(transport).is_some() => Err("this is TLS already"),
            Command::Tls => Ok("go ahead".to_owned()),
            Command::Quit => Ok("goodbye".to_owned()),
        }
    }
}

impl Session {
    /// The answer has left in clear. From here on TLS protects all, or the connection ends.
    fn start_tls(&mut self, transport: &LineTransport) {
        if let Err(error) = start_tls(transport, self.role.clone()) {
            log::warn!("{}: {error}", transport.peer());
            transport.abort_connection();
        }
    }
}

impl LineReceiver for Session {
    fn connection_made(&mut self, _: &LineTransport) {
        count(&self.board.counts.clients);
    }

    fn line_received(&mut self, transport: &LineTransport, line: &[u8]) {
        count(&self.board.counts.commands);
        let command = Command::parse(line);
        let quits = matches!(command, Ok(Command::Quit));
        let starts_tls = matches!(command, Ok(Command::Tls));
        match command.and_then(|command| self.carry_out(transport, command)) {
            Ok(answer) => {
                transport.send_line(format!("OK {answer}"));
                if starts_tls {
                    self.start_tls(transport);
                }
            }
            Err(mistake) => {
                count(&self.board.counts.mistakes);
                transport.send_line(format!("ERROR {mistake}"));
            }
        }
        if quits {
            transport.lose_connection();
        }
    }

    fn connection_lost(&mut self, _: &Reason) {
        let mut watchers = self.board.watchers.borrow_mut();
        watchers.retain(WeakReceiver::is_connected);
    }
}

/// Answers a program that collects figures, such as Prometheus: one request of HTTP/1.0.
struct Figures {
    board: Rc<Board>,
}

impl LineReceiver for Figures {
    fn line_received(&mut self, transport: &LineTransport, line: &[u8]) {
        if line.is_empty() {
            let body = self.board.counts.to_string();
            let length = body.len();
            transport.send_line("HTTP/1.0 200 OK");
            transport.send_line("Content-Type: text/plain; version=0.0.4");
            transport.send_line(format!("Content-Length: {length}"));
            transport.send_line("");
            transport.write(body.as_bytes());
            transport.lose_connection();
        }
    }
}

fn figures(board: Rc<Board>) -> impl Factory {
    let figures = factory(move |_| {
        let board = board.clone();
        Framed::new(Lines::lf_or_crlf(), Figures { board })
    });
    Timeout::new().total(IDLE_TIME).factory(figures)
}

/// Sessions at one board, and how many there may be, for how long.
fn sessions(board: Rc<Board>, role: TlsRole) -> impl Factory {
    let sessions = factory(move |_| Session::new(&board, &role));
    let sessions = Timeout::new().idle(IDLE_TIME).factory(sessions);
    let limits = Limits::new().total(CLIENTS).per_peer(CLIENTS_OF_ONE_PEER);
    limits.factory(sessions)
}

/// Listens as the arguments say: `--figures ENDPOINT` for figures, all others for the board.
fn listen(
    reactor: &dyn ReactorStreams,
    board: &Rc<Board>,
    role: &TlsRole,
    arguments: impl IntoIterator<Item = String>,
) -> Result<(), Box<dyn Error>> {
    let mut arguments = arguments.into_iter();
    while let Some(argument) = arguments.next() {
        let port = if argument == "--figures" {
            let endpoint = arguments.next().ok_or("--figures wants an endpoint")?;
            server_from_string(&endpoint)?.listen_factory(reactor, figures(board.clone()))?
        } else {
            let sessions = sessions(board.clone(), role.clone());
            server_from_string(&argument)?.listen_factory(reactor, sessions)?
        };
        log::info!("listening on {}", port.address());
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let identity = Identity::from_pem_file("both.pem")?;
    let role = TlsRole::server(ServerOptions::new(identity).build()?);
    let reactor = Reactor::new()?;
    let board = Rc::new(Board::default());
    listen(&reactor, &board, &role, std::env::args().skip(1))?;
    reactor.run()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use retwist::testing::MemoryReactor;

    fn role() -> TlsRole {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let key = made.signing_key.serialize_pem();
        let identity = Identity::from_pem(made.cert.pem(), key).unwrap();
        TlsRole::server(ServerOptions::new(identity).build().unwrap())
    }

    /// The ports that a program with these arguments listens on.
    fn ports(arguments: &[&str]) -> Result<Vec<u16>, String> {
        let reactor = MemoryReactor::new();
        let arguments = arguments.iter().map(|argument| (*argument).to_owned());
        let listening = listen(&reactor, &Rc::default(), &role(), arguments);
        listening.map_err(|error| error.to_string())?;
        let options = reactor.listening();
        Ok(options
            .iter()
            .map(|port| port.requested_addr().port())
            .collect())
    }

    #[test]
    fn the_arguments_say_where_to_listen() {
        let listening = ports(&["tcp:2000", "haproxy:tcp:2001", "--figures", "tcp:9100"]);
        assert_eq!(listening, Ok(vec![2000, 2001, 9100]));
        assert_eq!(
            ports(&["--figures"]),
            Err("--figures wants an endpoint".to_owned())
        );
        assert!(
            ports(&["tcp:two thousand"])
                .unwrap_err()
                .contains("two thousand")
        );
    }
}
