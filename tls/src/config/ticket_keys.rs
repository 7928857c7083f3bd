mod across_restarts;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use rustls::crypto::CryptoProvider;
use rustls::crypto::cipher::{AeadKey, InboundOpaqueMessage, Iv, OutboundPlainMessage};
use rustls::crypto::tls13::OkmBlock;
use rustls::server::ProducesTickets;
use rustls::time_provider::{DefaultTimeProvider, TimeProvider};
use rustls::{CipherSuite, ContentType, ProtocolVersion, SupportedCipherSuite, Tls13CipherSuite};

use super::crypto_provider;
use super::error::{ConfigError, Origin, read};
use super::files::Files;

/// The keys of session tickets, which can be handed over: to a new process that takes the place of this one, to
/// other machines with the same name. Sessions that began with one are resumed by the others.
///
/// ```
/// # mod retwist { pub use retwist_reactor::*; pub use retwist_tls as tls; }
/// use std::sync::Arc;
/// use retwist::tls::{Identity, ServerOptions, TicketKeys};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// # let made = rcgen::generate_simple_self_signed(["localhost".to_string()])?;
/// # let identity = Identity::from_pem(made.cert.pem(), made.signing_key.serialize_pem())?;
/// let keys = Arc::new(TicketKeys::random()?);
/// let config = ServerOptions::new(identity).ticket_keys(keys.clone()).build()?;
/// // To the process that takes over, by a way that no other process sees:
/// let handed_over = keys.to_bytes();
/// // There:
/// let keys = TicketKeys::from_bytes(handed_over)?.rotate_every(TicketKeys::PERIOD);
/// # Ok(()) }
/// ```
///
/// The first key seals new tickets, and all of them open old ones. Who has a key can read the sessions of its
/// tickets, also those that were recorded earlier (in TLS 1.3 not what is said under them, since each has an exchange
/// of keys of its own): so keys are to be short-lived.
/// - [`random`](TicketKeys::random) ones rotate by themselves, every six hours, and a ticket is good for 12 to 18.
/// - Those [across restarts](TicketKeys::across_restarts) are the same, and go to each new version of the program.
/// - Those [from a file](TicketKeys::from_file) change when the file does: [`Reload::ticket_keys`](crate::Reload::ticket_keys). On each
///   machine, put the new key behind the others first, then in front, and take the oldest away.
pub struct TicketKeys {
    provider: Arc<CryptoProvider>,
    suite: &'static Tls13CipherSuite,
    keys: RwLock<Keys>,
    period: Option<Duration>,
    time: Arc<dyn TimeProvider>,
    source: Option<Source>,
}

/// What is evil here, and what is done about it: many processes seal with one key, and none knows how often, so a
/// counter or a random nonce of 12 bytes could come twice. Each ticket has a key of its own, made of the secret and 32
/// random bytes (HKDF, RFC 5869), and seals one record under it, as TLS 1.3 does. So the functions are those of a cipher suite,
/// whichever provider brings it; all processes must use the same one, AES-256-GCM with SHA-384.
struct Key {
    name: [u8; NAME],
    secret: OkmBlock,
}

struct Keys {
    /// The newest first.
    all: Vec<Key>,
    /// When the next one comes, in seconds since 1970.
    next: u64,
}

struct Source {
    path: PathBuf,
    files: Mutex<Arc<Files>>,
}

const NAME: usize = 16;
const SECRET: usize = 64;
const KEY: usize = NAME + SECRET;
const SALT: usize = 32;
/// How many keys there may be.
const MOST: usize = 16;
/// How many are left after a rotation.
const KEPT: usize = 3;
/// The largest session in a ticket: that of one record.
const LARGEST: usize = 1 << 14;
/// What a record adds: its content type, and the tag.
const EXPANSION: usize = 1 + 16;

impl TicketKeys {
    /// How often [`random`](TicketKeys::random) keys rotate: six hours.
    pub const PERIOD: Duration = Duration::from_secs(6 * 60 * 60);
    /// How long clients are told to keep a ticket, in seconds: 12 hours.
    const LIFETIME: u32 = 12 * 60 * 60;

    /// One random key, which rotates every [`PERIOD`](TicketKeys::PERIOD).
    pub fn random() -> Result<Self, ConfigError> {
        let keys = Self::with(Vec::new())?;
        let first = keys.fresh()?;
        keys.change(|known| known.all.push(first));
        Ok(keys.rotate_every(Self::PERIOD))
    }

    /// The keys of [`to_bytes`](TicketKeys::to_bytes): 80 random bytes each, at most 16 of them. They do not rotate
    /// by themselves.
    pub fn from_bytes(bytes: impl AsRef<[u8]>) -> Result<Self, ConfigError> {
        Self::with(parse(bytes.as_ref(), &Origin::Memory)?)
    }

