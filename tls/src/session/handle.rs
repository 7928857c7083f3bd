use rustls::unbuffered::{
    ConnectionState, EncodeError, EncodeTlsData, EncryptError, UnbufferedStatus, WriteTraffic,
};

use super::{Event, Failure, Surroundings};
use crate::TlsError;
use crate::buffers::Ciphertext;

/// What follows from a state of rustls.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Next {
    Again,
    /// Application data was delivered, or came first.
    Data,
    PeerClosed,
    Blocked,
}

/// Handles one state of rustls, and says how much of the input to discard. Application data that
/// comes out of a call that began in the handshake goes to `first`: the event of the handshake comes
/// before it.
#[inline(always)]
pub(super) fn handle<Data>(
    mut status: UnbufferedStatus<'_, '_, Data>,
    handshaking: bool,
    first: &mut Vec<u8>,
    out: &mut Ciphertext,
    around: &impl Surroundings,
) -> Result<(usize, Next), Failure> {
    let mut discard = status.discard;
    // By reference: it is large.
    if let Ok(ConnectionState::ReadTraffic(traffic)) = &mut status.state {
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
                Some(Err(error)) => return Err(failure(error)),
                None => {}
            }
            // There is one, nearly always.
            if traffic.peek_len().is_none() {
                return Ok((discard, Next::Data));
            }
        }
    }
    let next = match status.state {
        Ok(ConnectionState::EncodeTlsData(data)) => {
            encode(data, out);
            Next::Again
        }
        Ok(ConnectionState::TransmitTlsData(data)) => {
            data.done();
            Next::Again
        }
        Ok(ConnectionState::ReadEarlyData(_)) => return Err(TlsError::EarlyData.into()),
        Ok(ConnectionState::PeerClosed) => Next::PeerClosed,
        Ok(_) => Next::Blocked,
        Err(error) => return Err(failure(error)),
    };
    Ok((discard, next))
}

#[cold]
fn failure(error: rustls::Error) -> Failure {
    TlsError::from(error).into()
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
    KeyUpdate,
}

pub(super) enum Sent {
    Done,
    /// Not yet: rustls had something of its own to send first.
    NotYet,
    Failed(Failure),
}

/// Sends once rustls is ready for it. Returns how much of the input to discard, too.
#[inline(always)]
pub(super) fn send<Data>(
    status: UnbufferedStatus<'_, '_, Data>,
    what: Outgoing<'_>,
    out: &mut Ciphertext,
) -> (usize, Sent) {
    let sent = match status.state {
        Ok(ConnectionState::WriteTraffic(traffic)) => {
            if seal(traffic, what, out) {
                Sent::Done
            } else {
                Sent::Failed(failure(rustls::Error::EncryptError))
            }
        }
        Ok(ConnectionState::EncodeTlsData(data)) => {
            encode(data, out);
            Sent::NotYet
        }
        Ok(ConnectionState::TransmitTlsData(data)) => {
            data.done();
            Sent::NotYet
        }
        Ok(_) => Sent::Failed(failure(rustls::Error::HandshakeNotComplete)),
        Err(error) => Sent::Failed(failure(error)),
    };
    (status.discard, sent)
}

/// False if the keys may seal no more.
#[inline(always)]
fn seal<Data>(
    mut traffic: WriteTraffic<'_, Data>,
    what: Outgoing<'_>,
    out: &mut Ciphertext,
) -> bool {
    // More than any cipher suite adds, for each record of at most 16 KiB.
    const EXPANSION: usize = 64;
    let mut room = match what {
        Outgoing::Data(data) => data.len() + EXPANSION * (1 + data.len() / (1 << 14)),
        Outgoing::CloseNotify => EXPANSION,
        // rustls queues it, with messages of its own.
        Outgoing::KeyUpdate => return traffic.refresh_traffic_keys().is_ok(),
    };
    loop {
        let sealed = match what {
            Outgoing::Data(data) => traffic.encrypt(data, out.room(room)),
            Outgoing::CloseNotify | Outgoing::KeyUpdate => {
                traffic.queue_close_notify(out.room(room))
            }
        };
        match sealed {
            Ok(written) => {
                out.advance(written);
                return true;
            }
            Err(EncryptError::InsufficientSize(size)) if size.required_size > room => {
                room = size.required_size;
            }
            Err(_) => return false,
        }
    }
}
