use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use retwist_reactor::{Address, Factory, IntoProtocol, Reason};

use super::error::{SocksError, SocksReply};
use super::messages::{self, Expected, SocksMessages};
use super::request::{Pending, SocksRequest, refuse};
use crate::timer::Timer;
use crate::{FrameReceiver, FrameTransport, Framed};

/// The factory for the port of a SOCKS proxy, versions 4, 4a and 5, with the command CONNECT.
///
/// It does not connect itself: it calls `connect` with each allowed request, and `connect` makes the
/// connection. Once that is made, a [`Relay`](crate::Relay) passes on all bytes, beginning with those
/// that the client has sent behind its request.
///
/// ```no_run
/// # mod retwist { pub use retwist_reactor::*; pub use retwist_protocols as protocols; }
/// use retwist::protocols::{Destination, SocksReply, SocksServer};
/// use retwist::{Reactor, TcpConnect, TcpListen};
///
/// let reactor = Reactor::new()?;
/// let handle = reactor.handle();
/// let socks = SocksServer::new(
///     |request| request.client().ip().is_some_and(|ip| ip.is_loopback()),
///     move |request| match *request.destination() {
///         Destination::Ip(address) => {
///             handle.connect_tcp_factory(TcpConnect::address(address), request);
///         }
///         Destination::Domain(..) => request.refuse(SocksReply::HostUnreachable),
///     },
/// );
/// reactor.listen_tcp_factory(TcpListen::port(1080), socks)?;
/// reactor.run()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// A rule that allows a name allows every address that the name leads to: check these before
/// connecting.
///
/// A handshake takes at most 10 s. `connect` decides how long connecting may take.
#[doc(alias = "SOCKSv4Factory")]
#[doc(alias = "SOCKSv4")]
pub struct SocksServer {
    settings: Rc<Settings>,
}

type Check = dyn Fn(&[u8], &[u8]) -> bool;

struct Settings {
    allow: Box<dyn Fn(&SocksRequest) -> bool>,
    connect: Box<dyn Fn(SocksRequest)>,
    users: Option<Box<Check>>,
}

/// How long a handshake may take.
const DEADLINE: Duration = Duration::from_secs(10);

impl SocksServer {
    /// A proxy that calls `connect` with the requests for which `allow` returns true. `|_| true` makes
    /// an open proxy, which others will abuse.
    #[doc(alias = "authorize")]
    pub fn new(
        allow: impl Fn(&SocksRequest) -> bool + 'static,
        connect: impl Fn(SocksRequest) + 'static,
    ) -> Self {
        SocksServer {
            settings: Rc::new(Settings {
                allow: Box::new(allow),
                connect: Box::new(connect),
                users: None,
            }),
        }
    }

    /// Requires a user and a password (RFC 1929), for which `check` returns true if they are valid.
    /// They are not encrypted. Version 4 has no passwords, so its clients are refused.
    #[must_use]
    pub fn users(mut self, check: impl Fn(&[u8], &[u8]) -> bool + 'static) -> Self {
        // Nothing else holds it before the server is in use.
        if let Some(settings) = Rc::get_mut(&mut self.settings) {
            settings.users = Some(Box::new(check));
        }
        self
    }
}

impl Factory for SocksServer {
    fn build_protocol(self: &Rc<Self>, _: &Address) -> impl IntoProtocol {
        let session = Session {
            settings: self.settings.clone(),
            version: 5,
            user: None,
            pending: None,
            deadline: Timer::default(),
        };
        Framed::new(SocksMessages::default(), session)
    }
}

impl fmt::Debug for SocksServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SocksServer")
            .field("users", &self.settings.users.is_some())
            .finish_non_exhaustive()
    }
}

/// The handshake with one client.
struct Session {
    settings: Rc<Settings>,
    version: u8,
    user: Option<Vec<u8>>,
    /// The request, once it is received.
    pending: Option<Rc<Pending>>,
    deadline: Timer,
}

type ClientTransport = FrameTransport<SocksMessages>;

/// Authentication methods.
const NO_AUTHENTICATION: u8 = 0;
const USER_AND_PASSWORD: u8 = 2;
const NO_ACCEPTABLE_METHOD: u8 = 0xff;

const CONNECT: u8 = 1;

