use std::cell::RefCell;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::SocketAddr;

use crate::unix::name::address_of;
use crate::{Address, SendError, UnixName};

/// The addresses of senders. Most datagrams come from one that has sent before, and cost no new
/// address.
#[derive(Default)]
pub(super) struct Senders {
    last: RefCell<Option<Address>>,
}

impl Senders {
    pub(super) fn address_of(&self, sender: &SocketAddr) -> Address {
        let mut last = self.last.borrow_mut();
        match &*last {
            Some(known) if is_address_of(known, sender) => known.clone(),
            _ => last.insert(address_of(sender)).clone(),
        }
    }
}

fn is_address_of(address: &Address, sender: &SocketAddr) -> bool {
    match address {
        Address::Unix(path) => {
            // An abstract name is no path, and it is not without a name either.
            sender.as_pathname() == path.as_deref() && (path.is_some() || sender.is_unnamed())
        }
        #[cfg(target_os = "linux")]
        Address::UnixAbstract(name) => {
            std::os::linux::net::SocketAddrExt::as_abstract_name(sender) == Some(name)
        }
        _ => false,
    }
}

/// Whether two names are of one socket: they are equal, or lead to the same file.
pub(super) fn is_same_socket(one: &Address, other: &Address) -> bool {
    let identity = |address: &Address| match address {
        Address::Unix(Some(path)) => {
            let file = fs::metadata(path).ok()?;
            Some((file.dev(), file.ino()))
        }
        _ => None,
    };
    one == other || identity(one).is_some_and(|found| identity(other) == Some(found))
}

/// The destination, if a datagram of this length can go there.
pub(crate) fn destination(to: &Address, length: usize) -> Result<Address, SendError> {
    match to {
        Address::Unix(None) => Err(SendError::Unnamed),
        _ if !UnixName::is_in(to) => Err(SendError::AddressFamily),
        _ if length > LONGEST => Err(SendError::TooLong(length)),
        _ => Ok(to.clone()),
    }
}

/// The longest datagram that a port of this kind receives whole, and so the longest that it sends.
const LONGEST: usize = 65_535;
