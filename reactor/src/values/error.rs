use std::error::Error;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

#[cfg(unix)]
use crate::AdoptError;
use crate::{Address, AddressError, Reason};

/// The error and all its causes in one line, for a log or a user.
pub fn error_chain(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        line.push_str(": ");
        line.push_str(&error.to_string());
        cause = error.source();
    }
    line
}

/// The error that `main` returns, whatever the type of the cause. A user reads sentences: the error and all its
/// causes, where `Box<dyn Error>` would show the names of variants.
///
/// ```no_run
/// # use retwist_reactor as retwist;
/// use retwist::{MainError, ProtocolRef, Reactor};
///
/// fn main() -> Result<(), MainError> {
///     let reactor = Reactor::new()?;
///     // If the port is taken, the program ends with code 1 and the line
///     // Error: cannot listen on 0.0.0.0:8007: another program listens there; …
///     reactor.listen_tcp(8007, |_| None::<ProtocolRef>)?;
///     reactor.run()?;
///     Ok(())
/// }
/// ```
///
/// `?` takes every type that is an [`Error`]. A `Box<dyn Error>` is not one, nor is a sentence:
/// [`MainError::new`] takes both.
///
/// ```no_run
/// # use retwist_reactor as retwist;
/// use retwist::MainError;
/// use std::error::Error;
///
/// fn configure() -> Result<(), Box<dyn Error>> {
///     Ok(())
/// }
///
/// fn main() -> Result<(), MainError> {
///     configure().map_err(MainError::new)?;
///     let place = std::env::args().nth(1);
///     let place = place.ok_or_else(|| MainError::new("say where to listen: tcp:8007"))?;
///     println!("{place}");
///     Ok(())
/// }
/// ```
pub struct MainError(Box<dyn Error>);

impl MainError {
    /// Makes one of an error in a box, or of a sentence.
    pub fn new(error: impl Into<Box<dyn Error>>) -> Self {
        MainError(error.into())
    }
}

impl<E: Error + 'static> From<E> for MainError {
    fn from(error: E) -> Self {
        MainError(Box::new(error))
    }
}

/// What the standard library prints of an error that `main` returns.
impl fmt::Debug for MainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&error_chain(&*self.0))
    }
}

impl fmt::Display for MainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// The reason why a port cannot be opened. Nothing is left open.
#[doc(alias = "CannotListenError")]
#[derive(Debug)]
#[non_exhaustive]
pub enum ListenError {
    /// Another socket listens there, or another program holds the lock of the path.
    AddressInUse(Address, io::Error),
    /// The address is not an address of this machine, or the folder of the path does not exist.
    AddressNotAvailable(Address, io::Error),
    /// The system does not permit it: ports below 1024 usually need a privilege, and a UNIX socket a
    /// folder that may be written.
    PermissionDenied(Address, io::Error),
    /// A file that is not a socket is at the path. It stays.
    NotASocket(Address),
    /// Anything else that the system said.
    Failed(Address, io::Error),
    /// This port is listening already.
    AlreadyListening,
    /// The text that was given is no address.
    Address(AddressError),
    /// The socket that was given cannot be adopted as a port.
    #[cfg(unix)]
    Adopt(AdoptError),
    /// The reactor has ended.
    ReactorGone,
}

impl ListenError {
    pub(crate) fn from_io(address: Address, error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::AddrInUse => ListenError::AddressInUse(address, error),
            io::ErrorKind::AddrNotAvailable
            | io::ErrorKind::NotFound
            | io::ErrorKind::NotADirectory => ListenError::AddressNotAvailable(address, error),
            io::ErrorKind::PermissionDenied => ListenError::PermissionDenied(address, error),
            _ => ListenError::Failed(address, error),
        }
    }
}

