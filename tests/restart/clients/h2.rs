//! A client of HTTP/2 (RFC 9113), frame by frame.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::sync::Arc;

use retwist::tls::rustls::ClientConfig;

use super::{Wire, unexpected};
use crate::load::{Client, Lost, Then};

/// One connection, with one request at a time.
pub struct Multiplexed {
    wire: Wire,
    /// The stream of the next request.
    next: u32,
    /// The last stream that the server answers, once it has said so.
    last: Option<u32>,
}

const DATA: u8 = 0;
const HEADERS: u8 = 1;
const RST_STREAM: u8 = 3;
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GOAWAY: u8 = 7;
const WINDOW_UPDATE: u8 = 8;

/// The flags of the frames that have them.
const ACK: u8 = 1;
const END_STREAM: u8 = 1;
const END_HEADERS: u8 = 4;

/// `GET / HTTP/2`, in words of the static table (RFC 7541, appendix A), and the authority as a literal.
const REQUEST: &[u8] = b"\x82\x87\x84\x01\x09localhost";

struct Frame {
    kind: u8,
    flags: u8,
    stream: u32,
    payload: Vec<u8>,
}

pub fn http2(address: SocketAddr, config: &Arc<ClientConfig>) -> Result<Multiplexed, Lost> {
    let mut config = ClientConfig::clone(config);
    config.alpn_protocols = vec![b"h2".to_vec()];
    let mut wire = Wire::to(address, "")?.start_tls(&config.into())?;
    wire.write(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")?;
    let mut client = Multiplexed {
        wire,
        next: 1,
        last: None,
    };
    client.send(SETTINGS, 0, 0, &[])?;
    Ok(client)
}

impl Multiplexed {
    fn send(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Result<(), Lost> {
        let length = u32::try_from(payload.len()).expect("a short frame");
        let mut frame = length.to_be_bytes()[1..].to_vec();
        frame.extend([kind, flags]);
        frame.extend(stream.to_be_bytes());
        frame.extend(payload);
        self.wire.write(&frame)
    }

    /// The next frame that is about a stream, or the goodbye of the server.
    fn hear(&mut self) -> Result<Frame, Lost> {
        loop {
            let mut head = [0; 9];
            self.wire.read(&mut head)?;
            let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
            let mut payload = vec![0; length as usize];
            self.wire.read(&mut payload)?;
            let frame = Frame {
                kind: head[3],
                flags: head[4],
                stream: u32::from_be_bytes([head[5], head[6], head[7], head[8]]),
                payload,
            };
            match frame.kind {
                SETTINGS | PING if frame.flags & ACK == 0 => {
                    let echoed = if frame.kind == PING {
                        &frame.payload[..]
                    } else {
                        &[]
                    };
                    self.send(frame.kind, ACK, 0, echoed)?;
                }
                SETTINGS | PING | WINDOW_UPDATE => {}
                GOAWAY => {
                    let Some((last, rest)) = frame.payload.split_first_chunk() else {
                        return Err(unexpected("a short GOAWAY"));
                    };
                    if rest.first_chunk() != Some(&[0; 4]) {
                        return Err(unexpected("GOAWAY with an error"));
                    }
                    self.last = Some(u32::from_be_bytes(*last));
                    return Ok(frame);
                }
                _ => return Ok(frame),
            }
        }
    }
}

impl Client for Multiplexed {
    /// A request that the server has not promised to answer is made again on another connection.
    fn exchange(&mut self) -> Result<Then, Lost> {
        if self.last.is_some() {
            return Err(Lost::Goodbye);
        }
        let stream = self.next;
        self.next += 2;
        self.send(HEADERS, END_STREAM | END_HEADERS, stream, REQUEST)?;
        let mut body = Vec::new();
        loop {
            let frame = match self.hear() {
                Ok(frame) => frame,
                // A server that has said goodbye, and not promised this one, may just close.
                Err(Lost::Cut(_)) if self.last.is_some_and(|last| last < stream) => {
                    return Err(Lost::Goodbye);
                }
                Err(lost) => return Err(lost),
            };
            match frame.kind {
                GOAWAY if self.last.is_some_and(|last| last < stream) => {
                    return Err(Lost::Goodbye);
                }
                HEADERS if frame.payload.first() != Some(&0x88) => {
                    return Err(unexpected("another status than 200"));
                }
                DATA => body.extend(&frame.payload),
                RST_STREAM => return Err(unexpected("a stream that is reset")),
                _ => {}
            }
            if matches!(frame.kind, HEADERS | DATA) && frame.flags & END_STREAM != 0 {
                break;
            }
        }
        if body != b"It is day, somewhere.\n" {
            return Err(unexpected(&String::from_utf8_lossy(&body)));
        }
        Ok(match self.last {
            None => Then::GoesOn,
            Some(_) => Then::Ends,
        })
    }

    /// The server says goodbye, asks whether that was heard, and closes.
    fn stay(&mut self) -> Lost {
        loop {
            match self.hear() {
                Ok(frame) if frame.kind == GOAWAY => {}
                Ok(frame) => {
                    return unexpected(&format!("frame {} of {}", frame.kind, frame.stream));
                }
                Err(Lost::Cut(error)) if self.last.is_some() && is_end(&error) => {
                    return Lost::Goodbye;
                }
                Err(lost) => return lost,
            }
        }
    }
}

fn is_end(error: &io::Error) -> bool {
    error.kind() == ErrorKind::UnexpectedEof
}
