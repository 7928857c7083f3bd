//! A client of HTTP/1.1 that keeps its connection.

use std::net::SocketAddr;
use std::sync::Arc;

use retwist::tls::rustls::ClientConfig;

use super::{Wire, unexpected, unique};
use crate::load::{Client, Lost, Then, connect_tcp};

pub struct Keeping(Wire);

pub fn in_clear(address: SocketAddr, header: &str) -> Result<Keeping, Lost> {
    let mut wire = Wire::on(connect_tcp(address)?, "");
    wire.write(header.as_bytes())?;
    Ok(Keeping(wire))
}

pub fn under_tls(address: SocketAddr, config: &Arc<ClientConfig>) -> Result<Keeping, Lost> {
    let wire = Wire::to(address, "")?.start_tls(config)?;
    Ok(Keeping(wire))
}

impl Client for Keeping {
    fn exchange(&mut self) -> Result<Then, Lost> {
        let body = format!("text number {}", unique());
        let length = body.len();
        self.0.write(
            format!(
                "POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n{body}"
            )
            .as_bytes(),
        )?;
        self.0.expect("HTTP/1.1 200 ")?;
        let mut then = Then::GoesOn;
        let mut is_chunked = false;
        loop {
            match self.0.line()?.to_ascii_lowercase().as_str() {
                "" => break,
                "connection: close" => then = Then::Ends,
                "transfer-encoding: chunked" => is_chunked = true,
                _ => {}
            }
        }
        if !is_chunked {
            return Err(unexpected("a body that is not in chunks"));
        }
        let echoed = self.chunks()?;
        if echoed != body.as_bytes() {
            return Err(unexpected(&String::from_utf8_lossy(&echoed)));
        }
        Ok(then)
    }
}

impl Keeping {
    fn chunks(&mut self) -> Result<Vec<u8>, Lost> {
        let mut body = Vec::new();
        loop {
            let size = self.0.line()?;
            let size = usize::from_str_radix(&size, 16).map_err(|_| unexpected(&size))?;
            let start = body.len();
            body.resize(start + size, 0);
            self.0.read(&mut body[start..])?;
            let end = self.0.line()?;
            if !end.is_empty() {
                return Err(unexpected(&end));
            }
            if size == 0 {
                return Ok(body);
            }
        }
    }
}
