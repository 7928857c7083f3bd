//! The conversation with one client, on its control connection.

use std::io::{self, Cursor};
use std::mem;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use retwist::protocols::{Framed, LineReceiver, LineTransport, Lines};
use retwist::tls::{TlsRole, start_tls, stop_tls_without_peer_notify};
use retwist::{Factory, ReactorHandle, Reason, TransportRef, error_chain};

use crate::data::{Passive, Work};
use crate::security::{Account, Security, Then};
use crate::support::tls::or_abort;
use crate::transfer::{self, Transfer};
use crate::tree::{Format, Place, Tree, digits};

/// For how long a client may be silent.
pub(crate) const PATIENCE: Duration = Duration::from_secs(5 * 60);

/// How long a command may take from its first byte to its end.
const LINE_TIME: Duration = Duration::from_secs(60);

/// What all sessions have in common.
pub(crate) struct Service {
    pub(crate) reactor: ReactorHandle,
    pub(crate) tree: Tree,
    pub(crate) writable: bool,
    pub(crate) account: Option<Account>,
    pub(crate) require_tls: bool,
    pub(crate) control_tls: TlsRole,
    pub(crate) data_tls: TlsRole,
}

pub(crate) fn factory(service: &Rc<Service>) -> impl Factory + use<> {
    let service = service.clone();
    retwist::factory(move |_| {
        let session = Session {
            service: service.clone(),
            security: Security::default(),
            here: Place::default(),
            offset: 0,
            passive: None,
            transfer: None,
        };
        Framed::new(Lines::new().limit(4096), session).frame_timeout(LINE_TIME)
    })
}

struct Session {
    service: Rc<Service>,
    security: Security,
    /// The working directory.
    here: Place,
    /// Where the next download begins (REST).
    offset: u64,
    /// For the next transfer.
    passive: Option<Passive>,
    /// The last one.
    transfer: Option<Transfer>,
}

const FEATURES: &str = "211-what is not in RFC 959:\r\n AUTH TLS\r\n CCC\r\n EPSV\r\n MDTM\r\n MLST type*;size*;modify*;\r\n PBSZ\r\n \
                        PROT\r\n REST STREAM\r\n SIZE\r\n UTF8\r\n211 that is all";

impl Session {
    /// What to say before anything else is looked at: that this client may not say this now.
    fn refuses(&self, name: &str) -> Option<&'static str> {
        let needs_tls = self.service.require_tls && !self.security.has_had_tls();
        match name {
            "AUTH" | "FEAT" | "QUIT" => None,
            _ if needs_tls => Some("530 AUTH TLS comes first"),
            "USER" | "PASS" | "PBSZ" | "PROT" | "CCC" | "NOOP" | "SYST" => None,
            _ if !self.security.is_known() => Some("530 log in first"),
            _ => None,
        }
    }

    fn answer(
        &mut self,
        transport: &LineTransport,
        name: &str,
        argument: &str,
    ) -> io::Result<String> {
        let tree = &self.service.tree;
        let place = self.here.join(argument);
        Ok(match name {
            "FEAT" => FEATURES.into(),
            "SYST" => "215 UNIX Type: L8".into(),
            "NOOP" | "ALLO" => "200 nothing done".into(),
            "OPTS" => match argument.to_ascii_uppercase().as_str() {
                "UTF8 ON" | "UTF8" => "200 always".into(),
                _ => "501 there is no such option".into(),
            },
            // Files travel as they are, whatever the type.
            "TYPE" if argument.starts_with(['A', 'I', 'a', 'i']) => "200 as you like".into(),
            "MODE" if argument.eq_ignore_ascii_case("S") => "200 a stream it is".into(),
            "STRU" if argument.eq_ignore_ascii_case("F") => "200 a file it is".into(),
            "TYPE" | "MODE" | "STRU" => "504 there is no such thing here".into(),

            "PWD" => format!(
                "257 \"{}\" is where you are",
                self.here.to_string().replace('"', "\"\"")
            ),
            "CDUP" => self.enter(self.here.join("..")),
            "CWD" => self.enter(place),
            "SIZE" => format!("213 {}", tree.file(&place)?.0),
            "MDTM" => format!("213 {}", digits(tree.file(&place)?.1)),
            "MLST" => {
                let facts = tree.facts(&place)?;
                format!("250-this is\r\n {facts}250 that is all")
            }

            "PASV" => self.listen(transport, true),
            "EPSV" if argument.eq_ignore_ascii_case("ALL") => "200 as you like".into(),
            "EPSV" => self.listen(transport, false),
            "REST" => match argument.parse() {
                Ok(offset) => {
                    self.offset = offset;
                    "350 the next download begins there".into()
                }
                Err(_) => "501 this is not a number".into(),
            },
            "ABOR" => "226 nothing is under way".into(),
            _ => "502 there is no such command here".into(),
        })
    }

    fn enter(&mut self, place: Place) -> String {
        if !self.service.tree.is_directory(&place) {
            return "550 there is no such directory".into();
        }
        self.here = place;
        "250 there you are".into()
    }

    /// PASV or EPSV: a port for the next transfer.
    fn listen(&mut self, transport: &TransportRef, old: bool) -> String {
        let Some(host) = transport.host().ip() else {
            return "425 there are no ports on this kind of connection".into();
        };
        let tls = self
            .security
            .protects_data()
            .then_some(&self.service.data_tls);
        let client = transport.peer().ip();
        let passive = match Passive::listen(&self.service.reactor, host, client, tls) {
            Ok(passive) => passive,
            Err(error) => return format!("425 there is no port: {}", error_chain(&error)),
        };
        let port = passive.port();
        let answer = match host.to_canonical() {
            _ if !old => format!("229 connect to (|||{port}|)"),
            IpAddr::V4(host) => {
                let [a, b, c, d] = host.octets();
                format!(
                    "227 connect to ({a},{b},{c},{d},{},{})",
                    port >> 8,
                    port & 0xff
                )
            }
            IpAddr::V6(_) => return "522 EPSV is for IPv6".into(),
        };
        self.passive = Some(passive);
        answer
    }

    /// What a command does on a data connection; `None` for a command that uses none.
    fn work(&self, name: &str, argument: &str, offset: u64) -> Option<io::Result<Work>> {
        let tree = &self.service.tree;
        let place = self.here.join(argument);
        let list = |place, format| {
            let list = tree.list(place, format)?;
            Ok(Work::Send(Box::new(Cursor::new(list))))
        };
        Some(match name {
            "LIST" => {
                // Some say how they like it, in the words of `ls`.
                let path = argument.split(' ').skip_while(|word| word.starts_with('-'));
                let path = path.collect::<Vec<_>>().join(" ");
                list(&self.here.join(&path), Format::People)
            }
            "NLST" => list(&place, Format::Names),
            "MLSD" => list(&place, Format::Facts),
            "RETR" => tree
                .read(&place, offset)
                .map(|file| Work::Send(Box::new(file))),
            "STOR" if !self.service.writable => Err(io::Error::other("nothing is stored here")),
            "STOR" if offset > 0 => Err(io::Error::other("files are stored whole")),
            "STOR" => tree.store(&place).map(Work::Receive),
            _ => return None,
        })
    }

    /// Begins a transfer.
    fn transfer(&mut self, transport: &LineTransport, work: io::Result<Work>) {
        let Some(passive) = self.passive.take() else {
            return transport.send_line("425 PASV or EPSV comes first");
        };
        if self.service.require_tls && !self.security.protects_data() {
            return transport.send_line("521 PROT P comes first");
        }
        let work = match work {
            Ok(work) => work,
            Err(error) => return transport.send_line(format!("550 {error}")),
        };
        let reactor = &self.service.reactor;
        self.transfer = Some(Transfer::begin(passive, work, reactor, transport));
    }

    /// The transfer that is under way, if any.
    fn running(&self) -> Option<&Transfer> {
        self.transfer.as_ref().filter(|last| last.is_running())
    }

    fn follow(&mut self, transport: &LineTransport, then: Then) {
        match then {
            Then::Go => {}
            // What came behind AUTH in the same segment is no longer a command, but the beginning
            // of TLS, if it is anything.
            Then::StartTls => {
                self.here = Place::default();
                self.passive = None;
                or_abort(
                    transport,
                    start_tls(transport, self.service.control_tls.clone()),
                );
            }
            // Some clients go on in clear without having ended TLS on their side.
            Then::StopTls => or_abort(transport, stop_tls_without_peer_notify(transport)),
            Then::Close => transport.lose_connection(),
        }
    }
}