    /// The keys in a file, as nginx's `ssl_session_ticket_key` has them (`openssl rand 80 > ticket.key`), and as
    /// many as one likes behind each other. They do not rotate by themselves. The log warns of a file that other
    /// users can read.
    pub fn from_file(path: impl AsRef<Path>) -> Result<Self, ConfigError> {
        let path = path.as_ref();
        let files = Files::about_to_read([path.into()]);
        let mut keys = Self::with(parse(&read(path)?, &Origin::File(path.into()))?)?;
        warn_if_open(path);
        keys.source = Some(Source {
            path: path.into(),
            files: Mutex::new(files.into()),
        });
        Ok(keys)
    }

    fn with(all: Vec<Key>) -> Result<Self, ConfigError> {
        let provider = crypto_provider();
        let suites = provider.cipher_suites.iter();
        let suite = suites.copied().find_map(|suite| match suite {
            SupportedCipherSuite::Tls13(suite)
                if suite.common.suite == CipherSuite::TLS13_AES_256_GCM_SHA384 =>
            {
                Some(suite)
            }
            _ => None,
        });
        let missing =
            "ticket keys need TLS13_AES_256_GCM_SHA384, which the installed CryptoProvider lacks";
        Ok(TicketKeys {
            suite: suite
                .ok_or_else(|| ConfigError::refused(rustls::Error::General(missing.into())))?,
            provider,
            keys: RwLock::new(Keys {
                all,
                next: u64::MAX,
            }),
            period: None,
            time: Arc::new(DefaultTimeProvider),
            source: None,
        })
    }

    /// A new key comes every `period` from now on, by itself; with the last two, tickets are opened for two
    /// periods and up to three. At least one second. For keys that this process alone has from now on.
    #[must_use]
    pub fn rotate_every(mut self, period: Duration) -> Self {
        self.period = Some(period.max(Duration::from_secs(1)));
        self.begin()
    }

    /// Sets a clock other than the system's.
    #[must_use]
    pub fn by_time(mut self, time: Arc<dyn TimeProvider>) -> Self {
        self.time = time;
        self.begin()
    }

    fn begin(self) -> Self {
        if let Some((now, period)) = self.now().zip(self.period) {
            self.change(|keys| keys.next = now.saturating_add(period.as_secs()));
        }
        self
    }

    /// All keys, for [`from_bytes`](TicketKeys::from_bytes) of another process. They are secret.
    pub fn to_bytes(&self) -> Vec<u8> {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        let keys = keys.all.iter();
        keys.flat_map(|key| [&key.name[..], key.secret.as_ref()].concat())
            .collect()
    }

    /// A new random key seals from now on. The last two still open what they have sealed, those before are
    /// forgotten.
    pub fn rotate(&self) -> Result<(), ConfigError> {
        let fresh = self.fresh()?;
        self.change(|keys| {
            keys.all.insert(0, fresh);
            keys.all.truncate(KEPT);
        });
        Ok(())
    }

    /// These keys count from now on, and no others: the form is that of [`to_bytes`](TicketKeys::to_bytes). On an error
    /// nothing is changed.
    pub fn replace(&self, bytes: impl AsRef<[u8]>) -> Result<(), ConfigError> {
        let all = parse(bytes.as_ref(), &Origin::Memory)?;
        self.change(|keys| keys.all = all);
        Ok(())
    }

    /// Reads the file again: if it has changed, or in any case.
    pub(super) fn look(&self, always: bool) {
        let Some(source) = &self.source else {
            return;
        };
        let before = source
            .files
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        if !before.can_be_read_again() || !always && !before.have_changed() {
            return;
        }
        let path = &source.path;
        let files = Files::about_to_read([path.clone()]);
        let what = format!("the set of ticket keys in {}", path.display());
        let keys = read(path).and_then(|bytes| parse(&bytes, &Origin::File(path.clone())));
        match keys {
            Ok(all) => {
                let count = all.len();
                self.change(|keys| keys.all = all);
                log::info!("{what} counts from now on: {count} keys");
                warn_if_open(path);
                *source.files.lock().unwrap_or_else(PoisonError::into_inner) = files.into();
            }
            Err(error) => before.cannot_be_used(&what, &error, always),
        }
    }

    fn change(&self, change: impl FnOnce(&mut Keys)) {
        change(&mut self.keys.write().unwrap_or_else(PoisonError::into_inner));
    }

    fn fresh(&self) -> Result<Key, ConfigError> {
        let (mut name, mut secret) = ([0; NAME], [0; SECRET]);
        for bytes in [&mut name[..], &mut secret] {
            let filled = self.provider.secure_random.fill(bytes);
            filled.map_err(|error| ConfigError::refused(rustls::Error::from(error)))?;
        }
        let secret = OkmBlock::new(&secret);
        Ok(Key { name, secret })
    }

    /// In seconds since 1970.
    fn now(&self) -> Option<u64> {
        Some(self.time.current_time()?.as_secs())
    }

