//! Members of a chat. Each hears what it says itself, among what all others say.

use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::Path;

use async_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use async_tungstenite::tungstenite::{self, Error, Message, WebSocket};

use super::{Wire, unexpected, unique};
use crate::load::{Client, Lost, Talks, Then, connect_tcp};
use crate::service::PATIENCE;

/// A member of `chat` or `unix_chat`.
pub struct Member {
    wire: Wire,
    name: String,
}

/// What both say before they close.
const GOODBYE: &str = "! the server stops";

pub fn by_lines(address: SocketAddr) -> Result<Member, Lost> {
    Member::enter(Wire::to(address, GOODBYE)?, "What is your name?")
}

pub fn by_unix(path: &Path) -> Result<Member, Lost> {
    let stream = UnixStream::connect(path).map_err(Lost::Refused)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    Member::enter(Wire::on(stream, GOODBYE), "? your name")
}

impl Member {
    fn enter(mut wire: Wire, question: &str) -> Result<Self, Lost> {
        wire.expect(question)?;
        let name = format!("member{}", unique());
        wire.say(&name)?;
        let come = format!("* {name} has come");
        wire.skip_to(|line| line == come)?;
        Ok(Member { wire, name })
    }
}

impl Client for Member {
    fn exchange(&mut self) -> Result<Then, Lost> {
        let text = format!("hello number {}", unique());
        self.wire.say(&text)?;
        let said = format!("<{}> {text}", self.name);
        self.wire.skip_to(|line| line == said)?;
        Ok(Then::GoesOn)
    }

    fn stay(&mut self) -> Lost {
        self.wire.until_goodbye()
    }
}

/// A guest of `websocket`.
pub struct Guest {
    socket: WebSocket<Box<dyn Talks>>,
    name: String,
}

pub fn by_websocket(address: SocketAddr) -> Result<Guest, Lost> {
    let stream: Box<dyn Talks> = Box::new(connect_tcp(address)?);
    let url = format!("ws://{address}/chat");
    let (socket, _) =
        tungstenite::client(url, stream).map_err(|error| unexpected(&error.to_string()))?;
    let name = format!("guest{}", unique());
    let mut guest = Guest { socket, name };
    guest.say(&guest.name.clone())?;
    guest.skip_to(&format!("{{\"kind\":\"came\",\"who\":\"{}\"}}", guest.name))?;
    Ok(guest)
}

impl Guest {
    fn say(&mut self, text: &str) -> Result<(), Lost> {
        match self.socket.send(Message::text(text)) {
            // What comes next says why.
            Ok(()) | Err(Error::Io(_) | Error::Protocol(_)) => Ok(()),
            Err(error) => Err(unexpected(&error.to_string())),
        }
    }

    fn hear(&mut self) -> Result<String, Lost> {
        loop {
            match self.socket.read() {
                Ok(Message::Text(text)) => return Ok(text.as_str().to_owned()),
                Ok(Message::Ping(_)) => {}
                Ok(Message::Close(Some(frame))) if frame.code == CloseCode::Away => {
                    // The answer to it.
                    let _ = self.socket.flush();
                    return Err(Lost::Goodbye);
                }
                Ok(other) => return Err(unexpected(&other.to_string())),
                Err(error) => return Err(unexpected(&error.to_string())),
            }
        }
    }

    fn skip_to(&mut self, wanted: &str) -> Result<(), Lost> {
        while self.hear()? != wanted {}
        Ok(())
    }
}

impl Client for Guest {
    fn exchange(&mut self) -> Result<Then, Lost> {
        let text = format!("hello number {}", unique());
        self.say(&text)?;
        let who = &self.name;
        self.skip_to(&format!(
            "{{\"kind\":\"said\",\"text\":\"{text}\",\"who\":\"{who}\"}}"
        ))?;
        Ok(Then::GoesOn)
    }

    fn stay(&mut self) -> Lost {
        loop {
            if let Err(lost) = self.hear() {
                return lost;
            }
        }
    }
}