impl Session {
    fn greeting(&self, transport: &ClientTransport, methods: &[u8]) {
        let (method, expected) = match self.settings.users {
            Some(_) => (USER_AND_PASSWORD, Expected::Password),
            None => (NO_AUTHENTICATION, Expected::Request),
        };
        if methods.contains(&method) {
            transport.framing().expected.set(expected);
            transport.write(&[5, method]);
        } else {
            transport.write(&[5, NO_ACCEPTABLE_METHOD]);
            transport.lose_connection();
        }
    }

    fn password(&mut self, transport: &ClientTransport, message: &[u8]) {
        let (Some(users), Some((user, password))) =
            (&self.settings.users, messages::credentials(message))
        else {
            return transport.lose_connection();
        };
        if users(user, password) {
            self.user = Some(user.to_vec());
            transport.framing().expected.set(Expected::Request);
            transport.write(&[1, 0]);
        } else {
            log::info!("SOCKS: a wrong password from {}", transport.peer());
            transport.write(&[1, 1]);
            transport.lose_connection();
        }
    }

    fn v4(&mut self, transport: &ClientTransport, message: &[u8]) -> Result<(), SocksReply> {
        self.version = 4;
        if self.settings.users.is_some() {
            return Err(SocksReply::NotAllowed);
        }
        let (command, user, destination) =
            messages::v4_request(message).map_err(|_| SocksReply::GeneralFailure)?;
        self.user = (!user.is_empty()).then(|| user.to_vec());
        self.request(transport, command, destination)
    }

    fn v5(&mut self, transport: &ClientTransport, message: &[u8]) -> Result<(), SocksReply> {
        let [_, command, 0, address @ ..] = message else {
            return Err(SocksReply::GeneralFailure);
        };
        let destination = messages::destination(address).map_err(|_| SocksReply::GeneralFailure)?;
        self.request(transport, *command, destination)
    }

    fn request(
        &mut self,
        transport: &ClientTransport,
        command: u8,
        destination: crate::Destination,
    ) -> Result<(), SocksReply> {
        if command != CONNECT {
            return Err(SocksReply::CommandNotSupported);
        }
        let request = SocksRequest::new(destination, self.user.take(), transport, self.version);
        self.deadline.stop();
        // The bytes behind the request wait for the relay.
        transport.pause_producing();
        self.pending = Some(request.pending());
        if !(self.settings.allow)(&request) {
            log::info!(
                "SOCKS: {} may not connect to {}",
                request.client(),
                request.destination()
            );
            request.refuse(SocksReply::NotAllowed);
        } else {
            (self.settings.connect)(request);
        }
        Ok(())
    }
}

impl FrameReceiver<SocksMessages> for Session {
    fn connection_made(&mut self, transport: &ClientTransport) {
        let slow = transport.clone();
        self.deadline.start(&transport.clock(), DEADLINE, move || {
            slow.abort_connection();
        });
    }

    fn frame_received(&mut self, transport: &ClientTransport, message: &[u8]) {
        let outcome = match (transport.framing().expected.get(), message) {
            (Expected::First, [4, ..]) => self.v4(transport, message),
            (Expected::First, _) => {
                self.greeting(transport, message.get(2..).unwrap_or_default());
                Ok(())
            }
            (Expected::Password, _) => {
                self.password(transport, message);
                Ok(())
            }
            (Expected::Request, _) => self.v5(transport, message),
        };
        if let Err(reply) = outcome {
            refuse(transport, self.version, reply);
        }
    }

    fn framing_failed(&mut self, transport: &ClientTransport, error: &SocksError, rest: &[u8]) {
        match (transport.framing().expected.get(), error) {
            (Expected::Request, SocksError::AddressType(_)) => {
                refuse(transport, 5, SocksReply::AddressTypeNotSupported);
            }
            (Expected::Request, _) => refuse(transport, 5, SocksReply::GeneralFailure),
            (Expected::Password, _) => {
                transport.write(&[1, 1]);
                transport.lose_connection();
            }
            (Expected::First, _) if rest.first() == Some(&4) => {
                refuse(transport, 4, SocksReply::GeneralFailure);
            }
            (Expected::First, _) => transport.lose_connection(),
        }
    }

    fn connection_lost(&mut self, _: &Reason) {
        if let Some(pending) = &self.pending {
            pending.abandon();
        }
    }
}
