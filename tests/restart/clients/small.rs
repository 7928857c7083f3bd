//! Clients of the smaller servers, whose protocols have no goodbye.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::sync::Arc;

use retwist::tls::rustls::ClientConfig;

use super::{Wire, unexpected, unique};
use crate::load::{Client, Lost, Then, connect_tcp};

/// Sends a frame in bytes, and gets it back in the same.
pub struct Frames(TcpStream);

/// A netstring.
pub fn netstrings(address: SocketAddr) -> Result<Frames, Lost> {
    Ok(Frames(connect_tcp(address)?))
}

impl Client for Frames {
    fn exchange(&mut self) -> Result<Then, Lost> {
        let text = format!("text number {}", unique());
        let frame = format!("{}:{text},", text.len());
        self.0.write_all(frame.as_bytes())?;
        echoed(&mut self.0, frame.as_bytes())
    }
}

fn echoed(stream: &mut impl Read, expected: &[u8]) -> Result<Then, Lost> {
    let mut answer = vec![0; expected.len()];
    stream.read_exact(&mut answer)?;
    if answer != expected {
        return Err(unexpected(&String::from_utf8_lossy(&answer)));
    }
    Ok(Then::GoesOn)
}

/// Connects to an echo server through SOCKS 5.
pub fn socks(address: SocketAddr, echo: SocketAddr) -> Result<TcpStream, Lost> {
    let mut stream = connect_tcp(address)?;
    stream.write_all(&[5, 1, 0])?;
    echoed(&mut stream, &[5, 0])?;
    let SocketAddr::V4(echo) = echo else {
        return Err(unexpected("no address of IPv4"));
    };
    let mut request = vec![5, 1, 0, 1];
    request.extend(echo.ip().octets());
    request.extend(echo.port().to_be_bytes());
    stream.write_all(&request)?;
    let mut answer = [0; 10];
    stream.read_exact(&mut answer)?;
    if answer[..2] != [5, 0] {
        return Err(unexpected(&format!("{answer:?}")));
    }
    Ok(stream)
}

/// An echo server that says behind which PROXY header it stands.
pub fn behind_proxy(address: SocketAddr) -> Result<TcpStream, Lost> {
    let mut stream = connect_tcp(address)?;
    stream.write_all(b"PROXY TCP4 192.0.2.1 198.51.100.9 1234 443\r\n")?;
    echoed(&mut stream, b"SRC 192.0.2.1 1234 DST 198.51.100.9 443\n")?;
    Ok(stream)
}

/// Adds numbers over AMP.
pub struct Adds(TcpStream);

pub fn amp(address: SocketAddr) -> Result<Adds, Lost> {
    Ok(Adds(connect_tcp(address)?))
}

/// A box of AMP: keys and values with their lengths, and an empty key.
fn amp_box(pairs: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for text in pairs.iter().flat_map(|(key, value)| [key, value]) {
        bytes.extend((text.len() as u16).to_be_bytes());
        bytes.extend(text.as_bytes());
    }
    bytes.extend([0, 0]);
    bytes
}

impl Client for Adds {
    fn exchange(&mut self) -> Result<Then, Lost> {
        let (a, tag) = (unique(), unique().to_string());
        let asked = [
            ("_ask", &*tag),
            ("_command", "Sum"),
            ("a", &a.to_string()),
            ("b", "1"),
        ];
        self.0.write_all(&amp_box(&asked))?;
        let total = (a + 1).to_string();
        echoed(
            &mut self.0,
            &amp_box(&[("_answer", &tag), ("total", &total)]),
        )
    }
}

/// Speaks to `starttls`, in lines, under TLS that has begun in the middle.
pub struct TurnsTls(Wire);

pub fn starttls(address: SocketAddr, config: &Arc<ClientConfig>) -> Result<TurnsTls, Lost> {
    let mut wire = Wire::to(address, "")?;
    wire.ask("TLS", "OK")?;
    Ok(TurnsTls(wire.start_tls(config)?))
}

impl Client for TurnsTls {
    fn exchange(&mut self) -> Result<Then, Lost> {
        let text = format!("text number {}", unique());
        self.0.ask(&text, &text)?;
        Ok(Then::GoesOn)
    }
}

/// Sends some bytes and the end, and hears the end when all were taken.
pub struct Sends(TcpStream);

pub fn discard(address: SocketAddr) -> Result<Sends, Lost> {
    Ok(Sends(connect_tcp(address)?))
}

impl Client for Sends {
    fn exchange(&mut self) -> Result<Then, Lost> {
        self.0.write_all(&[7; 10_000])?;
        self.0.shutdown(Shutdown::Write)?;
        let mut rest = Vec::new();
        self.0.read_to_end(&mut rest)?;
        if !rest.is_empty() {
            return Err(unexpected(&String::from_utf8_lossy(&rest)));
        }
        Ok(Then::Ends)
    }
}
