use std::fmt;

use super::{Body, Extensions, SmtpOptions};
use crate::mail::MailError;

/// A message, its sender and its recipients.
///
/// The addresses are those of the envelope: where the message goes, whatever its header says.
pub struct Mail {
    pub(super) sender: String,
    pub(super) recipients: Vec<String>,
    pub(super) body: Body,
    utf8: bool,
}

impl Mail {
    /// A message from `sender` to `recipients`. An empty sender is that of a report which may not be
    /// answered (`<>`).
    ///
    /// `body` is the header, an empty line and the text: a string, bytes, or [`Body::from_reader`]. Its
    /// lines end in LF or CRLF.
    pub fn new<R: Into<String>>(
        sender: impl Into<String>,
        recipients: impl IntoIterator<Item = R>,
        body: impl Into<Body>,
    ) -> Self {
        Mail {
            sender: sender.into(),
            recipients: recipients.into_iter().map(Into::into).collect(),
            body: body.into(),
            utf8: false,
        }
    }

    /// The header has UTF-8 in it, which a server without SMTPUTF8 does not take. An address outside of
    /// ASCII says so by itself.
    #[must_use]
    pub fn utf8_header(mut self) -> Self {
        self.utf8 = true;
        self
    }

    fn needs_utf8(&self) -> bool {
        let mut addresses = self.recipients.iter().chain([&self.sender]);
        self.utf8 || addresses.any(|address| !address.is_ascii())
    }

    /// Checks what a command would be made of, and that the server can take the message.
    pub(super) fn check(&self, extensions: &Extensions) -> Result<(), MailError> {
        let bad = |address: &str| MailError::BadText(address.into());
        if self.recipients.is_empty() {
            return Err(bad(""));
        }
        let fits = |address: &str| address.len() <= 512 && !address.contains(breaks_out);
        if !fits(&self.sender) {
            return Err(bad(&self.sender));
        }
        let mut recipients = self.recipients.iter();
        if let Some(wrong) = recipients.find(|address| address.is_empty() || !fits(address)) {
            return Err(bad(wrong));
        }
        if self.needs_utf8() && !extensions.smtp_utf8 {
            return Err(MailError::NotSupported("SMTPUTF8"));
        }
        if self.body.eight_bits == Some(true) && !extensions.eight_bit_mime {
            return Err(MailError::NotSupported("8BITMIME"));
        }
        match (self.body.size, extensions.max_size) {
            (Some(size), Some(most)) if size > most => Err(MailError::TooLarge(most)),
            _ => Ok(()),
        }
    }

    /// The command MAIL, with all that is to be announced.
    pub(super) fn mail_command(&self, extensions: &Extensions) -> String {
        let mut command = format!("MAIL FROM:<{}>", self.sender);
        if let Some(size) = self.body.size.filter(|_| extensions.size) {
            command += &format!(" SIZE={size}");
        }
        if extensions.eight_bit_mime && self.body.eight_bits != Some(false) {
            command += " BODY=8BITMIME";
        }
        if self.needs_utf8() {
            command += " SMTPUTF8";
        }
        command
    }
}

/// Whether a character would end an address, or a command.
fn breaks_out(letter: char) -> bool {
    letter.is_control() || matches!(letter, '<' | '>')
}

impl fmt::Debug for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mail")
            .field("sender", &self.sender)
            .field("recipients", &self.recipients)
            .finish_non_exhaustive()
    }
}

impl SmtpOptions {
    /// What the client says first.
    pub(super) fn hello(&self) -> &'static str {
        if self.lmtp { "LHLO" } else { "EHLO" }
    }
}
