use retwist::protocols::{Framed, LineReceiver, LineTransport, Lines};
use retwist::{MainError, Reactor};
use std::cell::RefCell;
use std::rc::Rc;

/// What all clients share.
#[derive(Default)]
struct Board {
    notices: RefCell<Vec<String>>,
}

impl Board {
    /// Adds a notice, and returns its number.
    fn pin(&self, name: &str, text: &str) -> usize {
        let mut notices = self.notices.borrow_mut();
        notices.push(format!("{name}: {text}"));
        notices.len()
    }
}

/// What a client can ask for.
enum Command<'a> {
    Name(&'a str),
    Pin(&'a str),
    List,
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
            ("QUIT", "") => Ok(Command::Quit),
            _ => Err("the commands are NAME, PIN, LIST and QUIT"),
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
        Framed::new(Lines::lf_or_crlf(), Session { board, name })
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
                Ok(self.board.pin(name, text).to_string())
            }
            Command::List => {
                let notices = self.board.notices.borrow();
                for (index, notice) in notices.iter().enumerate() {
                    transport.send_line(format!("{} {notice}", index + 1));
                }
                Ok(format!("{} in all", notices.len()))
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
}

fn main() -> Result<(), MainError> {
    let reactor = Reactor::new()?;
    let board = Rc::new(Board::default());
    let port = reactor.listen_tcp("127.0.0.1:2000", move |_| Session::new(&board))?;
    println!("listening on {}", port.address());
    reactor.run()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use retwist::testing::RecordingTransport;

    #[test]
    fn what_one_client_pins_another_one_reads() {
        let board = Rc::new(Board::default());
        let ada = RecordingTransport::connect(Session::new(&board));
        let bob = RecordingTransport::connect(Session::new(&board));

        ada.receive(b"NAME ada\nPIN lost: a glove\n");
        assert_eq!(ada.take_written(), b"OK hello\r\nOK 1\r\n");
        bob.receive(b"LIST\n");
        let said = bob.take_written();
        assert_eq!(said, b"1 ada: lost: a glove\r\nOK 1 in all\r\n");
    }
}
