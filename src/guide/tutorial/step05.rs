use retwist::deferred::{Ask, Deferred, Promise, connect_protocol, react};
use retwist::protocols::{Framed, LineReceiver, LineTransport, Lines, WeakReceiver};
use retwist::{ReactorHandle, Reason};
use std::collections::VecDeque;
use std::error::Error;
use std::fmt;
use std::mem;
use std::process::ExitCode;

/// The server's answer was ERROR.
#[derive(Clone, Debug, PartialEq)]
struct Refused(String);

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the server refuses: {}", self.0)
    }
}

impl Error for Refused {}

/// Says commands, and matches the answers with them, which come in the same order.
#[derive(Default)]
struct Client {
    said: VecDeque<Promise<Vec<String>, Refused>>,
    /// The lines of the answer that is arriving.
    lines: Vec<String>,
}

impl Client {
    fn protocol() -> Framed<Lines, Client> {
        Framed::new(Lines::lf_or_crlf(), Client::default())
    }

    fn say(&mut self, server: &LineTransport, command: &str) -> Deferred<Vec<String>, Refused> {
        server.send_line(command);
        let (promise, answer) = Deferred::new();
        self.said.push_back(promise);
        answer
    }
}

impl LineReceiver for Client {
    fn line_received(&mut self, transport: &LineTransport, line: &[u8]) {
        let line = String::from_utf8_lossy(line);
        let (word, rest) = line.split_once(' ').unwrap_or((&line, ""));
        if word == "NEWS" {
            return println!("news: {rest}");
        }
        if word != "OK" && word != "ERROR" {
            return self.lines.push(line.into_owned());
        }
        let Some(promise) = self.said.pop_front() else {
            return transport.abort_connection(); // an answer to no question
        };
        let mut lines = mem::take(&mut self.lines);
        if word == "OK" {
            lines.push(rest.to_owned());
            promise.callback(lines);
        } else {
            promise.errback(Refused(rest.to_owned()));
        }
    }

    fn connection_lost(&mut self, _: &Reason) {
        self.said.clear(); // a promise that is dropped fails its Deferred
    }
}

async fn run(reactor: ReactorHandle) -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let server = arguments.next();
    let server = server.ok_or("usage: client ADDRESS COMMAND...")?;
    let connected = connect_protocol(&reactor, &*server, Client::protocol()).await?;
    let client = WeakReceiver::from(&connected);
    for command in arguments {
        let answer = client.ask(move |client, transport| client.say(transport, &command));
        for line in answer.await? {
            println!("{line}");
        }
    }
    Ok(())
}

fn main() -> ExitCode {
    react(|reactor, _| run(reactor))
}

#[cfg(test)]
mod tests {
    use super::*;
    use retwist::ProtocolHandle;
    use retwist::deferred::Failure;
    use retwist::testing::RecordingTransport;

    #[test]
    fn answers_are_matched_however_they_are_cut() {
        for cut in [1, 2, 3, 7, 64] {
            let handle = ProtocolHandle::new(Client::protocol());
            let server = RecordingTransport::connect(&handle);
            let client = WeakReceiver::from(&handle);
            let say = |command: &'static str| {
                client.ask(move |client, transport| client.say(transport, command))
            };
            let (mut list, mut pin, mut quit) = (say("LIST"), say("PIN it"), say("QUIT"));
            assert_eq!(server.take_written(), b"LIST\r\nPIN it\r\nQUIT\r\n");

            for piece in b"1 ada: a glove\nNEWS 2 x\nOK 1 in all\nERROR no\n".chunks(cut) {
                server.receive(piece);
            }
            let lines = ["1 ada: a glove", "1 in all"].map(str::to_owned);
            assert_eq!(list.take(), Some(Ok(lines.into())));
            let refused = Failure::Error(Refused("no".to_owned()));
            assert_eq!(pin.take(), Some(Err(refused)));

            server.lose(Reason::Done);
            assert_eq!(quit.take(), Some(Err(Failure::BrokenPromise)));
        }
    }
}
