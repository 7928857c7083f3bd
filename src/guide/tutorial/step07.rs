use retwist::protocols::{
    FactoryPolicy, Framed, Limits, LineReceiver, LineTransport, Lines, Timeout, WeakReceiver,
};
use retwist::tls::{Identity, ServerOptions, TlsFactory, TlsRole, TlsTransport, start_tls};
use retwist::{Factory, Reactor, Reason, factory};
use std::cell::RefCell;
use std::error::Error;
use std::rc::Rc;
use std::time::Duration;

const LINE: usize = 500;
const LINE_TIME: Duration = Duration::from_secs(30);
const IDLE_TIME: Duration = Duration::from_secs(600);
const CLIENTS: usize = 1000;
const CLIENTS_OF_ONE_PEER: usize = 10;
const NOTICES: usize = 1000;

/// What all clients share.
#[derive(Default)]
struct Board {
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
            eprintln!("{}: {error}", transport.peer());
            transport.abort_connection();
        }
    }
}

impl LineReceiver for Session {
    fn line_received(&mut self, transport: &LineTransport, line: &[u8]) {
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
            Err(mistake) => transport.send_line(format!("ERROR {mistake}")),
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

/// Sessions at one board, and how many there may be, for how long.
fn sessions(board: Rc<Board>, role: TlsRole) -> impl Factory {
    let sessions = factory(move |_| Session::new(&board, &role));
    let sessions = Timeout::new().idle(IDLE_TIME).factory(sessions);
    let limits = Limits::new().total(CLIENTS).per_peer(CLIENTS_OF_ONE_PEER);
    limits.factory(sessions)
}

fn main() -> Result<(), Box<dyn Error>> {
    let identity = Identity::from_pem_file("both.pem")?;
    let role = TlsRole::server(ServerOptions::new(identity).build()?);
    let reactor = Reactor::new()?;
    let board = Rc::new(Board::default());
    reactor.listen_tcp_factory("127.0.0.1:2000", sessions(board.clone(), role.clone()))?;
    // The same with TLS from the first byte, for clients that have no TLS command.
    let secure = TlsFactory::new(role.clone(), sessions(board, role));
    reactor.listen_tcp_factory("127.0.0.1:2443", secure)?;
    reactor.run()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use retwist::testing::Pair;
    use retwist::tls::{ClientOptions, TrustRoots};
    use retwist::{Protocol, ProtocolHandle, TransportRef};

    /// Says the first text in clear, asks for TLS, and says the second text under it.
    struct Client {
        role: TlsRole,
        in_clear: &'static str,
        protected: &'static str,
        heard: String,
    }

    impl Protocol for Client {
        fn connection_made(&mut self, transport: &TransportRef) {
            transport.write(self.in_clear.as_bytes());
            transport.write(b"TLS\n");
        }

        fn data_received(&mut self, transport: &TransportRef, data: &[u8]) {
            self.heard.push_str(str::from_utf8(data).unwrap());
            if self.heard.ends_with("OK go ahead\r\n") {
                let transport = start_tls(transport, self.role.clone()).unwrap();
                transport.write(self.protected.as_bytes());
            }
        }
    }

    fn roles() -> [TlsRole; 2] {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let (certificate, key) = (made.cert.pem(), made.signing_key.serialize_pem());
        let identity = Identity::from_pem(&certificate, key).unwrap();
        let roots = TrustRoots::from_pem(&certificate).unwrap();
        let client = ClientOptions::new(roots).build().unwrap();
        [
            TlsRole::client(client, "localhost").unwrap(),
            TlsRole::server(ServerOptions::new(identity).build().unwrap()),
        ]
    }

    /// What the client hears, with the network cutting as it likes.
    fn hears(in_clear: &'static str, protected: &'static str) -> String {
        let [client, server] = roles();
        let mut all = Vec::new();
        for cut in [1, 7, 64, usize::MAX] {
            let client = ProtocolHandle::new(Client {
                role: client.clone(),
                in_clear,
                protected,
                heard: String::new(),
            });
            let pair = Pair::new(&client, Session::new(&Rc::default(), &server)).cut(cut);
            pair.run();
            all.push(client.try_call(|client| client.heard.clone()).unwrap());
        }
        all.dedup();
        assert_eq!(all.len(), 1, "the cut makes a difference: {all:?}");
        all.remove(0)
    }

    #[test]
    fn a_name_is_said_under_tls() {
        let heard = hears("NAME ada\n", "NAME ada\nTLS\n");
        assert_eq!(
            heard.lines().collect::<Vec<_>>(),
            [
                "ERROR TLS comes first",
                "OK go ahead",
                "OK hello",
                "ERROR this is TLS already"
            ]
        );
    }

    #[test]
    fn what_is_slipped_in_behind_the_command_is_not_carried_out() {
        // An attacker on the way adds a line to the segment of the client.
        let [_, server] = roles();
        let session = Session::new(&Rc::default(), &server);
        let client = retwist::testing::RecordingTransport::connect(session);
        client.receive(b"TLS\nNAME mallory\n");
        let heard = client.take_written();
        assert!(heard.starts_with(b"OK go ahead\r\n"));
        assert!(!heard.windows(5).any(|window| window == b"hello"));
    }
}
