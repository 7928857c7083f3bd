use std::fmt;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

#[cfg(target_os = "linux")]
use rustix::net::SocketAddrUnix;
use socket2::SockAddr;

use crate::{Address, AddressError};

/// The name of a UNIX socket: a path of the file system, or on Linux an abstract name (`unix`(7)),
/// which is not a file and goes with its socket.
///
/// A name is short: the system has room for about 100 bytes. A path that is longer can be given from
/// a folder nearer by, as a relative path.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct UnixName {
    /// As the system takes it: an abstract name begins with a zero byte.
    raw: Arc<Path>,
}

impl UnixName {
    /// A path of the file system, absolute or relative. One that is empty or too long, or that has a
    /// zero byte in it, is an error.
    pub fn path(path: impl AsRef<Path>) -> Result<Self, AddressError> {
        let path = path.as_ref();
        let given = || path.to_owned();
        let bytes = path.as_os_str().as_bytes();
        if bytes.is_empty() {
            return Err(AddressError::EmptyPath);
        }
        if bytes.contains(&0) {
            return Err(AddressError::ZeroInPath(given()));
        }
        UnixName::of(path).ok_or_else(|| AddressError::PathTooLong(given()))
    }

    /// An abstract name, any bytes.
    #[cfg(target_os = "linux")]
    pub fn abstract_name(name: impl AsRef<[u8]>) -> Result<Self, AddressError> {
        use std::ffi::OsStr;

        let as_path = |bytes| Path::new(OsStr::from_bytes(bytes));
        let name = name.as_ref();
        let too_long = || AddressError::PathTooLong(as_path(name).to_owned());
        let raw = [&[0], name].concat();
        UnixName::of(as_path(&raw)).ok_or_else(too_long)
    }

    /// Reads a text: a path, or on Linux an abstract name with `@` before it. A path that begins with
    /// `@` is written `./@…`.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        #[cfg(target_os = "linux")]
        if let Some(name) = text.strip_prefix('@') {
            return UnixName::abstract_name(name);
        }
        UnixName::path(text)
    }

    /// The name in an address, if it has one.
    pub(crate) fn from_address(address: &Address) -> Option<Self> {
        match address {
            Address::Unix(path) => UnixName::path(path.as_deref()?).ok(),
            #[cfg(target_os = "linux")]
            Address::UnixAbstract(name) => UnixName::abstract_name(name).ok(),
            _ => None,
        }
    }

    /// Whether an address has a name that a socket can have. It costs no allocation.
    pub(crate) fn is_in(address: &Address) -> bool {
        match address {
            Address::Unix(Some(path)) => {
                let bytes = path.as_os_str().as_bytes();
                !bytes.is_empty() && !bytes.contains(&0) && SockAddr::unix(path).is_ok()
            }
            #[cfg(target_os = "linux")]
            Address::UnixAbstract(name) => SocketAddrUnix::new_abstract_name(name).is_ok(),
            _ => false,
        }
    }

    fn of(raw: &Path) -> Option<Self> {
        SockAddr::unix(raw).ok()?;
        Some(UnixName { raw: raw.into() })
    }

    /// The path, if it is one.
    pub fn as_path(&self) -> Option<&Path> {
        (!self.is_abstract()).then_some(&*self.raw)
    }

    fn is_abstract(&self) -> bool {
        self.raw.as_os_str().as_bytes().first() == Some(&0)
    }

    pub(super) fn sockaddr(&self) -> std::io::Result<SockAddr> {
        SockAddr::unix(&*self.raw)
    }

    pub(crate) fn address(&self) -> Address {
        if self.is_abstract() {
            Address::UnixAbstract(self.raw.as_os_str().as_bytes()[1..].into())
        } else {
            Address::Unix(Some(self.raw.clone()))
        }
    }
}

impl From<&UnixName> for Address {
    fn from(name: &UnixName) -> Self {
        name.address()
    }
}

/// The address of one end, as the system gives it.
pub(super) fn address_of(end: &SocketAddr) -> Address {
    #[cfg(target_os = "linux")]
    if let Some(name) = std::os::linux::net::SocketAddrExt::as_abstract_name(end) {
        return Address::UnixAbstract(name.into());
    }
    Address::Unix(end.as_pathname().map(Arc::from))
}

impl fmt::Display for UnixName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address().fmt(f)
    }
}

impl fmt::Debug for UnixName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UnixName({self})")
    }
}