impl fmt::Display for ListenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ListenError::AddressInUse(address, _) if is_unix(address) => write!(
                f,
                "cannot listen on {address}: another program uses it; stop it or choose another path"
            ),
            ListenError::AddressNotAvailable(address, _) if is_unix(address) => write!(
                f,
                "cannot listen on {address}: its folder does not exist; make it first"
            ),
            ListenError::PermissionDenied(address, _) if is_unix(address) => write!(
                f,
                "cannot listen on {address}: not permitted; look at the owner and the mode of the folder"
            ),
            ListenError::NotASocket(address) => write!(
                f,
                "cannot listen on {address}: a file that is not a socket is there; remove it or choose another path"
            ),
            ListenError::AddressInUse(address, _) => {
                write!(
                    f,
                    "cannot listen on {address}: another program listens there; stop it or choose another port"
                )
            }
            ListenError::AddressNotAvailable(address, _) => {
                write!(
                    f,
                    "cannot listen on {address}: this machine does not have that address"
                )
            }
            ListenError::PermissionDenied(address, _) => {
                write!(
                    f,
                    "cannot listen on {address}: not permitted; ports below 1024 need a privilege"
                )
            }
            ListenError::Failed(address, _) => write!(f, "cannot listen on {address}"),
            ListenError::AlreadyListening => f.write_str("this port is listening already"),
            ListenError::Address(error) => error.fmt(f),
            #[cfg(unix)]
            ListenError::Adopt(error) => error.fmt(f),
            ListenError::ReactorGone => f.write_str("the reactor has ended"),
        }
    }
}

impl Error for ListenError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            ListenError::AddressInUse(_, error)
            | ListenError::AddressNotAvailable(_, error)
            | ListenError::PermissionDenied(_, error)
            | ListenError::Failed(_, error) => Some(error),
            ListenError::Address(error) => error.source(),
            #[cfg(unix)]
            ListenError::Adopt(error) => error.source(),
            ListenError::NotASocket(_)
            | ListenError::AlreadyListening
            | ListenError::ReactorGone => None,
        }
    }
}

fn is_unix(address: &Address) -> bool {
    matches!(address, Address::Unix(_) | Address::UnixAbstract(_))
}

#[cfg(unix)]
impl From<AdoptError> for ListenError {
    fn from(error: AdoptError) -> Self {
        match error {
            AdoptError::ReactorGone => ListenError::ReactorGone,
            error => ListenError::Adopt(error),
        }
    }
}

impl From<AddressError> for ListenError {
    fn from(error: AddressError) -> Self {
        ListenError::Address(error)
    }
}

/// The reason why a connection could not be made.
#[derive(Debug)]
#[non_exhaustive]
pub enum ConnectError {
    /// Nothing listens there.
    #[doc(alias = "ConnectionRefusedError")]
    ConnectionRefused(io::Error),
    /// There is no UNIX socket of this name.
    NoSuchSocket(io::Error),
    /// The system does not permit it: a UNIX socket that this process may not write to, or a rule of
    /// a firewall.
    PermissionDenied(io::Error),
    /// There is no route to the address.
    #[doc(alias = "NoRouteError")]
    Unreachable(io::Error),
    /// No answer within this time.
    #[doc(alias = "TimeoutError")]
    TimedOut(Duration),
    /// The address to connect from cannot be used.
    #[doc(alias = "ConnectBindError")]
    Bind(SocketAddr, io::Error),
    /// [`Connector::stop_connecting`](crate::Connector::stop_connecting) or
    /// [`disconnect`](crate::Connector::disconnect) was called.
    #[doc(alias = "UserError")]
    Cancelled,
    /// The connection was made, and the factory refused it: `build_protocol` returned `None`.
    #[doc(alias = "NoProtocol")]
    Refused,
    /// The connection was made, and a layer that had to agree on something with the peer first
    /// could not: a TLS handshake.
    Negotiation(Reason),
    /// The text that was given is no address.
    Address(AddressError),
    /// Anything else that the system said.
    Failed(io::Error),
    /// The host has no address that answers, or its addresses were not found: of connectors to the
    /// name of a host.
    Host(Arc<dyn Error + Send + Sync>),
    /// The program was not started: of connectors to a child process.
    #[cfg(unix)]
    Spawn(Arc<crate::SpawnError>),
    /// The reactor has ended.
    ReactorGone,
}

