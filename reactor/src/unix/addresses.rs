//! What may be given where the name of a UNIX socket is wanted.

use std::path::{Path, PathBuf};

use super::{UnixConnect, UnixListen, UnixName};
use crate::AddressError;

/// What [`listen_unix`](crate::ReactorHandle::listen_unix) takes: a path, a text as
/// [`UnixName::parse`] reads it, a [`UnixName`], or a [`UnixListen`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the name of a UNIX socket to listen on",
    note = "give a path, a text such as `\"/run/service\"` or `\"@service\"`, a `UnixName` or a `UnixListen`"
)]
pub trait IntoUnixListen {
    /// The name, with the options. A path that cannot be one of a socket is an error.
    fn into_unix_listen(self) -> Result<UnixListen, AddressError>;
}

/// What [`connect_unix`](crate::ReactorHandle::connect_unix) takes: a path, a text as
/// [`UnixName::parse`] reads it, a [`UnixName`], or a [`UnixConnect`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the name of a UNIX socket to connect to",
    note = "give a path, a text such as `\"/run/service\"` or `\"@service\"`, a `UnixName` or a `UnixConnect`"
)]
pub trait IntoUnixConnect {
    /// The name, with the options. A path that cannot be one of a socket is an error.
    fn into_unix_connect(self) -> Result<UnixConnect, AddressError>;
}

impl IntoUnixListen for UnixListen {
    fn into_unix_listen(self) -> Result<UnixListen, AddressError> {
        Ok(self)
    }
}

impl IntoUnixConnect for UnixConnect {
    fn into_unix_connect(self) -> Result<UnixConnect, AddressError> {
        Ok(self)
    }
}

macro_rules! names {
    ($($given:ty: $read:expr;)*) => {
        $(
            impl IntoUnixListen for $given {
                fn into_unix_listen(self) -> Result<UnixListen, AddressError> {
                    $read(self).map(UnixListen::name)
                }
            }

            impl IntoUnixConnect for $given {
                fn into_unix_connect(self) -> Result<UnixConnect, AddressError> {
                    $read(self).map(UnixConnect::name)
                }
            }
        )*
    };
}

names! {
    UnixName: Ok;
    &UnixName: |name: &UnixName| Ok(name.clone());
    &Path: UnixName::path;
    &PathBuf: UnixName::path;
    PathBuf: UnixName::path;
    &str: UnixName::parse;
    &String: |text: &String| UnixName::parse(text);
    String: |text: String| UnixName::parse(&text);
}
