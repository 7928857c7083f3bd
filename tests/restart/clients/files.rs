//! A client of FTP that stores and fetches files.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};

use super::{Wire, unexpected, unique};
use crate::load::{Client, Lost, Then};
use crate::service::PATIENCE;

pub struct Carrier {
    wire: Wire,
    address: SocketAddr,
}

pub fn ftp(address: SocketAddr) -> Result<Carrier, Lost> {
    let mut wire = Wire::to(address, "421 ")?;
    wire.expect("220 ")?;
    wire.ask("USER anonymous", "331 ")?;
    wire.ask("PASS client", "230 ")?;
    Ok(Carrier { wire, address })
}

impl Carrier {
    /// A connection for a file. The server that ends refuses it, and has said so.
    fn open(&mut self) -> Result<TcpStream, Lost> {
        let answer = self.wire.ask("EPSV", "229 ")?;
        let port = answer.split('|').nth(3).and_then(|port| port.parse().ok());
        let port = port.ok_or_else(|| unexpected(&answer))?;
        match TcpStream::connect((self.address.ip(), port)) {
            Ok(stream) => {
                stream.set_read_timeout(Some(PATIENCE))?;
                Ok(stream)
            }
            Err(error) => {
                self.wire.line()?;
                Err(error.into())
            }
        }
    }

    /// A transfer that has begun comes to its end.
    fn promised(&mut self) -> Result<(), Lost> {
        match self.wire.expect("226 ") {
            Err(Lost::Goodbye) => Err(unexpected("421 in the middle of a transfer")),
            ended => ended.map(drop),
        }
    }
}

impl Client for Carrier {
    fn exchange(&mut self) -> Result<Then, Lost> {
        let name = format!("file{}", unique());
        let text = name.repeat(100);
        let mut stream = self.open()?;
        self.wire.ask(&format!("STOR {name}"), "150 ")?;
        stream.write_all(text.as_bytes())?;
        stream.shutdown(Shutdown::Write)?;
        self.promised()?;
        let mut stream = self.open()?;
        self.wire.ask(&format!("RETR {name}"), "150 ")?;
        let mut fetched = String::new();
        stream.read_to_string(&mut fetched)?;
        self.promised()?;
        if fetched != text {
            return Err(unexpected(&fetched));
        }
        Ok(Then::GoesOn)
    }

    fn stay(&mut self) -> Lost {
        self.wire.until_goodbye()
    }
}
