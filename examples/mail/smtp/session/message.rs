//! A message, from MAIL to the answer that it is stored.

use std::convert::Infallible;

use jiff::fmt::rfc2822;
use jiff::{Timestamp, tz::TimeZone};
use retwist::TransportRef;
use retwist::deferred::{Outcome, Value};
use retwist::protocols::LineTransport;
use retwist::tls::TlsTransport;

use super::{MOST_RECIPIENTS, Session, TOO_LARGE};
use crate::body::Body;
use crate::command::Parameters;
use crate::incoming::{Incoming, LOCAL_ERROR, Outcomes, Refusal};

pub(super) struct Envelope {
    sender: String,
    parameters: Parameters,
    recipients: Vec<Recipient>,
}

struct Recipient {
    address: String,
    /// The number of the mailbox.
    inbox: usize,
}

/// What the next bytes are.
pub(super) enum Mode {
    Commands,
    /// The text after DATA, to the dot.
    Text(Body),
    /// The bytes after BDAT.
    Chunk {
        size: u64,
        missing: u64,
        is_last: bool,
        /// Why they are dropped, if they are.
        refusal: Option<Refusal>,
    },
    /// None are read: the message waits for the disk.
    Storing,
}

impl Mode {
    pub(super) fn is_storing(&self) -> bool {
        matches!(self, Mode::Storing)
    }
}

impl Session {
    pub(super) fn forget_message(&mut self) {
        self.envelope = None;
        self.incoming = None;
        self.patience.stop_whole();
    }

    pub(super) fn mail(&mut self, sender: &str, parameters: Parameters) -> Refusal {
        if self.client.is_none() {
            return "503 5.5.1 the greeting comes first";
        }
        if self.envelope.is_some() {
            return "503 5.5.1 one message at a time";
        }
        if !sender.is_ascii() && !parameters.is_utf8 {
            return "553 5.6.7 MAIL needs SMTPUTF8 for this address";
        }
        if parameters
            .size
            .is_some_and(|size| size > self.service.max_size)
        {
            return TOO_LARGE;
        }
        self.envelope = Some(Envelope {
            sender: sender.into(),
            parameters,
            recipients: Vec::new(),
        });
        "250 2.1.0 sender noted"
    }

    pub(super) fn recipient(&mut self, address: &str) -> Refusal {
        let Some(envelope) = &mut self.envelope else {
            return "503 5.5.1 MAIL comes first";
        };
        if self.incoming.is_some() {
            return "503 5.5.1 the message has begun";
        }
        if envelope.recipients.len() == MOST_RECIPIENTS {
            return "452 4.5.3 too many recipients";
        }
        if !address.is_ascii() && !envelope.parameters.is_utf8 {
            return "553 5.6.7 MAIL needs SMTPUTF8 for this address";
        }
        let Some(inbox) = self.service.inboxes.find(address) else {
            return "550 5.1.1 there is no such user here";
        };
        envelope.recipients.push(Recipient {
            address: address.into(),
            inbox,
        });
        "250 2.1.5 recipient noted"
    }

    /// DATA: from here to the dot, lines are no commands.
    pub(super) fn begin(&mut self, transport: &LineTransport) {
        let is_binary = |envelope: &Envelope| envelope.parameters.is_binary;
        if self.incoming.is_some() || self.envelope.as_ref().is_some_and(is_binary) {
            return transport.send_line("503 5.5.1 this message comes by BDAT");
        }
        if let Err(refusal) = self.begin_drafts(transport) {
            return transport.send_line(refusal);
        }
        self.mode = Mode::Text(Body::default());
        transport.set_raw_mode();
        transport.send_line("354 go on, up to a line with nothing but a dot");
    }

    /// BDAT. Its bytes follow in any case, and are dropped if they are not wanted.
    pub(super) fn chunk(&mut self, transport: &LineTransport, size: u64, is_last: bool) {
        let begun = if self.incoming.is_some() {
            Ok(())
        } else {
            self.begin_drafts(transport)
        };
        self.mode = Mode::Chunk {
            size,
            missing: size,
            is_last,
            refusal: begun.err(),
        };
        if size > 0 {
            transport.set_raw_mode();
        } else {
            self.end_chunk(transport, size, is_last, begun.err());
        }
    }

    fn begin_drafts(&mut self, transport: &LineTransport) -> Result<(), Refusal> {
        let envelope = self.envelope.as_ref().filter(|e| !e.recipients.is_empty());
        let envelope = envelope.ok_or("503 5.5.1 MAIL and RCPT come first")?;
        let incoming = self.drafts(transport, envelope);
        if let Some(refusal) = incoming.refusal() {
            return Err(refusal);
        }
        self.incoming = Some(incoming);
        self.wait_for_message(transport);
        Ok(())
    }

    /// A draft in each mailbox, with the lines that a receiver puts in front.
    fn drafts(&self, transport: &TransportRef, envelope: &Envelope) -> Incoming {
        let received = self.received_line(transport, envelope);
        let mut inboxes: Vec<_> = envelope.recipients.iter().map(|to| to.inbox).collect();
        inboxes.sort_unstable();
        inboxes.dedup();
        let mut incoming = Incoming::new(self.service.max_size);
        for inbox in inboxes {
            let mut header = format!("Return-Path: <{}>\r\n", envelope.sender);
            // A recipient does not see the others.
            for recipient in envelope.recipients.iter().filter(|to| to.inbox == inbox) {
                header += &format!("Delivered-To: {}\r\n", recipient.address);
            }
            header += &received;
            incoming.add(inbox, self.service.inboxes.deliver(inbox), &header);
        }
        incoming
    }

