use std::error::Error;
use std::fmt;

use super::AmpBox;
use super::boxes::string;

/// A value of one argument. These are the types of Twisted, and what stands for them here:
///
/// | Twisted | here |
/// |---|---|
/// | `Integer` | the integers of Rust, up to 128 bits; a number that does not fit is an error |
/// | `String` | [`Bytes`] |
/// | `Unicode`, `Path` | [`String`] |
/// | `Float` | `f64` |
/// | `Boolean` | `bool` |
/// | `Decimal` | [`Decimal`] |
/// | `DateTime` | [`DateTime`](super::DateTime) |
/// | `ListOf` | `Vec` of an argument |
/// | `AmpList` | [`AmpList`] of a struct of arguments |
/// | `optional=True` | [`Option`] |
pub trait Argument: Sized {
    /// The bytes of the value.
    fn encode(&self) -> Vec<u8>;

    /// The value of these bytes. The error says what they should be.
    fn decode(bytes: &[u8]) -> Result<Self, &'static str>;

    /// Puts the value into a box.
    fn put(&self, key: &str, into: &mut AmpBox) {
        into.set(key, self.encode());
    }

    /// Takes the value out of a box.
    fn take(key: &str, from: &AmpBox) -> Result<Self, ArgumentError> {
        let bytes = from.get(key).ok_or_else(|| ArgumentError {
            name: key.into(),
            expected: None,
        })?;
        Self::decode(bytes).map_err(|expected| ArgumentError {
            name: key.into(),
            expected: Some(expected),
        })
    }
}

/// The arguments of a command, or what it responds. [`amp_arguments!`](crate::amp_arguments) writes
/// the implementation.
pub trait Arguments: Sized {
    /// Puts all of them into a box.
    fn put_all(&self, into: &mut AmpBox);

    /// Takes all of them out of a box. Other keys are ignored.
    fn take_all(from: &AmpBox) -> Result<Self, ArgumentError>;
}

/// For commands that respond with nothing.
impl Arguments for () {
    fn put_all(&self, _: &mut AmpBox) {}

    fn take_all(_: &AmpBox) -> Result<Self, ArgumentError> {
        Ok(())
    }
}

/// Makes structs whose fields are the arguments of an AMP command, or its response. Each field is an
/// [`Argument`](crate::amp::Argument); `field = "key": Type` sets a key that is not a name in Rust.
///
/// ```
/// # mod retwist { pub use retwist_reactor::*; pub use retwist_protocols as protocols; }
/// use retwist::protocols::amp::{AmpList, Bytes};
///
/// retwist::protocols::amp_arguments! {
///     /// Stores some files.
///     pub struct Store {
///         pub folder: String,
///         /// If they exist already.
///         pub overwrite: Option<bool>,
///         pub files: AmpList<File>,
///     }
///     /// One of them.
///     pub struct File { pub name: String, pub content = "the-content": Bytes }
/// }
/// ```
#[macro_export]
macro_rules! amp_arguments {
    ($($(#[$attribute:meta])* $visible:vis struct $name:ident {
        $($(#[$about:meta])* $shown:vis $field:ident $(= $key:literal)? : $type:ty),* $(,)?
    })*) => {$(
        $(#[$attribute])*
        #[derive(Clone, Debug, PartialEq)]
        $visible struct $name {
            $($(#[$about])* $shown $field: $type,)*
        }

        impl $crate::amp::Arguments for $name {
            #[allow(unused_variables, reason = "there may be no fields")]
            fn put_all(&self, into: &mut $crate::amp::AmpBox) {
                $($crate::amp::Argument::put(&self.$field, $crate::amp_key!($field $($key)?), into);)*
            }

            #[allow(unused_variables, reason = "there may be no fields")]
            fn take_all(from: &$crate::amp::AmpBox) -> ::core::result::Result<Self, $crate::amp::ArgumentError> {
                ::core::result::Result::Ok($name {
                    $($field: $crate::amp::Argument::take($crate::amp_key!($field $($key)?), from)?,)*
                })
            }
        }
    )*};
}

#[doc(hidden)]
#[macro_export]
macro_rules! amp_key {
    ($field:ident) => {
        stringify!($field)
    };
    ($field:ident $key:literal) => {
        $key
    };
}

macro_rules! integers {
    ($($type:ty),*) => {$(
        impl Argument for $type {
            fn encode(&self) -> Vec<u8> {
                self.to_string().into_bytes()
            }

            fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
                let text = str::from_utf8(bytes).ok().filter(|text| !text.starts_with('+'));
                let number = text.and_then(|text| text.parse().ok());
                number.ok_or(concat!("an integer that fits into ", stringify!($type)))
            }
        }
    )*};
}

integers!(
    i8, i16, i32, i64, i128, u8, u16, u32, u64, u128, isize, usize
);

/// The shortest text that means this number: `0.1`, `inf`, `NaN`.
impl Argument for f64 {
    fn encode(&self) -> Vec<u8> {
        format!("{self:?}").into_bytes()
    }

    fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        let number = str::from_utf8(bytes)
            .ok()
            .and_then(|text| text.parse().ok());
        number.ok_or("a number")
    }
}

/// `True` or `False`.
impl Argument for bool {
    fn encode(&self) -> Vec<u8> {
        let word: &[u8] = if *self { b"True" } else { b"False" };
        word.to_vec()
    }

    fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        match bytes {
            b"True" => Ok(true),
            b"False" => Ok(false),
            _ => Err("True or False"),
        }
    }
}

impl Argument for String {
    fn encode(&self) -> Vec<u8> {
        self.clone().into_bytes()
    }

    fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        String::from_utf8(bytes.to_vec()).map_err(|_| "text in UTF-8")
    }
}

/// Any bytes: Twisted's `String`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Bytes(pub Vec<u8>);

impl Argument for Bytes {
    fn encode(&self) -> Vec<u8> {
        self.0.clone()
    }

    fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        Ok(Bytes(bytes.to_vec()))
    }
}