impl Clone for ConnectError {
    /// An error of the system keeps its number; any other one its kind and its text.
    fn clone(&self) -> Self {
        match self {
            ConnectError::ConnectionRefused(error) => ConnectError::ConnectionRefused(copy(error)),
            ConnectError::NoSuchSocket(error) => ConnectError::NoSuchSocket(copy(error)),
            ConnectError::PermissionDenied(error) => ConnectError::PermissionDenied(copy(error)),
            ConnectError::Unreachable(error) => ConnectError::Unreachable(copy(error)),
            ConnectError::TimedOut(after) => ConnectError::TimedOut(*after),
            ConnectError::Bind(address, error) => ConnectError::Bind(*address, copy(error)),
            ConnectError::Cancelled => ConnectError::Cancelled,
            ConnectError::Refused => ConnectError::Refused,
            ConnectError::Negotiation(reason) => ConnectError::Negotiation(reason.clone()),
            ConnectError::Address(error) => ConnectError::Address(error.clone()),
            ConnectError::Failed(error) => ConnectError::Failed(copy(error)),
            ConnectError::Host(error) => ConnectError::Host(error.clone()),
            #[cfg(unix)]
            ConnectError::Spawn(error) => ConnectError::Spawn(error.clone()),
            ConnectError::ReactorGone => ConnectError::ReactorGone,
        }
    }
}

fn copy(error: &io::Error) -> io::Error {
    match error.raw_os_error() {
        Some(number) => io::Error::from_raw_os_error(number),
        None => io::Error::new(error.kind(), error.to_string()),
    }
}

impl From<AddressError> for ConnectError {
    fn from(error: AddressError) -> Self {
        ConnectError::Address(error)
    }
}

impl From<io::Error> for ConnectError {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::ConnectionRefused => ConnectError::ConnectionRefused(error),
            io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => {
                ConnectError::NoSuchSocket(error)
            }
            io::ErrorKind::PermissionDenied => ConnectError::PermissionDenied(error),
            io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
                ConnectError::Unreachable(error)
            }
            _ => ConnectError::Failed(error),
        }
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConnectError::ConnectionRefused(_) => {
                f.write_str("connection refused: nothing listens there")
            }
            ConnectError::NoSuchSocket(_) => f.write_str(
                "there is no socket of this name: its program does not run, or the path is wrong",
            ),
            ConnectError::PermissionDenied(_) => f.write_str("not permitted to connect there"),
            ConnectError::Unreachable(_) => f.write_str("there is no route to the address"),
            ConnectError::TimedOut(after) => {
                write!(f, "no answer within {} s", after.as_secs_f64())
            }
            ConnectError::Bind(address, _) => write!(f, "cannot connect from {address}"),
            ConnectError::Cancelled => f.write_str("connecting was cancelled"),
            ConnectError::Refused => f.write_str("the factory refused the connection"),
            ConnectError::Negotiation(_) => {
                f.write_str("connected, but the negotiation with the peer failed")
            }
            ConnectError::Address(error) => error.fmt(f),
            ConnectError::Failed(_) => f.write_str("the connection could not be made"),
            ConnectError::Host(error) => error.fmt(f),
            #[cfg(unix)]
            ConnectError::Spawn(error) => error.fmt(f),
            ConnectError::ReactorGone => f.write_str("the reactor has ended"),
        }
    }
}

impl Error for ConnectError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            ConnectError::ConnectionRefused(error)
            | ConnectError::NoSuchSocket(error)
            | ConnectError::PermissionDenied(error)
            | ConnectError::Unreachable(error)
            | ConnectError::Bind(_, error)
            | ConnectError::Failed(error) => Some(error),
            ConnectError::Negotiation(reason) => Some(reason),
            ConnectError::Host(error) => error.source(),
            #[cfg(unix)]
            ConnectError::Spawn(error) => error.source(),
            _ => None,
        }
    }
}

/// The reason why a reactor could not be made or run.
#[derive(Debug)]
#[non_exhaustive]
pub enum RunError {
    /// The reactor is already running. `run` and `iterate` cannot be called from a callback.
    #[doc(alias = "ReactorAlreadyRunning")]
    AlreadyRunning,
    /// The reactor was stopped before. Make a new one.
    #[doc(alias = "ReactorNotRestartable")]
    NotRestartable,
    /// The system cannot report events.
    Poll(io::Error),
    /// The system cannot report signals.
    Signals(io::Error),
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            RunError::AlreadyRunning => {
                "the reactor is already running; `run` and `iterate` cannot be called from a callback"
            }
            RunError::NotRestartable => {
                "the reactor has been stopped and cannot run again; make a new one"
            }
            RunError::Poll(_) => "the system cannot report events to the reactor",
            RunError::Signals(_) => "the system cannot report signals to the reactor",
        })
    }
}

impl Error for RunError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            RunError::Poll(error) | RunError::Signals(error) => Some(error),
            _ => None,
        }
    }
}
