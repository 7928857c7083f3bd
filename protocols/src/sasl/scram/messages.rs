//! The four messages. What their texts are is in RFC 5802, section 7.

use super::keys::Key;
use crate::sasl::{SaslError, decode, encode};

/// `n,,n=user,r=nonce`, where a channel binding or another user may stand between the first commas.
#[derive(Debug, PartialEq, Eq)]
pub(in crate::sasl) struct ClientFirst<'a> {
    pub(in crate::sasl) flag: Flag<'a>,
    /// What goes before `bare`.
    pub(in crate::sasl) header: &'a str,
    /// The user that the client would act for.
    pub(in crate::sasl) acts_for: Option<String>,
    /// The part that the proof covers as it stands.
    pub(in crate::sasl) bare: &'a str,
    pub(in crate::sasl) user: String,
    pub(in crate::sasl) nonce: &'a str,
}

/// What a client says about channel binding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sasl) enum Flag<'a> {
    /// It has none.
    Incapable,
    /// It has one, and has not seen that the server has one.
    NotOffered,
    /// It binds the exchange, with a binding of this name.
    Bound(&'a str),
}

/// `r=nonce,s=salt,i=4096`
#[derive(Debug, PartialEq, Eq)]
pub(in crate::sasl) struct ServerFirst<'a> {
    pub(in crate::sasl) nonce: &'a str,
    pub(in crate::sasl) salt: Vec<u8>,
    pub(in crate::sasl) iterations: u32,
}

/// `c=binding,r=nonce,p=proof`
#[derive(Debug, PartialEq, Eq)]
pub(in crate::sasl) struct ClientFinal<'a> {
    /// The header of the first message, and the channel binding.
    pub(in crate::sasl) binding: Vec<u8>,
    pub(in crate::sasl) nonce: &'a str,
    pub(in crate::sasl) proof: Key,
    /// The part that the proof covers.
    pub(in crate::sasl) without_proof: &'a str,
}

impl<'a> ClientFirst<'a> {
    pub(in crate::sasl) fn parse(message: &'a [u8]) -> Result<Self, SaslError> {
        let message = text(message)?;
        let malformed = SaslError::Malformed("the header of SCRAM");
        let (flag, rest) = message.split_once(',').ok_or(malformed.clone())?;
        let (acts_for, bare) = rest.split_once(',').ok_or(malformed.clone())?;
        let flag = match flag {
            "n" => Flag::Incapable,
            "y" => Flag::NotOffered,
            other => Flag::Bound(other.strip_prefix("p=").ok_or(malformed)?),
        };
        let acts_for = match acts_for {
            "" => None,
            name => Some(unescape(attribute(Some(name), "a=")?)?),
        };
        let mut attributes = attributes(bare)?;
        Ok(ClientFirst {
            flag,
            header: &message[..message.len() - bare.len()],
            acts_for,
            bare,
            user: unescape(attribute(attributes.next(), "n=")?)?,
            nonce: nonce(attribute(attributes.next(), "r=")?)?,
        })
    }
}

impl<'a> ServerFirst<'a> {
    pub(in crate::sasl) fn parse(message: &'a [u8]) -> Result<Self, SaslError> {
        let mut attributes = attributes(text(message)?)?;
        Ok(ServerFirst {
            nonce: nonce(attribute(attributes.next(), "r=")?)?,
            salt: base64(attribute(attributes.next(), "s=")?)?,
            iterations: number(attribute(attributes.next(), "i=")?)?,
        })
    }
}

impl<'a> ClientFinal<'a> {
    pub(in crate::sasl) fn parse(message: &'a [u8]) -> Result<Self, SaslError> {
        let message = text(message)?;
        let end = message.rfind(',').unwrap_or_default();
        let (without_proof, proof) = message.split_at(end);
        let proof = attribute(proof.strip_prefix(','), "p=")?;
        let mut attributes = attributes(without_proof)?;
        Ok(ClientFinal {
            binding: base64(attribute(attributes.next(), "c=")?)?,
            nonce: nonce(attribute(attributes.next(), "r=")?)?,
            proof: key(proof)?,
            without_proof,
        })
    }
}

