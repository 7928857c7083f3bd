//! The command line.

use std::rc::Rc;

use lexopt::{Arg, Parser, ValueExt};
use retwist::deferred::Dialer;
use retwist::endpoint::{ClientEndpoint, EndpointDialer, Network, client_from_string, quote};
use retwist::mail::{Login, StartTls};
use retwist::tls::{ClientOptions, TlsRole, start_tls};
use retwist::{ProtocolRef, Reactor};

use crate::Outcome;
use crate::support::Mistake;
use crate::support::tls::Trust;

pub(crate) struct Options {
    pub(crate) service: Service,
    endpoint: ClientEndpoint,
    start_tls: When,
    trust: Trust,
    user: Option<String>,
    password: Option<String>,
}

/// What is wanted of the server.
pub(crate) enum Service {
    Smtp(Envelope),
    Pop3,
    Imap,
}

/// The sender and the recipients of a message.
#[derive(Clone)]
pub(crate) struct Envelope {
    pub(crate) sender: String,
    pub(crate) recipients: Vec<String>,
}

#[derive(Clone, Copy, PartialEq)]
enum When {
    Required,
    Opportunistic,
    Off,
    FromTheFirstByte,
}

impl Options {
    pub(crate) fn parse(mut arguments: Parser) -> Result<Self, Mistake> {
        let mut places = Vec::new();
        let (mut when, mut trust) = (None, Trust::default());
        let (mut user, mut password) = (None, None);
        let (mut sender, mut recipients) = (None, Vec::new());
        while let Some(argument) = arguments.next()? {
            match argument {
                Arg::Long("starttls") => {
                    when = Some(match arguments.value()?.string()?.as_str() {
                        "require" => When::Required,
                        "opportunistic" => When::Opportunistic,
                        "off" => When::Off,
                        other => {
                            let choice = "require, opportunistic or off";
                            return Err(format!("--starttls is {choice}, not {other:?}").into());
                        }
                    });
                }
                Arg::Long("trust-roots") => trust.authorities = Some(arguments.value()?.into()),
                Arg::Long("name") => trust.name = Some(arguments.value()?.string()?),
                Arg::Long("user") => user = Some(arguments.value()?.string()?),
                Arg::Long("password") => password = Some(arguments.value()?.string()?),
                Arg::Long("from") => sender = Some(arguments.value()?.string()?),
                Arg::Long("to") => recipients.push(arguments.value()?.string()?),
                Arg::Value(place) => places.push(place.string()?),
                Arg::Long(_) | Arg::Short(_) => return Err(argument.unexpected().into()),
            }
        }
        let [service, endpoint] = &places[..] else {
            return Err(
                "say what to do, smtp, pop3 or imap, and the endpoint of the server".into(),
            );
        };
        let is_for_smtp = sender.is_some() || !recipients.is_empty();
        let service = match service.as_str() {
            "smtp" if recipients.is_empty() => return Err("smtp needs --to ADDRESS".into()),
            "smtp" => Service::Smtp(Envelope {
                sender: sender.unwrap_or_default(),
                recipients,
            }),
            "pop3" => Service::Pop3,
            "imap" => Service::Imap,
            other => {
                return Err(
                    format!("there is no service {other:?}, only smtp, pop3 and imap").into(),
                );
            }
        };
        if !matches!(service, Service::Smtp(_)) && is_for_smtp {
            return Err("--from and --to are for smtp".into());
        }
        if user.is_some() != password.is_some() {
            return Err("--user and --password go together".into());
        }
        let has_tls = endpoint
            .split(':')
            .any(|kind| kind == "tls" || kind == "ssl");
        // TLS from the first byte is what every --starttls asks for.
        let start_tls = if has_tls {
            When::FromTheFirstByte
        } else {
            when.unwrap_or(When::Required)
        };
        let mut endpoint = endpoint.clone();
        if has_tls {
            if let Some(file) = &trust.authorities {
                endpoint += &format!(":trustRoots={}", quote(&file.to_string_lossy()));
            }
            if let Some(name) = &trust.name {
                endpoint += &format!(":name={}", quote(name));
            }
        }
        let is_used = matches!(start_tls, When::Required | When::Opportunistic);
        let options = Options {
            service,
            endpoint: client_from_string(&endpoint)?,
            start_tls,
            trust,
            user,
            password,
        };
        if is_used {
            // An error in it is reported before anything is connected.
            options.role()?;
        }
        Ok(options)
    }

    /// Who the server has to be.
    fn role(&self) -> Result<TlsRole, Mistake> {
        let name = self.trust.name.as_deref().or(self.endpoint.host());
        let config = ClientOptions::new(self.trust.roots()?).build()?;
        Ok(TlsRole::client(config, name.unwrap_or("localhost"))?)
    }

    pub(crate) fn start_tls(&self) -> Result<StartTls, Mistake> {
        Ok(match self.start_tls {
            When::Off => StartTls::off(),
            When::FromTheFirstByte => StartTls::already_on(),
            When::Required => {
                let role = self.role()?;
                StartTls::required(move |transport| start_tls(transport, role.clone()))
            }
            When::Opportunistic => {
                let role = self.role()?;
                StartTls::opportunistic(move |transport| start_tls(transport, role.clone()))
            }
        })
    }

    /// Who the client is.
    pub(crate) fn login(&self) -> Option<Login> {
        let login = Login::new(self.user.as_ref()?, self.password.as_ref()?);
        Some(match self.start_tls {
            // The user has chosen it.
            When::Off => login.even_in_clear(),
            _ => login,
        })
    }

    /// Connects a client. If that fails, the program ends with why.
    pub(crate) fn connect(&self, reactor: &Reactor, protocol: ProtocolRef, outcome: Rc<Outcome>) {
        let (network, server) = self.network(reactor);
        server.connect(protocol).done(move |connected| {
            drop(network);
            if let Err(failure) = connected {
                outcome.end(Err(failure.into()));
            }
        });
    }

    /// The network, and the way to the server on it.
    pub(crate) fn network(&self, reactor: &Reactor) -> (Network, EndpointDialer) {
        let network = Network::new(reactor);
        let server = self.endpoint.on(&network);
        (network, server)
    }
}
