//! Clients of the mail servers: each logs in under TLS, but for SMTP, which takes mail of strangers.

use std::net::SocketAddr;
use std::sync::Arc;

use retwist::tls::rustls::ClientConfig;

use super::{Wire, unexpected, unique};
use crate::load::{Client, Lost, Then};

/// Hands over mails.
pub struct Sender(Wire);

const CLOSES: &str = "421 ";

pub fn smtp(address: SocketAddr) -> Result<Sender, Lost> {
    let mut sender = Sender(Wire::to(address, CLOSES)?);
    sender.0.expect("220 ")?;
    sender.greet()?;
    Ok(sender)
}

pub fn smtp_under_tls(address: SocketAddr, config: &Arc<ClientConfig>) -> Result<Sender, Lost> {
    let mut sender = smtp(address)?;
    sender.0.ask("STARTTLS", "220 ")?;
    let mut sender = Sender(sender.0.start_tls(config)?);
    sender.greet()?;
    Ok(sender)
}

impl Sender {
    fn greet(&mut self) -> Result<(), Lost> {
        self.0.say("EHLO client.example")?;
        self.0.skip_to(|line| line.starts_with("250 "))?;
        Ok(())
    }

    /// From MAIL on, the server has promised to take the mail.
    fn promised(&mut self, line: &str, answer: &str) -> Result<(), Lost> {
        match self.0.ask(line, answer) {
            Err(Lost::Goodbye) => Err(unexpected("421 in the middle of a mail")),
            asked => asked.map(drop),
        }
    }
}

impl Client for Sender {
    fn exchange(&mut self) -> Result<Then, Lost> {
        self.0.ask("MAIL FROM:<client@client.example>", "250 ")?;
        self.promised("RCPT TO:<user@localhost>", "250 ")?;
        self.promised("DATA", "354 ")?;
        self.promised(&format!("Subject: {}\r\n\r\ntext\r\n.", unique()), "250 ")?;
        Ok(Then::GoesOn)
    }

    fn stay(&mut self) -> Lost {
        self.0.until_goodbye()
    }
}

/// Fetches mails over POP3.
pub struct Fetcher(Wire);

pub fn pop3(address: SocketAddr, config: &Arc<ClientConfig>) -> Result<Fetcher, Lost> {
    let mut wire = Wire::to(address, "")?;
    wire.expect("+OK")?;
    wire.ask("STLS", "+OK")?;
    let mut wire = wire.start_tls(config)?;
    wire.ask("USER user", "+OK")?;
    wire.ask("PASS secret", "+OK")?;
    Ok(Fetcher(wire))
}

impl Client for Fetcher {
    fn exchange(&mut self) -> Result<Then, Lost> {
        self.0.ask("RETR 1", "+OK")?;
        self.0.skip_to(|line| line == ".")?;
        Ok(Then::GoesOn)
    }
}

/// Looks at a mailbox over IMAP.
pub struct Reader(Wire);

pub fn imap(address: SocketAddr, config: &Arc<ClientConfig>) -> Result<Reader, Lost> {
    let mut wire = Wire::to(address, "* BYE")?;
    wire.expect("* OK")?;
    wire.ask("a STARTTLS", "a OK")?;
    let mut wire = wire.start_tls(config)?;
    wire.ask("b LOGIN user secret", "b OK")?;
    wire.say("c SELECT INBOX")?;
    wire.skip_to(|line| line.starts_with("c OK"))?;
    Ok(Reader(wire))
}

impl Client for Reader {
    fn exchange(&mut self) -> Result<Then, Lost> {
        self.0.say("d FETCH 1 BODY.PEEK[]")?;
        let fetched = self.0.expect("* 1 FETCH ")?;
        if !fetched.contains("BODY[]") {
            return Err(unexpected(&fetched));
        }
        self.0.skip_to(|line| line.starts_with("d OK"))?;
        Ok(Then::GoesOn)
    }

    fn stay(&mut self) -> Lost {
        match self.0.ask("e IDLE", "+") {
            Ok(_) => self.0.until_goodbye(),
            Err(lost) => lost,
        }
    }
}