    fn received_line(&self, transport: &TransportRef, envelope: &Envelope) -> String {
        let client = self
            .client
            .as_ref()
            .map_or("unknown", |client| &client.name);
        let peer = transport.peer().ip().map(|ip| format!(" ([{ip}])"));
        let now = Timestamp::now().to_zoned(TimeZone::UTC);
        // It fails for years with more than four digits alone.
        let now = rfc2822::to_string(&now).unwrap_or_default();
        format!(
            "Received: from {client}{} by localhost with {};\r\n\t{now}\r\n",
            peer.unwrap_or_default(),
            self.protocol(transport, envelope),
        )
    }

    /// The name of what was spoken (RFC 3848 and RFC 6531).
    fn protocol(&self, transport: &TransportRef, envelope: &Envelope) -> String {
        let is_extended = self
            .client
            .as_ref()
            .is_some_and(|client| client.is_extended);
        let name = match (self.service.is_lmtp, is_extended) {
            (true, _) if envelope.parameters.is_utf8 => "UTF8LMTP",
            (true, _) => "LMTP",
            (false, _) if envelope.parameters.is_utf8 => "UTF8SMTP",
            (false, true) => "ESMTP",
            (false, false) => return "SMTP".into(),
        };
        let tls = if TlsTransport::of(transport).is_some() {
            "S"
        } else {
            ""
        };
        let login = if self.user.is_some() { "A" } else { "" };
        format!("{name}{tls}{login}")
    }

    /// Bytes of the message.
    pub(super) fn text(&mut self, transport: &LineTransport, data: &[u8]) {
        match &mut self.mode {
            Mode::Text(body) => {
                let mut text = Vec::with_capacity(data.len());
                let used = body.feed(data, &mut text);
                self.write(&text);
                if let Some(used) = used {
                    transport.set_line_mode(&data[used..]);
                    self.store(transport);
                }
            }
            Mode::Chunk {
                size,
                missing,
                is_last,
                refusal,
            } => {
                let (size, is_last, refusal) = (*size, *is_last, *refusal);
                let length = usize::try_from(*missing)
                    .unwrap_or(usize::MAX)
                    .min(data.len());
                *missing -= length as u64;
                let has_ended = *missing == 0;
                if refusal.is_none() {
                    self.write(&data[..length]);
                }
                if has_ended {
                    transport.set_line_mode(&data[length..]);
                    self.end_chunk(transport, size, is_last, refusal);
                }
            }
            Mode::Commands | Mode::Storing => transport.set_line_mode(data),
        }
    }

    fn write(&mut self, text: &[u8]) {
        if let Some(incoming) = &mut self.incoming {
            incoming.write(text);
        }
    }

    fn end_chunk(
        &mut self,
        transport: &LineTransport,
        size: u64,
        is_last: bool,
        refusal: Option<Refusal>,
    ) {
        self.mode = Mode::Commands;
        if let Some(refusal) = refusal {
            return transport.send_line(refusal);
        }
        if is_last {
            return self.store(transport);
        }
        match self.incoming.as_ref().and_then(Incoming::refusal) {
            Some(refusal) => {
                self.forget_message();
                transport.send_line(refusal);
            }
            None => transport.send_line(format!("250 2.0.0 {size} bytes received")),
        }
    }

    /// The message has come to its end. A thread waits for the disk, and the client for the answer.
    fn store(&mut self, transport: &LineTransport) {
        self.patience.stop_whole();
        let Some(incoming) = self.incoming.take() else {
            return;
        };
        self.mode = Mode::Storing;
        transport.pause_producing();
        let together = !self.service.is_lmtp;
        let stored = self
            .service
            .pool
            .defer_to_thread(move || Value(incoming.finish(together)));
        stored.done_in(transport.me(self), Self::stored);
    }

    fn stored(&mut self, transport: &LineTransport, outcome: Outcome<Outcomes, Infallible>) {
        self.mode = Mode::Commands;
        let recipients = self.envelope.take().map(|envelope| envelope.recipients);
        let recipients = recipients.unwrap_or_default();
        let outcomes = outcome.unwrap_or_else(|failure| {
            log::error!("cannot store a message: {failure}");
            Vec::new()
        });
        let of = |recipient: &Recipient| {
            let found = outcomes.iter().find(|(inbox, _)| *inbox == recipient.inbox);
            found.map_or(Err(LOCAL_ERROR), |(_, outcome)| *outcome)
        };
        if self.service.is_lmtp {
            for recipient in &recipients {
                match of(recipient) {
                    Ok(()) => {
                        transport.send_line(format!("250 2.0.0 <{}> has it", recipient.address))
                    }
                    Err(refusal) => transport.send_line(refusal),
                }
            }
        } else {
            let outcome: Result<(), Refusal> = recipients.iter().try_for_each(of);
            transport.send_line(outcome.err().unwrap_or("250 2.0.0 received"));
        }
        self.stop_if_due(transport);
        transport.resume_producing();
    }
}
