use retwist::protocols::{Framed, LineReceiver, LineTransport, Lines};
use retwist::{MainError, Reactor};

/// What a client can ask for.
enum Command<'a> {
    Name(&'a str),
    Pin(&'a str),
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
            ("QUIT", "") => Ok(Command::Quit),
            _ => Err("the commands are NAME, PIN and QUIT"),
        }
    }
}

/// How far a client has come.
enum State {
    Nameless,
    Named { name: String, pinned: u32 },
}

/// One client.
struct Session {
    state: State,
}

impl Session {
    fn carry_out(&mut self, command: Command<'_>) -> Result<String, &'static str> {
        match (&mut self.state, command) {
            (State::Nameless, Command::Name(name)) => {
                let (name, pinned) = (name.to_owned(), 0);
                self.state = State::Named { name, pinned };
                Ok("hello".to_owned())
            }
            (State::Named { name, .. }, Command::Name(_)) => Ok(format!("{name} already")),
            (State::Nameless, Command::Pin(_)) => Err("NAME comes first"),
            (State::Named { name, pinned }, Command::Pin(text)) => {
                *pinned += 1;
                Ok(format!("{pinned} {name}: {text}"))
            }
            (_, Command::Quit) => Ok("goodbye".to_owned()),
        }
    }
}

impl LineReceiver for Session {
    fn line_received(&mut self, transport: &LineTransport, line: &[u8]) {
        let command = Command::parse(line);
        let quits = matches!(command, Ok(Command::Quit));
        match command.and_then(|command| self.carry_out(command)) {
            Ok(answer) => transport.send_line(format!("OK {answer}")),
            Err(mistake) => transport.send_line(format!("ERROR {mistake}")),
        }
        if quits {
            transport.lose_connection();
        }
    }
}

fn session() -> Framed<Lines, Session> {
    let state = State::Nameless;
    Framed::new(Lines::lf_or_crlf(), Session { state })
}

fn main() -> Result<(), MainError> {
    let reactor = Reactor::new()?;
    let port = reactor.listen_tcp("127.0.0.1:2000", |_| session())?;
    println!("listening on {}", port.address());
    reactor.run()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use retwist::testing::RecordingTransport;

    /// What a client hears that says this.
    fn conversation(says: &str) -> Vec<String> {
        let recording = RecordingTransport::connect(session());
        recording.receive(says.as_bytes());
        let heard = String::from_utf8(recording.take_written()).unwrap();
        heard.lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_name_comes_first() {
        let heard = conversation("PIN lost: a glove\nNAME ada\nPIN lost: a glove\nQUIT\n");
        assert_eq!(
            heard,
            [
                "ERROR NAME comes first",
                "OK hello",
                "OK 1 ada: lost: a glove",
                "OK goodbye"
            ]
        );
    }

    #[test]
    fn mistakes_are_told() {
        for (line, mistake) in [
            ("NAME\n", "ERROR something is missing behind the command"),
            ("DANCE\n", "ERROR the commands are NAME, PIN and QUIT"),
        ] {
            assert_eq!(conversation(line), [mistake]);
        }
    }
}