impl LineReceiver for Session {
    fn connection_made(&mut self, transport: &LineTransport) {
        transport.send_line("220 retwist");
    }

    fn line_received(&mut self, transport: &LineTransport, line: &[u8]) {
        // Telnet's signals, which some send in front of ABOR.
        let signals = line.iter().take_while(|byte| !byte.is_ascii()).count();
        let line = &line[signals..];
        if let Some(transfer) = self.running() {
            if !line.eq_ignore_ascii_case(b"ABOR") || !transfer.abort() {
                // All else waits until the transfer is over.
                transport.pause_producing();
                transport.set_line_mode(&[line, b"\r\n"].concat());
            }
            return;
        }
        let Ok(line) = str::from_utf8(line) else {
            return transport.send_line("501 names are in UTF-8 here");
        };
        let (name, argument) = line.split_once(' ').unwrap_or((line, ""));
        let name = name.to_ascii_uppercase();
        if let Some(refusal) = self.refuses(&name) {
            return transport.send_line(refusal);
        }
        let account = self.service.account.as_ref();
        if let Some((answer, then)) = self.security.command(account, &name, argument) {
            transport.send_line(answer);
            return self.follow(transport, then);
        }
        if name == "QUIT" {
            transport.send_line("221 goodbye");
            return transport.lose_connection();
        }
        let offset = mem::take(&mut self.offset);
        if let Some(work) = self.work(&name, argument, offset) {
            return self.transfer(transport, work);
        }
        match self.answer(transport, &name, argument) {
            Ok(answer) => transport.send_line(answer),
            Err(error) => transport.send_line(format!("550 {error}")),
        }
    }

    fn line_length_exceeded(&mut self, transport: &LineTransport, _: &[u8]) {
        transport.send_line("500 the line is too long");
        transport.lose_connection();
    }

    fn read_connection_lost(&mut self, transport: &LineTransport) {
        match self.running() {
            Some(transfer) => transfer.input_ended(),
            None => transport.lose_connection(),
        }
    }

    /// A transfer that has begun comes to its end, as long as there is time, and behind its answer the client
    /// hears that the server stops. A client without one hears that at once, also one that was told a port for the next:
    /// that port is closed.
    fn shutting_down(&mut self, transport: &LineTransport) {
        match self.running() {
            Some(transfer) if transport.is_draining() => transfer.is_last(),
            _ => transfer::leave(transport),
        }
    }

    fn connection_lost(&mut self, reason: &Reason) {
        log::info!("{}", error_chain(reason));
    }
}
