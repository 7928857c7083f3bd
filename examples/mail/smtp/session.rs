//! The conversation with one client.

use std::io;
use std::rc::Rc;
use std::time::Duration;

use jiff::fmt::rfc2822;
use jiff::{Timestamp, tz::TimeZone};
use retwist::protocols::{Framed, LineReceiver, LineTransport, Lines};
use retwist::tls::{TlsRole, TlsTransport, start_tls};
use retwist::{Factory, Reason, TransportRef, error_chain};

use crate::body::Body;
use crate::command::Command;
use crate::mailbox::{Draft, Mailbox};
use crate::support::tls::or_abort;

/// RFC 5321 4.5.3.1.4 has 512 bytes, and extensions add to them.
const LINE_LIMIT: usize = 2048;
/// How long a command may take from its first byte to its end.
const LINE_TIME: Duration = Duration::from_secs(60);
/// How many recipients a message may have (RFC 5321 4.5.3.1.8: at least 100).
const MOST_RECIPIENTS: usize = 100;

/// What all sessions have in common.
pub(crate) struct Service {
    pub(crate) mailbox: Mailbox,
    pub(crate) max_size: u64,
    pub(crate) require_tls: bool,
    pub(crate) tls: TlsRole,
}

pub(crate) fn factory(service: &Rc<Service>) -> impl Factory + use<> {
    let service = service.clone();
    retwist::factory(move |_| {
        let session = Session {
            service: service.clone(),
            client: None,
            envelope: None,
            incoming: None,
        };
        Framed::new(Lines::new().limit(LINE_LIMIT), session).frame_timeout(LINE_TIME)
    })
}

struct Session {
    service: Rc<Service>,
    /// Who the client says it is, and the protocol that it thereby speaks.
    client: Option<(String, &'static str)>,
    envelope: Option<Envelope>,
    /// From DATA to the dot.
    incoming: Option<Incoming>,
}

struct Envelope {
    sender: String,
    recipients: Vec<String>,
}

struct Incoming {
    body: Body,
    size: u64,
    /// The message so far; or why there will be none, which the client hears when it is through.
    draft: Result<Draft, &'static str>,
}

/// The disk is full, or the like: the client is to try again later.
const LOCAL_ERROR: &str = "451 4.3.0 the message cannot be stored now";
const TOO_LARGE: &str = "552 5.3.4 the message is too large";

impl Session {
    fn answer(&mut self, transport: &LineTransport, command: Command<'_>) {
        let under_tls = TlsTransport::of(transport).is_some();
        let answer = match command {
            Command::StartTls if under_tls => "503 5.5.1 TLS has been started already",
            Command::StartTls => {
                transport.send_line("220 2.0.0 go ahead");
                return or_abort(
                    transport,
                    start_tls(transport, self.service.tls.clone()).map(drop),
                );
            }
            Command::Hello { extended, name } => return self.hello(transport, extended, name),
            Command::Noop => "250 2.0.0 nothing done",
            Command::Quit => {
                transport.send_line("221 2.0.0 goodbye");
                return transport.lose_connection();
            }
            _ if self.service.require_tls && !under_tls => "530 5.7.0 STARTTLS comes first",
            Command::Mail { .. } if self.client.is_none() => "503 5.5.1 EHLO comes first",
            Command::Mail { .. } if self.envelope.is_some() => "503 5.5.1 one message at a time",
            Command::Mail {
                size: Some(size), ..
            } if size > self.service.max_size => TOO_LARGE,
            Command::Mail { sender, .. } => {
                self.envelope = Some(Envelope {
                    sender: sender.into(),
                    recipients: Vec::new(),
                });
                "250 2.1.0 sender noted"
            }
            Command::Recipient(recipient) => match &mut self.envelope {
                None => "503 5.5.1 MAIL comes first",
                Some(envelope) if envelope.recipients.len() == MOST_RECIPIENTS => {
                    "452 4.5.3 too many recipients"
                }
                Some(envelope) => {
                    envelope.recipients.push(recipient.into());
                    "250 2.1.5 recipient noted"
                }
            },
            Command::Data => return self.begin(transport),
            Command::Reset => {
                self.envelope = None;
                "250 2.0.0 forgotten"
            }
            Command::Verify => "252 2.1.5 send something, and see",
            Command::Malformed => "501 5.5.4 these arguments make no sense",
            Command::Unknown => "500 5.5.1 there is no such command",
        };
        transport.send_line(answer);
    }

