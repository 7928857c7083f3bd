//! What a message is on its way to a server that takes more than bytes, and on its way back: a
//! request of HTTP/1.1 and its response, or a frame of a WebSocket that is echoed.

use std::borrow::Cow;
use std::io::{Read, Write};
use std::net::TcpStream;

use crate::args::{Args, Result};
use crate::pattern::Pattern;

const UPGRADE: &[u8] = b"GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n\
    Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n\
    Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

/// What clients of WebSockets cover their bytes with.
const MASK: [u8; 4] = [0x5a, 0xc3, 0x17, 0x88];

/// One side of an exchange: what it sends, and what it has heard of the next answer.
pub(super) struct Speech {
    request: Vec<u8>,
    answers: Answers,
    incoming: Vec<u8>,
}

#[derive(Clone, Copy)]
enum Answers {
    Http,
    WebSocket,
}

impl Speech {
    /// `None` if the messages are bytes and no more.
    pub(super) fn new(args: &Args) -> Result<Option<Self>> {
        let pattern = Pattern::new(args.size);
        let body = pattern.piece(0, args.size);
        let (request, answers) = match args.speak.as_str() {
            "bytes" => return Ok(None),
            "get" => (get(), Answers::Http),
            "post" => (post(body), Answers::Http),
            "websocket" => (frame(body, Some(MASK)), Answers::WebSocket),
            other => return Err(format!("the load does not speak {other}").into()),
        };
        Ok(Some(Speech {
            request,
            answers,
            incoming: Vec::new(),
        }))
    }

    pub(super) fn request(&self) -> &[u8] {
        &self.request
    }

    /// How many answers are whole with these bytes.
    pub(super) fn received(&mut self, data: &[u8], pattern: &Pattern, size: usize) -> Result<u64> {
        self.incoming.extend_from_slice(data);
        let (mut count, mut used) = (0, 0);
        loop {
            let rest = &self.incoming[used..];
            let found = match self.answers {
                Answers::Http => response(rest)?,
                Answers::WebSocket => echoed(rest, pattern.piece(0, size))?,
            };
            let Some((length, body)) = found else { break };
            let expected = if self.request.starts_with(b"GET") {
                DAY
            } else {
                pattern.piece(0, size)
            };
            if *body != *expected {
                return Err("the answer is not what was asked for".into());
            }
            used += length;
            count += 1;
        }
        self.incoming.drain(..used);
        Ok(count)
    }
}

/// What servers answer to GET.
const DAY: &[u8] = b"It is day, somewhere.\n";

fn get() -> Vec<u8> {
    b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec()
}

fn post(body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let mut request =
        format!("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: {length}\r\n\r\n")
            .into_bytes();
    request.extend_from_slice(body);
    request
}

/// A binary message in one frame (RFC 6455, section 5.2).
fn frame(body: &[u8], mask: Option<[u8; 4]>) -> Vec<u8> {
    let mut frame = vec![0x82];
    let masked = if mask.is_some() { 0x80 } else { 0 };
    match u16::try_from(body.len()) {
        Ok(length) if length < 126 => frame.push(masked | length as u8),
        Ok(length) => {
            frame.push(masked | 126);
            frame.extend_from_slice(&length.to_be_bytes());
        }
        Err(_) => {
            frame.push(masked | 127);
            frame.extend_from_slice(&(body.len() as u64).to_be_bytes());
        }
    }
    let mask = mask.inspect(|mask| frame.extend_from_slice(mask));
    let covers = mask.unwrap_or_default().into_iter().cycle();
    frame.extend(body.iter().zip(covers).map(|(byte, cover)| byte ^ cover));
    frame
}

/// The length of the answer at the start, and its body; `None` until it is whole.
type Found<'a> = Option<(usize, Cow<'a, [u8]>)>;

fn echoed<'a>(data: &'a [u8], body: &[u8]) -> Result<Found<'a>> {
    // The same head as that of any message with this length.
    let head = frame(body, None).len() - body.len();
    let length = head + body.len();
    Ok(data
        .get(..length)
        .map(|whole| (length, whole[head..].into())))
}

fn response(data: &[u8]) -> Result<Found<'_>> {
    let Some(end) = position(data, b"\r\n\r\n") else {
        return Ok(None);
    };
    let head = std::str::from_utf8(&data[..end])?.to_ascii_lowercase();
    if !head.starts_with("http/1.1 200 ") {
        return Err(format!("the server answers {head:?}").into());
    }
    let field = |name| head.lines().find_map(|line| line.strip_prefix(name));
    let start = end + 4;
    let Some(length) = field("content-length:") else {
        let whole = chunked(&data[start..])?;
        return Ok(whole.map(|(length, body)| (start + length, body.into())));
    };
    let end = start + length.trim().parse::<usize>()?;
    Ok(data.get(start..end).map(|body| (end, body.into())))
}

fn chunked(data: &[u8]) -> Result<Option<(usize, Vec<u8>)>> {
    let mut body = Vec::new();
    let mut at = 0;
    while let Some(line) = position(&data[at..], b"\r\n") {
        let length = usize::from_str_radix(std::str::from_utf8(&data[at..at + line])?, 16)?;
        let start = at + line + 2;
        let Some(chunk) = data.get(start..start + length + 2) else {
            break;
        };
        if length == 0 {
            return Ok(Some((start + 2, body)));
        }
        body.extend_from_slice(&chunk[..length]);
        at = start + length + 2;
    }
    Ok(None)
}

fn position(data: &[u8], what: &[u8]) -> Option<usize> {
    data.windows(what.len()).position(|window| window == what)
}

/// Asks for a WebSocket on a connection that blocks.
pub(super) fn upgrade(socket: &mut TcpStream) -> Result<()> {
    socket.write_all(UPGRADE)?;
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        socket.read_exact(&mut byte)?;
        answer.extend_from_slice(&byte);
    }
    if answer.starts_with(b"HTTP/1.1 101 ") {
        Ok(())
    } else {
        Err("the server makes no WebSocket of it".into())
    }
}
