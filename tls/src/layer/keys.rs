use std::fmt;
use std::rc::Rc;

use retwist_reactor::TransportRef;
use rustls::ProtocolVersion;

use super::TlsTransport;
use super::state::{Facts, Phase};
use crate::TlsError;
use crate::buffers::Ciphertext;
use crate::session::{Failure, Session, Surroundings};

// What a protocol does with the keys of its connection: it has others made of them, and takes new ones.

/// Something that both sides of a TLS connection know, and that ties what is said above TLS to this
/// connection: with it, SCRAM-SHA-256-PLUS (RFC 7677) fails if a host in between has TLS with each side.
/// [`TlsTransport::channel_binding`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChannelBinding {
    /// `tls-exporter` (RFC 9266): 32 bytes that are of this connection alone. To be preferred.
    TlsExporter,
    /// `tls-server-end-point` (RFC 5929 4): the hash of the server's certificate. It is also right where
    /// one certificate is shared by several hosts, and in front of one that ends TLS with it. The hash is that
    /// of the certificate's signature: SHA-256 or SHA-384, and SHA-256 for older ones.
    TlsServerEndPoint,
}

impl ChannelBinding {
    /// The name that protocols use (RFC 5056 7): `tls-exporter`.
    pub fn name(self) -> &'static str {
        match self {
            ChannelBinding::TlsExporter => "tls-exporter",
            ChannelBinding::TlsServerEndPoint => "tls-server-end-point",
        }
    }
}

impl fmt::Display for ChannelBinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl TlsTransport {
    /// Fills `output` with a key that the peer can make too, of the innermost TLS on `transport`, and no
    /// host in between: an exporter (RFC 8446 7.5; in TLS 1.2, RFC 5705).
    ///
    /// `label` says what it is for, and is registered (or begins with `EXPERIMENTAL`); `context` mixes
    /// in what else both sides know. In TLS 1.2 no context is another thing than an empty one.
    ///
    /// From `handshake_completed` on, also inside a callback. Errors: [`TlsError::NotTls`] without TLS or
    /// before that; [`TlsError::Unavailable`] for a label of 0 or more than 249 bytes, for no output or too
    /// much of it, and in TLS 1.2 without the extended master secret (RFC 7627), where a host in
    /// between could make the same key.
    ///
    /// ```
    /// # mod retwist { pub use retwist_reactor::*; pub use retwist_tls as tls; }
    /// use retwist::TransportRef;
    /// use retwist::tls::{TlsError, TlsTransport};
    ///
    /// /// A key for the media that go beside this connection (RFC 5764 4.2).
    /// fn media_key(transport: &TransportRef) -> Result<[u8; 60], TlsError> {
    ///     let mut key = [0; 60];
    ///     TlsTransport::export_keying_material(transport, &mut key, b"EXTRACTOR-dtls_srtp", None)?;
    ///     Ok(key)
    /// }
    /// ```
    #[doc(alias = "exporter")]
    pub fn export_keying_material(
        transport: &TransportRef,
        output: &mut [u8],
        label: &[u8],
        context: Option<&[u8]>,
    ) -> Result<(), TlsError> {
        let tls = Self::completed_on(transport)?;
        let exporter = tls.exporter.get().ok_or(TlsError::NotTls)?;
        exporter.export(output, label, context)
    }

    /// The channel binding of the innermost TLS on `transport`, for SASL and others. Both sides get
    /// the same bytes.
    ///
    /// From `handshake_completed` on. Errors: as
    /// [`export_keying_material`](Self::export_keying_material); and [`TlsError::Unavailable`] for
    /// [`ChannelBinding::TlsServerEndPoint`] if the session was resumed, if the server's certificate has been
    /// replaced since, or if it is signed in a way that has no hash (Ed25519), or SHA-512, which no cipher
    /// suite brings.
    ///
    /// ```
    /// # mod retwist { pub use retwist_reactor::*; pub use retwist_tls as tls; }
    /// use retwist::TransportRef;
    /// use retwist::tls::{ChannelBinding, TlsTransport};
    ///
    /// /// The mechanisms that a server offers.
    /// fn mechanisms(transport: &TransportRef) -> &'static str {
    ///     match TlsTransport::channel_binding(transport, ChannelBinding::TlsExporter) {
    ///         Ok(_) => "SCRAM-SHA-256-PLUS SCRAM-SHA-256",
    ///         Err(_) => "SCRAM-SHA-256",
    ///     }
    /// }
    /// ```
    #[doc(alias = "tls-exporter")]
    #[doc(alias = "tls-unique")]
    pub fn channel_binding(
        transport: &TransportRef,
        binding: ChannelBinding,
    ) -> Result<Vec<u8>, TlsError> {
        if binding == ChannelBinding::TlsServerEndPoint {
            let tls = Self::completed_on(transport)?;
            let (exporter, info) = tls
                .exporter
                .get()
                .zip(tls.info.get())
                .ok_or(TlsError::NotTls)?;
            return exporter.end_point(info.peer_certificates.first(), info.resumed);
        }
        let mut bytes = vec![0; 32];
        // RFC 9266 4.2: with a context, of no bytes.
        let label = b"EXPORTER-Channel-Binding";
        Self::export_keying_material(transport, &mut bytes, label, Some(b""))?;
        Ok(bytes)
    }

    /// Takes new keys for all that is written to `transport` from here on, and asks the peer to take new
    /// ones too (KeyUpdate, RFC 8446 4.6.3).
    ///
    /// rustls does this by itself before the keys have done too much. By hand, it is for a
    /// connection that lives long and is to forget its earlier keys. What was written before goes out
    /// before. Several requests in one callback are one. Peers bound how often they are asked.
    ///
    /// From `handshake_completed` on. Errors: [`TlsError::NotTls`] without TLS, before that, or after a
    /// close; [`TlsError::Unavailable`] in TLS 1.2, which has no such message.
    #[doc(alias = "KeyUpdate")]
    #[doc(alias = "refresh_traffic_keys")]
    pub fn update_keys(transport: &TransportRef) -> Result<(), TlsError> {
        let tls = Self::completed_on(transport)?;
        if tls.state.phase() != Phase::Open || tls.state.is(Facts::HALF_CLOSE) {
            return Err(TlsError::NotTls);
        }
        if tls.info.get().map(|info| info.version) != Some(ProtocolVersion::TLSv1_3) {
            return Err(TlsError::Unavailable("TLS 1.2 has no KeyUpdate"));
        }
        tls.state.set(Facts::UPDATE_KEYS);
        tls.wants_flush();
        Ok(())
    }

    /// The innermost TLS on `transport`, once its handshake is over.
    fn completed_on(transport: &TransportRef) -> Result<Rc<Self>, TlsError> {
        Self::innermost(transport)
            .filter(|tls| tls.info.get().is_some())
            .ok_or(TlsError::NotTls)
    }

    /// The KeyUpdate that the protocol has asked for, in front of a close_notify.
    pub(super) fn send_key_update(&self, session: &mut Session) -> Result<(), Failure> {
        if !self.state.is(Facts::UPDATE_KEYS) {
            return Ok(());
        }
        self.state.clear(Facts::UPDATE_KEYS);
        if self.state.is(Facts::NOTIFIED) {
            return Ok(());
        }
        Ciphertext::lend(|out| {
            let updated = session.update_keys(out);
            self.send_own(out.bytes());
            updated
        })
    }
}