/// A decimal number of any precision, as text: `-1.50`, `2E+7`, `NaN`. It keeps its digits, and its
/// zeros at the end.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Decimal(String);

impl Decimal {
    /// The number that `text` says; `None` if it says none.
    pub fn new(text: &str) -> Option<Self> {
        let body = text.strip_prefix(['+', '-']).unwrap_or(text);
        let lower = body.to_ascii_lowercase();
        let special = ["inf", "infinity"].contains(&&*lower)
            || ["nan", "snan"].iter().any(|name| {
                let diagnosis = lower.strip_prefix(name);
                diagnosis.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
            });
        let (mantissa, exponent) = lower.split_once('e').unwrap_or((&lower, "0"));
        let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
        let digits = mantissa.replacen('.', "", 1);
        let is_number =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        (special || is_number(&digits) && is_number(exponent)).then(|| Decimal(text.into()))
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Argument for Decimal {
    fn encode(&self) -> Vec<u8> {
        self.0.clone().into_bytes()
    }

    fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        let text = str::from_utf8(bytes).ok();
        text.and_then(Decimal::new).ok_or("a decimal number")
    }
}

/// `ListOf`: at most 65535 bytes with all lengths. An element that is longer than that cannot be sent,
/// nor can the list.
impl<T: Argument> Argument for Vec<T> {
    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for element in self {
            let bytes = element.encode();
            // What is cut off here makes the whole list too long for its box, which says so.
            out.extend(u16::try_from(bytes.len()).unwrap_or(u16::MAX).to_be_bytes());
            out.extend(bytes);
        }
        out
    }

    fn decode(mut bytes: &[u8]) -> Result<Self, &'static str> {
        let mut list = Vec::new();
        while !bytes.is_empty() {
            let (element, rest) = string(bytes).ok_or("a list, each element with its length")?;
            list.push(T::decode(element)?);
            bytes = rest;
        }
        Ok(list)
    }
}

/// A list of structs of arguments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AmpList<T>(pub Vec<T>);

impl<T: Arguments> Argument for AmpList<T> {
    fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        for element in &self.0 {
            let mut inner = AmpBox::new();
            element.put_all(&mut inner);
            match inner.encode() {
                Ok(bytes) => out.extend(bytes),
                // A list that is too long for its box, which says so.
                Err(_) => return vec![0; usize::from(u16::MAX) + 1],
            }
        }
        out
    }

    fn decode(mut bytes: &[u8]) -> Result<Self, &'static str> {
        let expected = "a list of boxes with the right arguments";
        let mut list = Vec::new();
        while !bytes.is_empty() {
            let (inner, used) = AmpBox::decode(bytes).ok().flatten().ok_or(expected)?;
            list.push(T::take_all(&inner).map_err(|_| expected)?);
            bytes = &bytes[used..];
        }
        Ok(AmpList(list))
    }
}

/// An argument that may be absent.
impl<T: Argument> Argument for Option<T> {
    fn encode(&self) -> Vec<u8> {
        self.as_ref().map(T::encode).unwrap_or_default()
    }

    fn decode(bytes: &[u8]) -> Result<Self, &'static str> {
        T::decode(bytes).map(Some)
    }

    fn put(&self, key: &str, into: &mut AmpBox) {
        if let Some(value) = self {
            value.put(key, into);
        }
    }

    fn take(key: &str, from: &AmpBox) -> Result<Self, ArgumentError> {
        if from.get(key).is_none() {
            return Ok(None);
        }
        T::take(key, from).map(Some)
    }
}

/// An argument is missing, or its bytes are not one of its values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ArgumentError {
    /// The name of the argument.
    name: String,
    /// What it should be; `None` if it is missing.
    expected: Option<&'static str>,
}

impl fmt::Display for ArgumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.name;
        match self.expected {
            None => write!(f, "the argument {name:?} is missing"),
            Some(expected) => write!(f, "the argument {name:?} is not {expected}"),
        }
    }
}

impl Error for ArgumentError {}
