use hmac::{Hmac, KeyInit, Mac};
use pbkdf2::pbkdf2_hmac;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// A hash, and everything that is as long.
pub(in crate::sasl) type Key = [u8; 32];

/// What follows from a password, a salt and a number of iterations.
pub(in crate::sasl) struct Keys {
    pub(in crate::sasl) client: Key,
    pub(in crate::sasl) server: Key,
}

impl Keys {
    /// The work of one login: `iterations` times two hashes.
    pub(in crate::sasl) fn derive(password: &str, salt: &[u8], iterations: u32) -> Self {
        let mut salted = Key::default();
        pbkdf2_hmac::<Sha256>(password.as_bytes(), salt, iterations, &mut salted);
        Keys {
            client: mac(&salted, b"Client Key"),
            server: mac(&salted, b"Server Key"),
        }
    }
}

pub(in crate::sasl) fn mac(key: &[u8], message: &[u8]) -> Key {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("a key of HMAC has any length");
    mac.update(message);
    mac.finalize().into_bytes().into()
}

pub(in crate::sasl) fn hash(bytes: &[u8]) -> Key {
    Sha256::digest(bytes).into()
}

pub(in crate::sasl) fn xor(one: &Key, other: &Key) -> Key {
    let mut sum = *one;
    for (byte, other) in sum.iter_mut().zip(other) {
        *byte ^= other;
    }
    sum
}

/// Whether two values are equal. The time does not tell where they differ.
pub(in crate::sasl) fn are_equal(one: &[u8], other: &[u8]) -> bool {
    one.ct_eq(other).into()
}
