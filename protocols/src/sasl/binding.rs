use std::fmt;

/// How a connection is protected, which decides what may be said on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Protection {
    /// Nothing: hosts on the way read all of it.
    Clear,
    /// TLS, or a connection that does not leave the machine.
    Encrypted,
    /// TLS that gives a channel binding too.
    Bound(ChannelBinding),
}

impl Protection {
    pub(super) fn binding(&self) -> Option<&ChannelBinding> {
        match self {
            Protection::Bound(binding) => Some(binding),
            Protection::Clear | Protection::Encrypted => None,
        }
    }
}

/// A value that both ends of one TLS connection have, and that no other connection has:
/// `tls-exporter` (RFC 9266).
#[derive(Clone, PartialEq, Eq)]
pub struct ChannelBinding([u8; 32]);

impl ChannelBinding {
    /// Returns what `TlsTransport::channel_binding` of retwist-tls returns for `tls-exporter`, or another TLS exports
    /// under the label `EXPORTER-Channel-Binding`, with an empty context. With TLS 1.2 the connection must
    /// have an extended master secret.
    #[doc(alias = "tls-exporter")]
    pub fn tls_exporter(exported: [u8; 32]) -> Self {
        ChannelBinding(exported)
    }

    /// Its name in the header of SCRAM.
    pub(super) const NAME: &'static str = "tls-exporter";

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Without the value, which is a secret of the connection.
impl fmt::Debug for ChannelBinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChannelBinding").finish_non_exhaustive()
    }
}
