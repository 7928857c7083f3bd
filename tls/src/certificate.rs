use std::ops::RangeInclusive;

use rustls::crypto::hash::HashAlgorithm;
use rustls::pki_types::CertificateDer;

/// What this crate reads in a certificate by itself (RFC 5280 4.1): its validity, and the hash of its
/// signature. What it says of trust is for the verifier.
///
/// What is evil here: the bytes come from a peer, or from a file that is half written. Each length is
/// checked against what is there, and what cannot be read is `None`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Certificate {
    /// From and until when it is good, in seconds since 1970.
    pub(crate) validity: RangeInclusive<i64>,
    /// The hash of the signature on it, if RFC 5929 4.1 names one.
    pub(crate) signature_hash: Option<HashAlgorithm>,
}

const SEQUENCE: u8 = 0x30;
const OBJECT_IDENTIFIER: u8 = 0x06;
/// The context-specific tag `[0]`, constructed: the version, and the hash of RSASSA-PSS.
const EXPLICIT_0: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

impl Certificate {
    pub(crate) fn read(der: &CertificateDer<'_>) -> Option<Self> {
        let mut certificate = Reader(Reader(der).content(SEQUENCE)?);
        let mut body = Reader(certificate.content(SEQUENCE)?);
        let mut algorithm = Reader(certificate.content(SEQUENCE)?);
        if body.0.first() == Some(&EXPLICIT_0) {
            body.next()?;
        }
        for _ in ["the serial number", "the algorithm again", "the issuer"] {
            body.next()?;
        }
        let mut validity = Reader(body.content(SEQUENCE)?);
        Some(Certificate {
            validity: validity.time()?..=validity.time()?,
            signature_hash: signature_hash(&mut algorithm),
        })
    }
}

/// The hash for `tls-server-end-point`: that of the signature, and SHA-256 for MD5 and SHA-1.
fn signature_hash(algorithm: &mut Reader<'_>) -> Option<HashAlgorithm> {
    const RSA: &[u8] = b"\x2a\x86\x48\x86\xf7\x0d\x01\x01";
    const ECDSA: &[u8] = b"\x2a\x86\x48\xce\x3d\x04";
    let name = algorithm.content(OBJECT_IDENTIFIER)?;
    match (name.strip_prefix(RSA), name.strip_prefix(ECDSA)) {
        (Some([4 | 5 | 11]), _) | (_, Some([1] | [3, 2])) => Some(HashAlgorithm::SHA256),
        (Some([12]), _) | (_, Some([3, 3])) => Some(HashAlgorithm::SHA384),
        (Some([13]), _) | (_, Some([3, 4])) => Some(HashAlgorithm::SHA512),
        (Some([10]), _) => pss_hash(algorithm),
        _ => None,
    }
}

/// The hash in the parameters of RSASSA-PSS (RFC 4055 3.1), which is SHA-1 by default.
fn pss_hash(algorithm: &mut Reader<'_>) -> Option<HashAlgorithm> {
    const SHA_2: &[u8] = b"\x60\x86\x48\x01\x65\x03\x04\x02";
    let mut parameters = Reader(algorithm.content(SEQUENCE)?);
    if parameters.0.first() != Some(&EXPLICIT_0) {
        return Some(HashAlgorithm::SHA256);
    }
    let mut hash = Reader(Reader(parameters.content(EXPLICIT_0)?).content(SEQUENCE)?);
    match hash.content(OBJECT_IDENTIFIER)?.strip_prefix(SHA_2) {
        Some([1]) => Some(HashAlgorithm::SHA256),
        Some([2]) => Some(HashAlgorithm::SHA384),
        Some([3]) => Some(HashAlgorithm::SHA512),
        _ => None,
    }
}

/// Reads DER (X.690) from the front.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// The tag and the content of what comes next.
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (&[tag, first], mut rest) = self.0.split_first_chunk()?;
        let mut length = usize::from(first);
        if first & 0x80 != 0 {
            let (digits, behind) = rest.split_at_checked(usize::from(first & 0x7f))?;
            // No certificate has 16 MiB.
            if digits.is_empty() || digits.len() > 3 {
                return None;
            }
            length = digits
                .iter()
                .fold(0, |length, &digit| length << 8 | usize::from(digit));
            rest = behind;
        }
        let (content, behind) = rest.split_at_checked(length)?;
        self.0 = behind;
        Some((tag, content))
    }

    fn content(&mut self, expected: u8) -> Option<&'a [u8]> {
        let (tag, content) = self.next()?;
        (tag == expected).then_some(content)
    }

    /// A time (RFC 5280 4.1.2.5), in seconds since 1970.
    fn time(&mut self) -> Option<i64> {
        let (tag, text) = self.next()?;
        let (digits, zone) = text.split_last_chunk::<1>()?;
        if zone != b"Z" || !digits.iter().all(u8::is_ascii_digit) {
            return None;
        }
        let two = |at: usize| -> Option<i64> {
            let pair = digits.get(at..at + 2)?;
            Some(i64::from(pair[0] - b'0') * 10 + i64::from(pair[1] - b'0'))
        };
        let (year, rest) = match (tag, digits.len()) {
            (UTC_TIME, 12) => {
                let year = two(0)?;
                (year + if year < 50 { 2000 } else { 1900 }, 2)
            }
            (GENERALIZED_TIME, 14) => (two(0)? * 100 + two(2)?, 4),
            _ => return None,
        };
        let [month, day, hour, minute, second] = [0, 2, 4, 6, 8].map(|at| two(rest + at));
        let (month, day) = (month?, day?);
        if !(1..=12).contains(&month) || !(1..=31).contains(&day) {
            return None;
        }
        Some(days(year, month, day) * DAY + hour? * 3600 + minute? * 60 + second?)
    }
}

