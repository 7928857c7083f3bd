use retwist::protocols::{Framed, LineReceiver, LineTransport, Lines};
use retwist::{MainError, Reactor};

/// One client.
struct Session;

impl LineReceiver for Session {
    fn line_received(&mut self, transport: &LineTransport, line: &[u8]) {
        match line {
            b"QUIT" => {
                transport.send_line("OK goodbye");
                transport.lose_connection();
            }
            _ => transport.send_line("ERROR the only command is QUIT"),
        }
    }
}

fn session() -> Framed<Lines, Session> {
    Framed::new(Lines::lf_or_crlf(), Session)
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

    #[test]
    fn a_line_gets_an_answer_and_quit_ends_the_connection() {
        let recording = RecordingTransport::connect(session());
        recording.receive(b"HELLO\nQUIT\nHELLO\n");
        let said = recording.take_written();
        assert_eq!(said, b"ERROR the only command is QUIT\r\nOK goodbye\r\n");
        assert!(recording.is_closing());
    }
}