/// `v=signature`, or else `e=error`.
pub(in crate::sasl) fn server_final(message: &[u8]) -> Result<Key, SaslError> {
    let mut attributes = text(message)?.split(',');
    let first = attributes.next();
    match first.and_then(|first| first.strip_prefix("e=")) {
        Some(error) => Err(SaslError::Refused(error.chars().take(100).collect())),
        None => key(attribute(first, "v=")?),
    }
}

/// A name as an attribute: a comma and an equals sign have another meaning there.
pub(in crate::sasl) fn escape(name: &str) -> String {
    name.replace('=', "=3D").replace(',', "=2C")
}

fn unescape(name: &str) -> Result<String, SaslError> {
    let malformed = SaslError::Malformed("a name in SCRAM");
    let mut parts = name.split('=');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (letter, rest) = if let Some(rest) = part.strip_prefix("2C") {
            (',', rest)
        } else if let Some(rest) = part.strip_prefix("3D") {
            ('=', rest)
        } else {
            return Err(malformed);
        };
        plain.push(letter);
        plain.push_str(rest);
    }
    if plain.is_empty() {
        return Err(malformed);
    }
    Ok(plain)
}

/// UTF-8 without NUL.
fn text(message: &[u8]) -> Result<&str, SaslError> {
    let text = str::from_utf8(message)
        .ok()
        .filter(|text| !text.contains('\0'));
    text.ok_or(SaslError::Malformed("it is not text"))
}

/// The attributes of a message. Those that this side does not know come last and are ignored, except
/// for one in front: it must be understood.
fn attributes(text: &str) -> Result<impl Iterator<Item = &str>, SaslError> {
    if text.starts_with("m=") {
        return Err(SaslError::Extension);
    }
    Ok(text.split(','))
}

fn attribute<'a>(found: Option<&'a str>, name: &'static str) -> Result<&'a str, SaslError> {
    let value = found.and_then(|found| found.strip_prefix(name));
    value.ok_or(SaslError::Malformed(name))
}

fn nonce(value: &str) -> Result<&str, SaslError> {
    let is_printable = value.bytes().all(|byte| byte.is_ascii_graphic());
    if value.is_empty() || !is_printable {
        return Err(SaslError::Malformed("r="));
    }
    Ok(value)
}

fn base64(value: &str) -> Result<Vec<u8>, SaslError> {
    match decode(value) {
        Ok(bytes) if !bytes.is_empty() => Ok(bytes),
        _ => Err(SaslError::Malformed("base64 in SCRAM")),
    }
}

fn key(value: &str) -> Result<Key, SaslError> {
    let malformed = |_| SaslError::Malformed("the length of a proof");
    base64(value)?.try_into().map_err(malformed)
}

/// Digits without a sign, as the RFC has them.
fn number(value: &str) -> Result<u32, SaslError> {
    let is_plain = value.bytes().all(|byte| byte.is_ascii_digit()) && !value.starts_with('0');
    let number = if is_plain { value.parse().ok() } else { None };
    number.ok_or(SaslError::Malformed("i="))
}

/// `c=binding,r=nonce`
pub(in crate::sasl) fn without_proof(header: &str, binding: &[u8], nonce: &str) -> String {
    format!(
        "c={},r={nonce}",
        encode(&[header.as_bytes(), binding].concat())
    )
}

/// All that the proofs of both sides cover.
pub(in crate::sasl) fn covered(bare: &str, server_first: &str, without_proof: &str) -> String {
    format!("{bare},{server_first},{without_proof}")
}

/// The random part of a nonce, as printable characters.
pub(in crate::sasl) fn random_nonce() -> Result<String, SaslError> {
    Ok(encode(&random::<18>()?))
}

pub(in crate::sasl) fn random<const N: usize>() -> Result<[u8; N], SaslError> {
    let mut bytes = [0; N];
    let filled = getrandom::fill(&mut bytes);
    filled.map_err(|error| SaslError::Random(std::sync::Arc::new(error)))?;
    Ok(bytes)
}