    fn hello(&mut self, transport: &LineTransport, extended: bool, name: &str) {
        let under_tls = TlsTransport::of(transport).is_some();
        let protocol = match (extended, under_tls) {
            (false, _) => "SMTP",
            (true, false) => "ESMTP",
            (true, true) => "ESMTPS",
        };
        self.client = Some((name.into(), protocol));
        self.envelope = None;
        if !extended {
            return transport.send_line("250 localhost");
        }
        transport.send_line("250-localhost");
        if !under_tls {
            transport.send_line("250-STARTTLS");
        }
        transport.send_line(format!("250-SIZE {}", self.service.max_size));
        transport.send_line("250-PIPELINING");
        transport.send_line("250-8BITMIME");
        transport.send_line("250 ENHANCEDSTATUSCODES");
    }

    /// DATA: from here to the dot, lines are no commands.
    fn begin(&mut self, transport: &LineTransport) {
        let Some(envelope) = self.envelope.as_ref().filter(|e| !e.recipients.is_empty()) else {
            return transport.send_line("503 5.5.1 MAIL and RCPT come first");
        };
        match self.draft(transport, envelope) {
            Ok(draft) => {
                self.incoming = Some(Incoming {
                    body: Body::default(),
                    size: 0,
                    draft: Ok(draft),
                });
                transport.set_raw_mode();
                transport.send_line("354 go on, up to a line with nothing but a dot");
            }
            Err(error) => {
                log::error!("cannot begin a message: {error}");
                transport.send_line(LOCAL_ERROR);
            }
        }
    }

    /// A draft, with the lines that a receiver puts in front.
    fn draft(&self, transport: &TransportRef, envelope: &Envelope) -> io::Result<Draft> {
        let (client, protocol) = self
            .client
            .as_ref()
            .map_or(("unknown", "SMTP"), |(name, protocol)| (name, protocol));
        let peer = transport
            .peer()
            .ip()
            .map_or_else(String::new, |ip| format!(" ([{ip}])"));
        let now = Timestamp::now().to_zoned(TimeZone::UTC);
        let now = rfc2822::to_string(&now).map_err(io::Error::other)?;
        let mut header = format!("Return-Path: <{}>\r\n", envelope.sender);
        for recipient in &envelope.recipients {
            header += &format!("Delivered-To: {recipient}\r\n");
        }
        header +=
            &format!("Received: from {client}{peer} by localhost with {protocol};\r\n\t{now}\r\n");
        let mut draft = self.service.mailbox.draft()?;
        draft.write(header.as_bytes())?;
        Ok(draft)
    }

    /// The dot has come.
    fn complete(&mut self, transport: &LineTransport, incoming: Incoming) {
        self.envelope = None;
        let completed = incoming.draft.map(|draft| draft.complete());
        transport.send_line(match completed {
            Ok(Ok(path)) => {
                log::info!("received {}", path.display());
                "250 2.0.0 received"
            }
            Ok(Err(error)) => {
                log::error!("cannot store a message: {error}");
                LOCAL_ERROR
            }
            Err(refused) => refused,
        });
    }
}

impl Incoming {
    /// Takes what has come of the text; the number of bytes that belong to it, if its end is among
    /// them.
    fn feed(&mut self, data: &[u8], max_size: u64) -> Option<usize> {
        let mut text = Vec::with_capacity(data.len());
        let used = self.body.feed(data, &mut text);
        self.size += text.len() as u64;
        if self.size > max_size {
            self.draft = Err(TOO_LARGE);
        }
        if let Ok(draft) = &mut self.draft
            && let Err(error) = draft.write(&text)
        {
            log::error!("cannot store a message: {error}");
            self.draft = Err(LOCAL_ERROR);
        }
        used
    }
}

impl LineReceiver for Session {
    fn connection_made(&mut self, transport: &LineTransport) {
        transport.send_line("220 localhost ESMTP retwist");
    }

    fn line_received(&mut self, transport: &LineTransport, line: &[u8]) {
        self.answer(transport, Command::parse(line));
    }

    fn raw_data_received(&mut self, transport: &LineTransport, data: &[u8]) {
        let Some(mut incoming) = self.incoming.take() else {
            return transport.set_line_mode(data);
        };
        match incoming.feed(data, self.service.max_size) {
            None => self.incoming = Some(incoming),
            Some(used) => {
                self.complete(transport, incoming);
                transport.set_line_mode(&data[used..]);
            }
        }
    }

    /// TLS has been put under the session. What came in clear may come from any host on the way, so
    /// it is forgotten (RFC 3207 4.2).
    fn transport_switched(&mut self, _: &LineTransport) {
        self.client = None;
        self.envelope = None;
    }

    fn line_length_exceeded(&mut self, transport: &LineTransport, _: &[u8]) {
        transport.send_line("500 5.5.2 the line is too long");
        transport.lose_connection();
    }

    /// A message that has not come to its dot by now is dropped with its draft.
    fn connection_lost(&mut self, reason: &Reason) {
        log::info!("{}", error_chain(reason));
    }
}
