use super::Reply;

/// The extensions that a server announces in its answer to EHLO. What it said in clear is forgotten once TLS has
/// begun.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Extensions {
    /// STARTTLS (RFC 3207).
    pub start_tls: bool,
    /// Several commands without waiting for each answer (RFC 2920).
    pub pipelining: bool,
    /// Text with bytes above 127 (RFC 6152).
    pub eight_bit_mime: bool,
    /// Addresses and headers in UTF-8 (RFC 6531).
    pub smtp_utf8: bool,
    /// The size of a message may be announced (RFC 1870).
    pub size: bool,
    /// The most bytes that a message may have, if the server says so.
    pub max_size: Option<u64>,
    /// The names of the mechanisms of AUTH (RFC 4954).
    pub auth: Vec<String>,
}

impl Extensions {
    /// Of the answer to EHLO or LHLO. Its first line is the server's name.
    pub(super) fn of(reply: &Reply) -> Self {
        let mut extensions = Extensions::default();
        for line in reply.text().lines().skip(1) {
            let mut words = line.split_ascii_whitespace();
            let Some(word) = words.next() else { continue };
            match word.to_ascii_uppercase().as_str() {
                "STARTTLS" => extensions.start_tls = true,
                "PIPELINING" => extensions.pipelining = true,
                "8BITMIME" => extensions.eight_bit_mime = true,
                "SMTPUTF8" => extensions.smtp_utf8 = true,
                "SIZE" => {
                    extensions.size = true;
                    // 0 says that there is no limit.
                    let most = words.next().and_then(|most| most.parse().ok());
                    extensions.max_size = most.filter(|most| *most > 0);
                }
                "AUTH" => extensions.auth.extend(words.map(String::from)),
                _ => {}
            }
        }
        extensions
    }
}
