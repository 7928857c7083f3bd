//! Lines, as fast as the server takes them: blocks of `--size` bytes on one connection. At the end
//! the server has to say how many lines it was sent.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::time::{Duration, Instant};

use crate::args::{Args, Result};
use crate::listener;

const LINE: &[u8] = b"0123456789abcdefgh\r\n";

/// How many blocks were sent.
pub(super) fn send(args: &Args) -> Result<u64> {
    let lines = args.size / LINE.len();
    let block = LINE.repeat(lines);
    let mut socket = TcpStream::connect(listener::local(args.port))?;
    let end = Instant::now() + Duration::from_secs_f64(args.seconds);
    let mut blocks = 0;
    while blocks < args.messages || args.messages == 0 && Instant::now() < end {
        socket.write_all(&block)?;
        blocks += 1;
    }
    socket.shutdown(Shutdown::Write)?;
    let mut told = String::new();
    socket.read_to_string(&mut told)?;
    let sent = blocks * lines as u64;
    match told.trim_end().parse() {
        Ok(received) if sent == received => Ok(blocks),
        _ => Err(format!("of {sent} lines the server has seen {told:?}").into()),
    }
}
