use std::sync::{Arc, LazyLock};

use rustls::server::{Accepted, Acceptor, UnbufferedServerConnection};
use rustls::{AlertDescription, ServerConfig};

use super::HANDSHAKE_LIMIT;
use super::hello::{Hello, HelloReader};
use crate::buffers::Ciphertext;
use crate::config::bad_protocol_name;
use crate::record::HEADER;
use crate::role::Choose;
use crate::witness::noting_server;
use crate::{Identities, ServerOptions, TlsError};

/// A server before it has answered: it waits for the whole ClientHello, and finds the configuration
/// for it.
///
/// rustls reads the message, and says which name is in it. Whatever is wrong with it, a connection
/// of rustls answers that too, so that all servers answer alike.
pub(super) struct Greeting {
    reader: HelloReader,
    choice: Choice,
}

enum Choice {
    Made(Arc<ServerConfig>),
    Asked(Choose),
}

/// The connection that answers, and the name that the client asked for.
pub(super) struct Answer {
    pub(super) server: UnbufferedServerConnection,
    pub(super) server_name: Option<Box<str>>,
}

impl Greeting {
    pub(super) fn with(config: Arc<ServerConfig>) -> Result<Self, TlsError> {
        Ok(Self::new(Choice::Made(without_surprises(config)?)))
    }

    pub(super) fn choosing(choose: Choose) -> Self {
        Self::new(Choice::Asked(choose))
    }

    fn new(choice: Choice) -> Self {
        Greeting {
            reader: HelloReader::default(),
            choice,
        }
    }

    /// The answer, once the whole ClientHello is in `input`, which is all that has come so far. It
    /// is for the answering connection to read.
    pub(super) fn read(
        &mut self,
        input: &[u8],
        out: &mut Ciphertext,
    ) -> Result<Option<Answer>, TlsError> {
        let accepted = match self.reader.read(input) {
            Hello::Incomplete if input.len() <= HANDSHAKE_LIMIT => return Ok(None),
            Hello::Incomplete | Hello::TooLarge => {
                out.push(&fatal(AlertDescription::DecodeError));
                return Err(TlsError::HandshakeTooLarge(HANDSHAKE_LIMIT));
            }
            Hello::Complete(message) => accept(&message),
            // rustls says what is wrong as soon as it has a header.
            Hello::Foreign if input.len() < HEADER => return Ok(None),
            Hello::Foreign => None,
        };
        let config = match (&self.choice, &accepted) {
            (Choice::Made(config), _) => config.clone(),
            (Choice::Asked(choose), Some(accepted)) => {
                let Some(config) = choose(&accepted.client_hello()) else {
                    out.push(&fatal(AlertDescription::UnrecognisedName));
                    return Err(TlsError::Refused);
                };
                let config = without_surprises(config)?;
                noting_server(&config)
            }
            (Choice::Asked(_), None) => REFUSING.clone().ok_or(TlsError::Refused)?,
        };
        let accepted = accepted.as_ref().map(Accepted::client_hello);
        let name = accepted.as_ref().and_then(|hello| hello.server_name());
        Ok(Some(Answer {
            server: UnbufferedServerConnection::new(config)?,
            // The root's dot, which some clients send, is no part of the name (RFC 6066 3).
            server_name: name.map(|name| name.strip_suffix('.').unwrap_or(name).into()),
        }))
    }
}

/// Answers what no configuration could accept, with the alert that it deserves.
static REFUSING: LazyLock<Option<Arc<ServerConfig>>> =
    LazyLock::new(|| ServerOptions::choosing(Identities::strict()).build().ok());

/// The configuration, if all of it has an effect here.
fn without_surprises(config: Arc<ServerConfig>) -> Result<Arc<ServerConfig>, TlsError> {
    if config.max_early_data_size != 0 {
        return Err(TlsError::EarlyData);
    }
    // What a protocol writes waits for the handshake, and goes to a client that has taken part in it.
    if config.send_half_rtt_data {
        return Err(TlsError::Ignored("send_half_rtt_data"));
    }
    if let Some(name) = bad_protocol_name(&config.alpn_protocols) {
        return Err(TlsError::InvalidProtocolName(name.into()));
    }
    Ok(config)
}

/// The ClientHello in a handshake message; `None` if it breaks the rules of TLS.
fn accept(message: &[u8]) -> Option<Accepted> {
    let mut records = Vec::with_capacity(message.len() + 4 * HEADER);
    for piece in message.chunks(1 << 14) {
        records.extend([22, 3, 1]);
        records.extend((piece.len() as u16).to_be_bytes());
        records.extend(piece);
    }
    let mut acceptor = Acceptor::default();
    let mut records = &records[..];
    while !records.is_empty() {
        // It reads from memory, and as much as it has room for until it is asked.
        acceptor.read_tls(&mut records).ok()?;
        if let Some(accepted) = acceptor.accept().ok()? {
            return Some(accepted);
        }
    }
    None
}

/// A fatal alert in clear, for what is refused before rustls has seen it (RFC 8446 6).
pub(super) fn fatal(alert: AlertDescription) -> [u8; 7] {
    [21, 3, 3, 0, 2, 2, alert.into()]
}
