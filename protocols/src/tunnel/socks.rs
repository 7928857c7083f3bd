use super::{Request, TunnelError};
use crate::socks::messages::{self, Expected, SocksMessages};
use crate::socks::request::{nowhere, v4_reply, v5_reply};
use crate::{Destination, Framing, SocksError, SocksReply};

/// The messages of a client up to its request.
#[derive(Default)]
pub(super) struct Handshake(SocksMessages);

const NO_AUTHENTICATION: u8 = 0;
const NO_ACCEPTABLE_METHOD: u8 = 0xff;
const CONNECT: u8 = 1;
const GRANTED_V4: u8 = 90;
const REJECTED_V4: u8 = 91;

impl Request for Handshake {
    fn advance(
        &mut self,
        bytes: &[u8],
        reply: &mut Vec<u8>,
    ) -> Result<(usize, Option<Destination>), TunnelError> {
        let frame = self.0.decode(bytes, 0).map_err(TunnelError::Socks)?;
        let Some(frame) = frame else {
            return Ok((0, None));
        };
        let destination = match (self.0.expected.get(), frame.unit) {
            (Expected::First, [4, ..]) => Some(v4(frame.unit, reply)?),
            (Expected::First, message) => {
                let methods = message.get(2..).unwrap_or_default();
                if !methods.contains(&NO_AUTHENTICATION) {
                    reply.extend([5, NO_ACCEPTABLE_METHOD]);
                    return Err(TunnelError::Socks(SocksError::NoMethod));
                }
                reply.extend([5, NO_AUTHENTICATION]);
                self.0.expected.set(Expected::Request);
                None
            }
            (_, message) => Some(v5(message, reply)?),
        };
        Ok((frame.consumed, destination))
    }
}

fn v4(message: &[u8], reply: &mut Vec<u8>) -> Result<Destination, TunnelError> {
    let asked = match messages::v4_request(message) {
        Ok((CONNECT, _, destination)) => Ok(destination),
        Ok(_) => Err(TunnelError::NotConnect),
        Err(error) => Err(TunnelError::Socks(error)),
    };
    let code = if asked.is_ok() {
        GRANTED_V4
    } else {
        REJECTED_V4
    };
    reply.extend(v4_reply(code, nowhere()));
    asked
}

fn v5(message: &[u8], reply: &mut Vec<u8>) -> Result<Destination, TunnelError> {
    let asked = match message {
        [_, CONNECT, 0, address @ ..] => messages::destination(address).map_err(TunnelError::Socks),
        [_, CONNECT, ..] => Err(TunnelError::Socks(SocksError::Malformed)),
        _ => Err(TunnelError::NotConnect),
    };
    let code = match &asked {
        Ok(_) => 0,
        Err(TunnelError::NotConnect) => SocksReply::CommandNotSupported.code(),
        Err(_) => SocksReply::GeneralFailure.code(),
    };
    reply.extend(v5_reply(code, nowhere()));
    asked
}
