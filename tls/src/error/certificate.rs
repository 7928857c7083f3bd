use std::fmt;

use rustls::CertificateError;

use crate::config::verifier_error;

/// What is wrong with the peer's certificate, and what to do about it.
pub(super) fn bad_certificate(error: &CertificateError, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match error {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            f.write_str("the peer's certificate has expired")
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            f.write_str("the peer's certificate is not valid yet; is this clock right?")
        }
        CertificateError::UnknownIssuer => f.write_str(
            "the peer's certificate is from an authority that is not among our trust roots",
        ),
        CertificateError::Revoked => f.write_str("the peer's certificate has been revoked"),
        CertificateError::NotValidForName => {
            f.write_str("the peer's certificate is for another name")
        }
        CertificateError::NotValidForNameContext {
            expected,
            presented,
        } => wrong_name(&expected.to_str(), presented, f),
        CertificateError::InvalidPurpose | CertificateError::InvalidPurposeContext { .. } => f
            .write_str(
                "the peer's certificate is not meant for this side of TLS (extended key usage)",
            ),
        CertificateError::BadSignature => f.write_str(
            "a signature of the peer's certificates is wrong: they are damaged or forged, their keys are too short \
             (RSA below 2048 bits), or the trust root is another certificate of the same name: give the one that is in use now",
        ),
        error => match verifier_error(error) {
            Some(webpki::Error::CaUsedAsEndEntity) => f.write_str(
                "the peer shows the certificate of an authority as its own (CA:TRUE), as openssl req -x509 makes it; \
                 make it with -addext basicConstraints=critical,CA:FALSE, or have an authority issue one for the peer",
            ),
            Some(webpki::Error::EndEntityUsedAsCa) => f.write_str(
                "the peer's certificate was issued with a certificate that is not an authority's (CA:FALSE)",
            ),
            Some(webpki::Error::UnsupportedCertVersion) => f.write_str(
                "the peer's certificate is of an old version of X.509 (v1 or v2); have it issued anew as v3",
            ),
            _ => write!(f, "the peer's certificate is invalid: {error}"),
        },
    }
}

/// Which names the certificate has. rustls writes them as `DnsName("…")` and `IpAddress(…)`.
fn wrong_name(expected: &str, presented: &[String], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    const MOST: usize = 10;
    if presented.is_empty() {
        return write!(
            f,
            "the peer's certificate names no host, so it cannot be for {expected}; names belong into subjectAltName, the \
             common name (CN) does not count"
        );
    }
    let names: Vec<_> = presented
        .iter()
        .map(|name| match name.split_once('(') {
            Some(("DnsName" | "IpAddress" | "UniformResourceIdentifier", name)) => {
                name.trim_matches(['"', ')'])
            }
            _ => name,
        })
        .collect();
    let shown = names[..names.len().min(MOST)].join(", ");
    write!(
        f,
        "the peer's certificate is for another name: it is for {shown}"
    )?;
    if names.len() > MOST {
        write!(f, " and {} more", names.len() - MOST)?;
    }
    write!(f, ", not for {expected}")
}