    /// Lets new keys come that are due. Where no random bytes are to be had, the old ones go on.
    fn rotate_if_due(&self) {
        let Some((now, period)) = self.now().zip(self.period) else {
            return;
        };
        let is_due = |keys: &Keys| now >= keys.next;
        if !is_due(&self.keys.read().unwrap_or_else(PoisonError::into_inner)) {
            return;
        }
        let Ok(fresh) = self.fresh() else {
            return;
        };
        self.change(|keys| {
            // Another thread may have been first.
            if is_due(keys) {
                // Keys whose time has passed while no ticket came are not kept for the time to come.
                let missed = (now - keys.next) / period.as_secs();
                let missed = usize::try_from(missed).unwrap_or(usize::MAX);
                keys.all.insert(0, fresh);
                keys.all.truncate(KEPT.saturating_sub(missed).max(1));
                keys.next = now.saturating_add(period.as_secs());
            }
        });
    }

    /// The key of one ticket.
    fn ticket_key(&self, secret: &OkmBlock, salt: &[u8]) -> Option<(AeadKey, Iv)> {
        let hkdf = self.suite.hkdf_provider;
        let expander = hkdf.extract_from_secret(Some(salt), secret.as_ref());
        let (mut key, mut iv) = ([0; 32], [0; 12]);
        expander
            .expand_slice(&[b"retwist ticket key"], &mut key)
            .ok()?;
        expander
            .expand_slice(&[b"retwist ticket iv"], &mut iv)
            .ok()?;
        Some((key.into(), Iv::new(iv)))
    }
}

/// One record in each ticket, behind the name of its key and the salt.
impl ProducesTickets for TicketKeys {
    fn enabled(&self) -> bool {
        true
    }

    fn lifetime(&self) -> u32 {
        Self::LIFETIME
    }

    fn encrypt(&self, plain: &[u8]) -> Option<Vec<u8>> {
        if plain.len() > LARGEST {
            return None;
        }
        self.rotate_if_due();
        let mut salt = [0; SALT];
        self.provider.secure_random.fill(&mut salt).ok()?;
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        let Key { name, secret } = keys.all.first()?;
        let (key, iv) = self.ticket_key(secret, &salt)?;
        let message = OutboundPlainMessage {
            typ: ContentType::ApplicationData,
            version: ProtocolVersion::TLSv1_3,
            payload: plain.into(),
        };
        let sealed = self.suite.aead_alg.encrypter(key, iv).encrypt(message, 0);
        Some([&name[..], &salt, sealed.ok()?.payload.as_ref()].concat())
    }

    fn decrypt(&self, ticket: &[u8]) -> Option<Vec<u8>> {
        self.rotate_if_due();
        let (name, rest) = ticket.split_first_chunk::<NAME>()?;
        let (salt, sealed) = rest.split_first_chunk::<SALT>()?;
        if sealed.len() > LARGEST + EXPANSION {
            return None;
        }
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        let Key { secret, .. } = keys.all.iter().find(|key| key.name == *name)?;
        let (key, iv) = self.ticket_key(secret, salt)?;
        let mut sealed = sealed.to_vec();
        let record = ContentType::ApplicationData;
        let message = InboundOpaqueMessage::new(record, ProtocolVersion::TLSv1_2, &mut sealed);
        let mut decrypter = self.suite.aead_alg.decrypter(key, iv);
        let opened = decrypter.decrypt(message, 0).ok()?;
        (opened.typ == record).then(|| opened.payload.to_vec())
    }
}

impl fmt::Debug for TicketKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let keys = self.keys.read().unwrap_or_else(PoisonError::into_inner);
        f.debug_struct("TicketKeys")
            .field("keys", &keys.all.len())
            .field("period", &self.period)
            .field("file", &self.source.as_ref().map(|source| &source.path))
            .finish_non_exhaustive()
    }
}

fn parse(bytes: &[u8], origin: &Origin) -> Result<Vec<Key>, ConfigError> {
    let refuse = |why| ConfigError::TicketKeys(origin.clone(), why);
    let (keys, rest) = bytes.as_chunks::<KEY>();
    if keys.is_empty() || !rest.is_empty() {
        return Err(refuse("is not a multiple of 80 bytes"));
    }
    if keys.len() > MOST {
        return Err(refuse("holds more than 16 keys"));
    }
    let mut all: Vec<Key> = Vec::new();
    for bytes in keys {
        let (&name, secret) = bytes
            .split_first_chunk::<NAME>()
            .unwrap_or((&[0; NAME], &[]));
        // As of a file that has been made and not written.
        if secret.windows(2).all(|pair| pair[0] == pair[1]) {
            return Err(refuse("is not random"));
        }
        if all.iter().any(|key| key.name == name) {
            return Err(refuse("holds one key twice"));
        }
        all.push(Key {
            name,
            secret: OkmBlock::new(secret),
        });
    }
    Ok(all)
}

/// Where files have owners.
fn warn_if_open(path: &Path) {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(path).map(|data| data.permissions().mode());
        if mode.is_ok_and(|mode| mode & 0o077 != 0) {
            log::warn!(
                "other users can read the ticket keys in {}: chmod 600",
                path.display()
            );
        }
    }
    #[cfg(not(unix))]
    let _ = path;
}
