use rustls::unbuffered::{
    ConnectionState, EncodeError, EncodeTlsData, EncryptError, UnbufferedStatus, WriteTraffic,
};

use super::{Event, Failure, Surroundings};
use crate::TlsError;
use crate::buffers::Ciphertext;

pub(super) struct Handled {
    pub(super) discard: usize,
    pub(super) next: Next,
}

pub(super) enum Next {
    Again,
    /// Application data that came out of a call that began in the handshake: who waits for the
    /// handshake is to hear of that first.
    First(Vec<u8>),
    Delivered,
    PeerClosed,
    Blocked,
    Failed(Failure),
}

/// Handles one state of rustls.
#[inline(always)]
pub(super) fn handle<Data>(
    status: UnbufferedStatus<'_, '_, Data>,
    handshaking: bool,
    out: &mut Ciphertext,
    around: &impl Surroundings,
) -> Handled {
    let UnbufferedStatus { mut discard, state } = status;
    let next = match state {
        Err(error) => failure(error),
        Ok(ConnectionState::ReadTraffic(mut traffic)) => {
            let mut next = Next::Delivered;
            let mut first = Vec::new();
            loop {
                match traffic.next_record() {
                    Some(Ok(record)) => {
                        discard += record.discard;
                        if handshaking {
                            first.extend_from_slice(record.payload);
                        } else {
                            out.send_to(around);
                            around.hear(Event::Data(record.payload));
                        }
                    }
                    Some(Err(error)) => next = failure(error),
                    None => {}
                }
                // There is one, nearly always.
                if traffic.peek_len().is_none() {
                    break;
                }
            }
            match next {
                Next::Delivered if handshaking => Next::First(first),
                next => next,
            }
        }
        Ok(ConnectionState::EncodeTlsData(data)) => {
            encode(data, out);
            Next::Again
        }
        Ok(ConnectionState::TransmitTlsData(data)) => {
            data.done();
            Next::Again
        }
        Ok(ConnectionState::ReadEarlyData(_)) => Next::Failed(TlsError::EarlyData.into()),
        Ok(ConnectionState::PeerClosed) => Next::PeerClosed,
        Ok(_) => Next::Blocked,
    };
    Handled { discard, next }
}

#[cold]
fn failure(error: rustls::Error) -> Next {
    Next::Failed(TlsError::from(error).into())
}

/// Puts a message of rustls's own into `out`.
fn encode<Data>(mut data: EncodeTlsData<'_, Data>, out: &mut Ciphertext) {
    // The first try asks how much room it takes.
    let mut room = 0;
    loop {
        match data.encode(out.room(room)) {
            Ok(written) => return out.advance(written),
            Err(EncodeError::InsufficientSize(size)) if size.required_size > room => {
                room = size.required_size;
            }
            Err(_) => return,
        }
    }
}

#[derive(Clone, Copy)]
pub(super) enum Outgoing<'a> {
    Data(&'a [u8]),
    CloseNotify,
}

/// Sends once rustls is ready for it; none while it has something of its own to send first. Returns
/// what to discard, too.
pub(super) fn send<Data>(
    status: UnbufferedStatus<'_, '_, Data>,
    what: Outgoing<'_>,
    out: &mut Ciphertext,
) -> (usize, Option<Result<(), rustls::Error>>) {
    let UnbufferedStatus { discard, state } = status;
    let sent = match state {
        Ok(ConnectionState::WriteTraffic(traffic)) => Some(seal(traffic, what, out)),
        Ok(ConnectionState::EncodeTlsData(data)) => {
            encode(data, out);
            None
        }
        Ok(ConnectionState::TransmitTlsData(data)) => {
            data.done();
            None
        }
        Ok(_) => Some(Err(rustls::Error::HandshakeNotComplete)),
        Err(error) => Some(Err(error)),
    };
    (discard, sent)
}

fn seal<Data>(
    mut traffic: WriteTraffic<'_, Data>,
    what: Outgoing<'_>,
    out: &mut Ciphertext,
) -> Result<(), rustls::Error> {
    // More than any cipher suite adds, for each record of at most 16 KiB.
    const EXPANSION: usize = 64;
    let mut room = match what {
        Outgoing::Data(data) => data.len() + EXPANSION * (1 + data.len() / (1 << 14)),
        Outgoing::CloseNotify => EXPANSION,
    };
    loop {
        let sealed = match what {
            Outgoing::Data(data) => traffic.encrypt(data, out.room(room)),
            Outgoing::CloseNotify => traffic.queue_close_notify(out.room(room)),
        };
        match sealed {
            Ok(written) => {
                out.advance(written);
                return Ok(());
            }
            Err(EncryptError::InsufficientSize(size)) if size.required_size > room => {
                room = size.required_size;
            }
            Err(_) => return Err(rustls::Error::EncryptError),
        }
    }
}
