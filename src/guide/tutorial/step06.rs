use retwist::protocols::{
    FactoryPolicy, Framed, Limits, LineReceiver, LineTransport, Lines, Timeout, WeakReceiver,
};
use retwist::{Factory, MainError, Reactor, Reason, factory};
use std::cell::RefCell;
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
            ("QUIT", "") => Ok(Command::Quit),
            _ => Err("the commands are NAME, PIN, LIST, WATCH and QUIT"),
        }
    }
}

/// One client.
struct Session {
    board: Rc<Board>,
    name: Option<String>,
}

impl Session {
    fn new(board: &Rc<Board>) -> Framed<Lines, Session> {
        let (board, name) = (board.clone(), None);
        let lines = Lines::lf_or_crlf().limit(LINE);
        Framed::new(lines, Session { board, name }).frame_timeout(LINE_TIME)
    }

    fn carry_out(
        &mut self,
        transport: &LineTransport,
        command: Command<'_>,
    ) -> Result<String, &'static str> {
        match command {
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
            Command::Quit => Ok("goodbye".to_owned()),
        }
    }
}

impl LineReceiver for Session {
    fn line_received(&mut self, transport: &LineTransport, line: &[u8]) {
        let command = Command::parse(line);
        let quits = matches!(command, Ok(Command::Quit));
        match command.and_then(|command| self.carry_out(transport, command)) {
            Ok(answer) => transport.send_line(format!("OK {answer}")),
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
fn sessions(board: Rc<Board>) -> impl Factory {
    let sessions = factory(move |_| Session::new(&board));
    let sessions = Timeout::new().idle(IDLE_TIME).factory(sessions);
    let limits = Limits::new().total(CLIENTS).per_peer(CLIENTS_OF_ONE_PEER);
    limits.factory(sessions)
}

fn main() -> Result<(), MainError> {
    let reactor = Reactor::new()?;
    let sessions = sessions(Rc::new(Board::default()));
    let port = reactor.listen_tcp_factory("127.0.0.1:2000", sessions)?;
    println!("listening on {}", port.address());
    reactor.run()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use retwist::testing::RecordingTransport;
    use retwist::{Address, FactoryRef};

    #[test]
    fn a_full_board_takes_no_more() {
        let board = Rc::new(Board::default());
        let client = RecordingTransport::connect(Session::new(&board));
        client.receive(b"NAME ada\n");
        for _ in 0..NOTICES {
            client.receive(b"PIN again\n");
        }
        client.take_written();
        client.receive(b"PIN again\n");
        assert_eq!(client.take_written(), b"ERROR the board is full\r\n");
    }

    #[test]
    fn a_line_has_an_end_and_comes_in_time() {
        let board = Rc::new(Board::default());
        let flood = RecordingTransport::connect(Session::new(&board));
        flood.receive(&[b'x'; LINE + 100]);
        assert!(flood.is_closing());

        let drip = RecordingTransport::connect(Session::new(&board));
        drip.receive(b"LI");
        drip.clock().advance(LINE_TIME);
        assert!(drip.is_closing());
    }

    #[test]
    fn one_peer_gets_its_share_and_silence_ends() {
        let sessions = FactoryRef::from(sessions(Rc::default()));
        let peer = |text: &str| Address::Tcp(text.parse().unwrap());
        let connect = |from| sessions.build_protocol(&peer(from));

        let places = (0..CLIENTS_OF_ONE_PEER).map(|_| connect("192.0.2.1:4000").unwrap());
        let clients: Vec<_> = places.map(RecordingTransport::connect).collect();
        assert!(connect("192.0.2.1:4000").is_none());
        assert!(connect("192.0.2.2:4000").is_some());

        clients[0].clock().advance(IDLE_TIME);
        assert!(clients[0].is_closing());
        clients[0].lose(Reason::Done);
        assert!(connect("192.0.2.1:4000").is_some());
    }
}