/// A day, in seconds.
pub(crate) const DAY: i64 = 86_400;

/// How many days after 1970-01-01 a date is, in the Gregorian calendar. The year begins in March, so
/// that the odd day comes last.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    let leap_days = year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    365 * year + leap_days + day_of_year - 719_468
}

/// The date of a moment, for people: `2026-11-29`.
pub(crate) fn date(seconds: i64) -> String {
    let wanted = seconds.div_euclid(DAY);
    // The last first day of a year, and then of a month, that is not behind it.
    let mut year = 1970 + wanted.div_euclid(366);
    while days(year + 1, 1, 1) <= wanted {
        year += 1;
    }
    let month = (1..=12).rfind(|&month| days(year, month, 1) <= wanted);
    let month = month.unwrap_or(1);
    let day = wanted - days(year, month, 1) + 1;
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    fn certificate(algorithm: &'static rcgen::SignatureAlgorithm) -> CertificateDer<'static> {
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.not_before = date_time_ymd(2024, 2, 29);
        params.not_after = date_time_ymd(2051, 12, 31);
        let key = KeyPair::generate_for(algorithm).unwrap();
        params.self_signed(&key).unwrap().der().clone()
    }

    #[test]
    fn validity_and_hash_are_read() {
        let validity = 1_709_164_800..=2_587_593_600;
        for (algorithm, hash) in [
            (&rcgen::PKCS_ECDSA_P256_SHA256, Some(HashAlgorithm::SHA256)),
            (&rcgen::PKCS_ECDSA_P384_SHA384, Some(HashAlgorithm::SHA384)),
            // Its signature has no hash that could be named.
            (&rcgen::PKCS_ED25519, None),
        ] {
            let read = Certificate::read(&certificate(algorithm)).unwrap();
            assert_eq!(read.validity, validity);
            assert_eq!(read.signature_hash, hash);
        }
    }

    #[test]
    fn names_of_signatures() {
        fn named(der: &[u8]) -> Option<HashAlgorithm> {
            signature_hash(&mut Reader(der))
        }
        use HashAlgorithm::{SHA256, SHA384, SHA512};
        for (last, hash) in [
            (4, Some(SHA256)),
            (5, Some(SHA256)),
            (11, Some(SHA256)),
            (12, Some(SHA384)),
            (13, Some(SHA512)),
            (14, None),
        ] {
            let rsa = [b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01", &[last][..]].concat();
            assert_eq!(named(&rsa), hash, "{last}");
        }
        let pss = b"\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0a";
        let sha_384 = b"\x30\x0f\xa0\x0d\x30\x0b\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x02";
        assert_eq!(named(&[&pss[..], sha_384].concat()), Some(SHA384));
        assert_eq!(named(&[&pss[..], b"\x30\x00"].concat()), Some(SHA256));
        assert_eq!(named(pss), None);
    }

    #[test]
    fn what_is_cut_off_or_changed_does_no_harm() {
        let whole = certificate(&rcgen::PKCS_ECDSA_P256_SHA256);
        for cut in 0..whole.len() {
            let _ = Certificate::read(&CertificateDer::from(&whole[..cut]));
            for value in [0, 0x7f, 0x80, 0x84, 0xff] {
                let mut changed = whole.to_vec();
                changed[cut] = value;
                let _ = Certificate::read(&CertificateDer::from(changed));
            }
        }
    }

    #[test]
    fn dates_of_the_calendar() {
        for (seconds, expected) in [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (951_782_400, "2000-02-29"),
            (951_868_800, "2000-03-01"),
            (1_709_164_799, "2024-02-28"),
            (1_735_689_599, "2024-12-31"),
            (4_107_542_399, "2100-02-28"),
            (253_402_300_799, "9999-12-31"),
        ] {
            assert_eq!(date(seconds), expected);
        }
    }
}
