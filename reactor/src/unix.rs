//! UNIX sockets: how they are named, opened and connected, their files, and their options.

mod addresses;
mod adopt;
mod connect;
pub(crate) mod datagram;
mod descriptor_error;
mod descriptors;
mod file;
mod listen;
mod name;
mod options;
mod passing;
mod send_queue;
mod socket_options;
mod wire;

pub use addresses::{IntoUnixConnect, IntoUnixListen};
pub(crate) use adopt::{adopt_connection, adopt_listener, arrives};
pub use datagram::{IntoUnixDatagram, UnixDatagramListen};
pub use descriptor_error::{DescriptorError, NotPassed};
pub use descriptors::UnixDescriptors;
pub(crate) use listen::listen;
pub use name::UnixName;
pub use options::{UnixConnect, UnixListen};
pub use socket_options::{PeerCredentials, UnixOptions};
