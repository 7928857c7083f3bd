use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::SaslError;

/// The greatest length of a message of SASL here, in bytes. As text it is a third longer.
pub const MAX_MESSAGE: usize = 4096;

/// A message as text: base64.
pub fn encode(message: &[u8]) -> String {
    STANDARD.encode(message)
}

/// The message that the text of a challenge or a response stands for.
///
/// # Errors
///
/// [`SaslError::Cancelled`] for `*`, [`SaslError::Base64`], [`SaslError::TooLong`].
pub fn decode(text: impl AsRef<[u8]>) -> Result<Vec<u8>, SaslError> {
    let text = text.as_ref();
    if text == b"*" {
        return Err(SaslError::Cancelled);
    }
    if text.len() > MAX_MESSAGE.div_ceil(3) * 4 {
        return Err(SaslError::TooLong);
    }
    let message = STANDARD.decode(text).map_err(|_| SaslError::Base64)?;
    check_length(&message)?;
    Ok(message)
}

/// An initial response as text. On the line of a command, `=` stands for an empty one.
pub fn encode_initial(message: &[u8]) -> String {
    if message.is_empty() {
        return "=".to_owned();
    }
    encode(message)
}

/// The message that the text of an initial response stands for, which is `=` if it is empty.
///
/// # Errors
///
/// Those of [`decode`].
pub fn decode_initial(text: impl AsRef<[u8]>) -> Result<Vec<u8>, SaslError> {
    match text.as_ref() {
        b"=" => Ok(Vec::new()),
        text => decode(text),
    }
}

pub(super) fn check_length(message: &[u8]) -> Result<(), SaslError> {
    if message.len() > MAX_MESSAGE {
        return Err(SaslError::TooLong);
    }
    Ok(())
}
