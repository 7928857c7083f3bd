//! MySQL and MariaDB, protocol 4.1: the server greets first, the client asks for TLS with the first
//! part of its login, and says the whole login behind TLS.
//!
//! What is peculiar to this dialect:
//! - The greeting has the scramble, which the client mixes with its password. So a proxy has to show
//!   the greeting of the server itself, and cannot greet in its place: [`MysqlGreeting`].
//! - Servers keep the capabilities of the request for TLS, and do not look at those of the login
//!   again. So a proxy that asks for TLS has to know the login of its client first: [`MysqlLogin`].
//! - Packets are numbered, and the request for TLS counts. So where one side has TLS and the other has
//!   not, the packets up to the end of the login have other numbers:
//!   [`MysqlSequence`](super::MysqlSequence).

mod exchange;
mod greeting;
mod login;
pub(super) mod sequence;

pub(super) use exchange::{Client, Server};
pub use greeting::MysqlGreeting;
pub use login::MysqlLogin;

use super::error::first_byte;
use super::exchange::UNIT_LIMIT;
use super::{Dialect, StartTlsError};

/// The flag of a side that can have TLS: bit 3 of the second byte of the capabilities.
const CLIENT_SSL: u8 = 0x08;

/// What stands before each packet: three bytes of length, and its number.
const HEAD: usize = 4;

/// The number of the packet in front of `bytes` and how many bytes its payload has. `None`: its head
/// is not all there.
fn head(bytes: &[u8]) -> Option<(u8, usize)> {
    let &[a, b, c, number] = bytes.first_chunk()?;
    let length = u32::from_le_bytes([a, b, c, 0]);
    Some((number, usize::try_from(length).unwrap_or(usize::MAX)))
}

/// The payload of the packet in front of `bytes`, which has to have this number. `None`: it is not all
/// there.
fn packet(bytes: &[u8], wanted: u8) -> Result<Option<&[u8]>, StartTlsError> {
    let Some((number, length)) = head(bytes) else {
        return Ok(None);
    };
    if number != wanted {
        return Err(unexpected(bytes));
    }
    if length > UNIT_LIMIT {
        return Err(StartTlsError::TooLong(UNIT_LIMIT));
    }
    Ok(bytes.get(HEAD..HEAD + length))
}

fn put(number: u8, payload: &[u8], out: &mut Vec<u8>) {
    // All that is sent here is short.
    let length = u32::try_from(payload.len()).unwrap_or(0).to_le_bytes();
    out.extend_from_slice(&length[..3]);
    out.push(number);
    out.extend_from_slice(payload);
}

fn unexpected(bytes: &[u8]) -> StartTlsError {
    StartTlsError::Unexpected(Dialect::Mysql, first_byte(bytes))
}
