use std::sync::Arc;

use rustls::server::{Acceptor, UnbufferedServerConnection};
use rustls::{AlertDescription, ServerConfig};

use super::HANDSHAKE_LIMIT;
use crate::TlsError;
use crate::hello::{Hello, HelloReader};
use crate::records::{HEADER, Records};
use crate::role::Choose;

/// A server before it has answered: it reads the ClientHello, and finds the configuration for it.
///
/// rustls would read it as well, but bounds it less, does not say which name is in it, and has its
/// configuration already.
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
        Ok(Self::new(Choice::Made(accepted(config)?)))
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
        out: &mut Records,
    ) -> Result<Option<Answer>, TlsError> {
        let server_name = match self.reader.read(input) {
            Hello::Incomplete if input.len() > HANDSHAKE_LIMIT => {
                out.push(&fatal(AlertDescription::DecodeError));
                return Err(TlsError::HandshakeTooLarge(HANDSHAKE_LIMIT));
            }
            Hello::Incomplete => return Ok(None),
            Hello::Complete(name) => name,
            // rustls has the words for it, and the alert, as soon as it has a header.
            Hello::Foreign if input.len() < HEADER => return Ok(None),
            Hello::Foreign => None,
        };
        let config = match &self.choice {
            Choice::Made(config) => config.clone(),
            Choice::Asked(choose) => match choose_config(choose, input, out)? {
                Some(config) => config,
                None => return Ok(None),
            },
        };
        let server = UnbufferedServerConnection::new(config)?;
        Ok(Some(Answer {
            server,
            server_name,
        }))
    }
}

fn accepted(config: Arc<ServerConfig>) -> Result<Arc<ServerConfig>, TlsError> {
    match config.max_early_data_size {
        0 => Ok(config),
        _ => Err(TlsError::EarlyData),
    }
}

/// Shows the ClientHello to who chooses.
fn choose_config(
    choose: &Choose,
    mut input: &[u8],
    out: &mut Records,
) -> Result<Option<Arc<ServerConfig>>, TlsError> {
    let mut acceptor = Acceptor::default();
    loop {
        match acceptor.accept() {
            Ok(Some(accepted)) => {
                let Some(config) = choose(&accepted.client_hello()) else {
                    out.push(&fatal(AlertDescription::UnrecognisedName));
                    return Err(TlsError::Refused);
                };
                return self::accepted(config).map(Some);
            }
            Ok(None) if input.is_empty() => return Ok(None),
            Ok(None) => {
                if !matches!(acceptor.read_tls(&mut input), Ok(1..)) {
                    return Err(rustls::Error::HandshakeNotComplete.into());
                }
            }
            Err((error, mut alert)) => {
                let mut bytes = Vec::new();
                // Into memory, which does not fail.
                let _ = alert.write_all(&mut bytes);
                out.push(&bytes);
                return Err(error.into());
            }
        }
    }
}

/// A fatal alert in clear, for what is refused before rustls has seen it (RFC 8446 6).
pub(super) fn fatal(alert: AlertDescription) -> [u8; 7] {
    [21, 3, 3, 0, 2, 2, alert.into()]
}
