use std::ops::ControlFlow;
use std::sync::Arc;

use rustls::client::UnbufferedClientConnection;
use rustls::server::{Acceptor, UnbufferedServerConnection};
use rustls::unbuffered::{
    ConnectionState, EncodeError, EncodeTlsData, EncryptError, UnbufferedStatus, WriteTraffic,
};
use rustls::{AlertDescription, CommonState, HandshakeKind, InvalidMessage, ServerConfig};

use crate::hello::{Hello, HelloReader};
use crate::records::{HEADER, MAX_RECORD, Records, begins_record, missing};
use crate::role::{Choose, Side};
use crate::{TlsError, TlsInfo};

/// One side of a TLS connection, without a transport and without a clock: bytes in, events and records out. The only place that
/// names rustls's connections.
///
/// What is evil here, and what is done about it:
/// - rustls must see the same bytes again until it says `discard`: a handshake message in several records stays in the buffer, decrypted,
///   and every call has to show it. So what rustls has seen and not discarded is in `incoming`, and each call shows all of it.
/// - Nothing may be shown to rustls behind the peer's close_notify, and what is behind it must come out exact. So `incoming` takes no
///   more than the end of the record that it begins with, and all else is processed where it came, in the caller's buffer.
/// - After an error rustls still has an alert to send, but must not be shown input again.
/// - The first bytes of application data may come out of the same call that completes the handshake; the event comes first all the same.
pub(crate) struct Session {
    connection: Connection,
    /// What rustls has seen and not discarded: part of a record, or of a handshake message. Mostly nothing, and no memory then.
    incoming: Vec<u8>,
    /// Where in `incoming` the record begins that is not whole.
    boundary: usize,
    server_name: Option<Box<str>>,
    state: State,
    /// A byte that cannot begin a record ends TLS, as close_notify does.
    clear_ends: bool,
    /// We have sent close_notify: no alert can follow it.
    notified: bool,
}

enum Connection {
    Client(Box<UnbufferedClientConnection>),
    Server(Box<UnbufferedServerConnection>),
    /// A server that is still reading the ClientHello: nothing has been answered.
    Hello(Box<(HelloReader, Choice)>),
}

enum Choice {
    Made(Arc<ServerConfig>),
    Asked(Choose),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Handshaking,
    Open,
    /// The peer has sent close_notify.
    PeerClosed,
    /// Nothing makes sense any more.
    Failed,
}

/// What comes of received bytes, in order.
pub(crate) enum Event<'a> {
    /// Both sides know each other; application data may follow.
    Completed(TlsInfo),
    /// Application data, of one record at most.
    Data(&'a [u8]),
    /// The peer's close_notify: it is the last event.
    PeerClosed,
}

/// The largest handshake message, and what may be buffered of it with its records' headers.
pub(crate) const HANDSHAKE_LIMIT: usize = 1 << 16;

impl Session {
    pub(crate) fn new(side: &Side) -> Result<Self, TlsError> {
        let hello = |choice| Connection::Hello(Box::new((HelloReader::default(), choice)));
        let connection = match side.clone() {
            Side::Server(config) => hello(Choice::Made(accepted(config)?)),
            Side::Choosing(choose) => hello(Choice::Asked(choose)),
            Side::Client(config, name) => {
                Connection::Client(UnbufferedClientConnection::new(config, name)?.into())
            }
        };
        Ok(Session {
            connection,
            incoming: Vec::new(),
            boundary: 0,
            server_name: None,
            state: State::Handshaking,
            clear_ends: false,
            notified: false,
        })
    }

    /// Processes `input` in place, and what is to be answered goes to `out`. `event` may break: the record that it was told of is
    /// used up, and nothing behind it. Returns how many bytes were used; the rest was not looked at.
    ///
    /// After an error there is nothing to do but to send what is in `out`: the alert is in it.
    pub(crate) fn receive(
        &mut self,
        input: &mut [u8],
        out: &mut Records,
        mut event: impl FnMut(Event<'_>) -> ControlFlow<()>,
    ) -> Result<usize, TlsError> {
        let answered = !matches!(self.connection, Connection::Hello(_));
        let received = self.receive_all(input, out, &mut event);
        if received.is_err() {
            self.state = State::Failed;
            self.incoming = Vec::new();
            self.send_queued(out);
            if matches!(self.connection, Connection::Server(_))
                && !answered
                && out.bytes().is_empty()
            {
                // Where rustls has nothing to say to what is no ClientHello.
                out.push(&fatal(AlertDescription::DecodeError));
            }
        }
        received
    }

    /// Sends what needs no input: a client's first flight.
    pub(crate) fn start(&mut self, out: &mut Records) -> Result<(), TlsError> {
        self.receive(&mut [], out, |_| ControlFlow::Continue(()))
            .map(|_| ())
    }

    /// From here on the peer may end TLS by going on in clear, without close_notify.
    pub(crate) fn let_clear_end(&mut self) {
        self.clear_ends = true;
    }

    /// Turns `plaintext` into as few records as possible. On an error the alert is in `out`.
    pub(crate) fn encrypt(&mut self, plaintext: &[u8], out: &mut Records) -> Result<(), TlsError> {
        self.send(Outgoing::Data(plaintext), out)
    }

    /// Ends our side: nothing can be encrypted after it.
    pub(crate) fn close_notify(&mut self, out: &mut Records) -> Result<(), TlsError> {
        self.notified = true;
        self.send(Outgoing::CloseNotify, out)
    }

    fn send(&mut self, what: Outgoing<'_>, out: &mut Records) -> Result<(), TlsError> {
        let sent = loop {
            let incoming = &mut self.incoming;
            let (discard, sent) = match &mut self.connection {
                Connection::Client(client) => send(client.process_tls_records(incoming), what, out),
                Connection::Server(server) => send(server.process_tls_records(incoming), what, out),
                Connection::Hello(_) => (0, Some(Err(rustls::Error::HandshakeNotComplete))),
            };
            incoming.drain(..discard);
            if let Some(sent) = sent {
                break sent;
            }
        };
        sent.map_err(|error| {
            self.state = State::Failed;
            self.send_queued(out);
            error.into()
        })
    }

    fn receive_all(
        &mut self,
        input: &mut [u8],
        out: &mut Records,
        event: &mut dyn FnMut(Event<'_>) -> ControlFlow<()>,
    ) -> Result<usize, TlsError> {
        let mut used = 0;
        // First what began in an earlier call, record by record; then all that came, where it is.
        while !self.incoming.is_empty() && used < input.len() && self.is_receiving() {
            let piece = missing(&self.incoming, &mut self.boundary).min(input.len() - used);
            self.incoming.extend_from_slice(&input[used..used + piece]);
            used += piece;
            let mut incoming = std::mem::take(&mut self.incoming);
            let progress = self.process(&mut incoming, out, event);
            if progress.discarded > 0 {
                incoming.drain(..progress.discarded);
                self.boundary = 0;
            }
            if !incoming.is_empty() {
                self.incoming = incoming;
            }
            progress.outcome?;
            if self.incoming.len() > HANDSHAKE_LIMIT + MAX_RECORD {
                return Err(TlsError::HandshakeTooLarge(HANDSHAKE_LIMIT));
            }
            if progress.stopped {
                return Ok(used);
            }
        }
        if !self.is_receiving() || !self.incoming.is_empty() {
            return Ok(used);
        }
        let progress = self.process(&mut input[used..], out, event);
        used += progress.discarded;
        progress.outcome?;
        if progress.stopped || !self.is_receiving() {
            return Ok(used);
        }
        self.incoming = input[used..].to_vec();
        Ok(input.len())
    }

    fn is_receiving(&self) -> bool {
        matches!(self.state, State::Handshaking | State::Open)
    }

    /// Shows `input` to rustls until it wants more. `incoming` is empty meanwhile.
    fn process(
        &mut self,
        input: &mut [u8],
        out: &mut Records,
        event: &mut dyn FnMut(Event<'_>) -> ControlFlow<()>,
    ) -> Progress {
        let mut progress = Progress {
            discarded: 0,
            stopped: false,
            outcome: Ok(()),
        };
        if let Connection::Hello(hello) = &mut self.connection {
            let (reader, choice) = &mut **hello;
            match answer_hello(reader, choice, input, out) {
                Ok(None) => return progress,
                Ok(Some((server, name))) => {
                    self.connection = Connection::Server(server.into());
                    self.server_name = name;
                }
                Err(error) => {
                    progress.outcome = Err(error);
                    return progress;
                }
            }
        }
        loop {
            let rest = &mut input[progress.discarded..];
            if self.notified && rest.first().is_some_and(|byte| !begins_record(*byte)) {
                // Not for rustls, which would want to send an alert.
                if self.clear_ends {
                    self.state = State::PeerClosed;
                    let _last = event(Event::PeerClosed);
                } else {
                    progress.outcome =
                        Err(TlsError::NotTlsPeer(InvalidMessage::InvalidContentType));
                }
                return progress;
            }
            let handshaking = self.state == State::Handshaking;
            let step = match &mut self.connection {
                Connection::Client(client) => {
                    step(client.process_tls_records(rest), handshaking, out, event)
                }
                Connection::Server(server) => {
                    step(server.process_tls_records(rest), handshaking, out, event)
                }
                Connection::Hello(_) => return progress,
            };
            progress.discarded += step.discard;
            if handshaking
                && !matches!(step.next, Next::Failed(_))
                && let Some(info) = self.info()
            {
                self.state = State::Open;
                progress.stopped |= event(Event::Completed(info)).is_break();
            }
            match step.next {
                Next::Again => {}
                Next::First(data) => progress.stopped |= event(Event::Data(&data)).is_break(),
                Next::Delivered(flow) => {
                    progress.stopped |= flow.is_break();
                    // The usual end: all is used, and there is nothing to answer.
                    if progress.discarded == input.len() && !self.wants_write() {
                        return progress;
                    }
                }
                Next::PeerClosed => {
                    self.state = State::PeerClosed;
                    let _last = event(Event::PeerClosed);
                    return progress;
                }
                Next::Blocked => return progress,
                Next::Failed(error) => {
                    progress.outcome = Err(error);
                    return progress;
                }
            }
            if progress.stopped {
                return progress;
            }
        }
    }

    /// What was agreed on, once it is.
    fn info(&mut self) -> Option<TlsInfo> {
        let common = self.common()?;
        if common.is_handshaking() {
            return None;
        }
        Some(TlsInfo {
            version: common.protocol_version()?,
            cipher_suite: common.negotiated_cipher_suite()?.suite(),
            key_exchange: common
                .negotiated_key_exchange_group()
                .map(|group| group.name()),
            alpn_protocol: common.alpn_protocol().map(Into::into),
            peer_certificates: common.peer_certificates().unwrap_or_default().into(),
            resumed: common.handshake_kind() == Some(HandshakeKind::Resumed),
            server_name: self.server_name.take(),
        })
    }

    fn common(&self) -> Option<&CommonState> {
        match &self.connection {
            Connection::Client(client) => Some(client),
            Connection::Server(server) => Some(server),
            Connection::Hello(_) => None,
        }
    }

    fn wants_write(&self) -> bool {
        self.common().is_some_and(CommonState::wants_write)
    }

    /// What rustls has queued without being asked: an alert, a ticket, an answer to KeyUpdate. It is sent before any input is looked at.
    fn send_queued(&mut self, out: &mut Records) {
        while self.wants_write() {
            let ignore = &mut |_: Event<'_>| ControlFlow::Break(());
            let incoming = &mut self.incoming;
            let step = match &mut self.connection {
                Connection::Client(client) => {
                    step(client.process_tls_records(incoming), true, out, ignore)
                }
                Connection::Server(server) => {
                    step(server.process_tls_records(incoming), true, out, ignore)
                }
                Connection::Hello(_) => return,
            };
            incoming.drain(..step.discard);
            if !matches!(step.next, Next::Again) {
                return;
            }
        }
    }
}

struct Progress {
    discarded: usize,
    /// The receiver of the events has had enough.
    stopped: bool,
    outcome: Result<(), TlsError>,
}

struct Step {
    discard: usize,
    next: Next,
}

enum Next {
    Again,
    /// Application data that came out of a call that began in the handshake: who waits for the handshake is to hear of that first.
    First(Vec<u8>),
    Delivered(ControlFlow<()>),
    PeerClosed,
    Blocked,
    Failed(TlsError),
}

/// Handles one state of rustls.
fn step<Data>(
    status: UnbufferedStatus<'_, '_, Data>,
    handshaking: bool,
    out: &mut Records,
    event: &mut dyn FnMut(Event<'_>) -> ControlFlow<()>,
) -> Step {
    let UnbufferedStatus { mut discard, state } = status;
    let next = match state {
        Err(error) => Next::Failed(error.into()),
        Ok(ConnectionState::ReadTraffic(mut traffic)) => {
            let mut first = Vec::new();
            let mut flow = ControlFlow::Continue(());
            let mut failed = None;
            while let Some(record) = traffic.next_record() {
                match record {
                    Ok(record) => {
                        discard += record.discard;
                        match handshaking {
                            true => first.extend_from_slice(record.payload),
                            false => flow = event(Event::Data(record.payload)),
                        }
                    }
                    Err(error) => failed = Some(error),
                }
            }
            match failed {
                Some(error) => Next::Failed(error.into()),
                None if handshaking => Next::First(first),
                None => Next::Delivered(flow),
            }
        }
        Ok(ConnectionState::EncodeTlsData(data)) => {
            encode(data, out);
            Next::Again
        }
        Ok(ConnectionState::TransmitTlsData(data)) => {
            data.done();
            Next::Again
        }
        Ok(ConnectionState::ReadEarlyData(_)) => Next::Failed(TlsError::EarlyData),
        Ok(ConnectionState::PeerClosed) => Next::PeerClosed,
        Ok(_) => Next::Blocked,
    };
    Step { discard, next }
}

/// Puts a message of rustls's own into `out`.
fn encode<Data>(mut data: EncodeTlsData<'_, Data>, out: &mut Records) {
    // The first try asks how much room it takes.
    let mut room = 0;
    loop {
        match data.encode(out.room(room)) {
            Ok(written) => return out.advance(written),
            Err(EncodeError::InsufficientSize(size)) if size.required_size > room => {
                room = size.required_size;
            }
            Err(_) => return,
        }
    }
}

#[derive(Clone, Copy)]
enum Outgoing<'a> {
    Data(&'a [u8]),
    CloseNotify,
}

/// Sends once rustls is ready for it; none while it has something of its own to send first. Returns what to discard, too.
fn send<Data>(
    status: UnbufferedStatus<'_, '_, Data>,
    what: Outgoing<'_>,
    out: &mut Records,
) -> (usize, Option<Result<(), rustls::Error>>) {
    let UnbufferedStatus { discard, state } = status;
    let sent = match state {
        Ok(ConnectionState::WriteTraffic(traffic)) => Some(seal(traffic, what, out)),
        Ok(ConnectionState::EncodeTlsData(data)) => {
            encode(data, out);
            None
        }
        Ok(ConnectionState::TransmitTlsData(data)) => {
            data.done();
            None
        }
        Ok(_) => Some(Err(rustls::Error::HandshakeNotComplete)),
        Err(error) => Some(Err(error)),
    };
    (discard, sent)
}

fn seal<Data>(
    mut traffic: WriteTraffic<'_, Data>,
    what: Outgoing<'_>,
    out: &mut Records,
) -> Result<(), rustls::Error> {
    // More than any cipher suite adds, for each record of at most 16 KiB.
    const EXPANSION: usize = 64;
    let mut room = match what {
        Outgoing::Data(data) => data.len() + EXPANSION * (1 + data.len() / (1 << 14)),
        Outgoing::CloseNotify => EXPANSION,
    };
    loop {
        let sealed = match what {
            Outgoing::Data(data) => traffic.encrypt(data, out.room(room)),
            Outgoing::CloseNotify => traffic.queue_close_notify(out.room(room)),
        };
        match sealed {
            Ok(written) => {
                out.advance(written);
                return Ok(());
            }
            Err(EncryptError::InsufficientSize(size)) if size.required_size > room => {
                room = size.required_size;
            }
            Err(_) => return Err(rustls::Error::EncryptError),
        }
    }
}

fn accepted(config: Arc<ServerConfig>) -> Result<Arc<ServerConfig>, TlsError> {
    match config.max_early_data_size {
        0 => Ok(config),
        _ => Err(TlsError::EarlyData),
    }
}

/// The server's connection, once the whole ClientHello is there, and the name in it. Nothing of `input` is used up.
fn answer_hello(
    reader: &mut HelloReader,
    choice: &Choice,
    input: &[u8],
    out: &mut Records,
) -> Result<Option<(UnbufferedServerConnection, Option<Box<str>>)>, TlsError> {
    let name = match reader.read(input) {
        Hello::Incomplete if input.len() > HANDSHAKE_LIMIT => {
            out.push(&fatal(AlertDescription::DecodeError));
            return Err(TlsError::HandshakeTooLarge(HANDSHAKE_LIMIT));
        }
        Hello::Incomplete => return Ok(None),
        Hello::Complete(name) => name,
        Hello::Foreign if input.len() < HEADER => return Ok(None),
        Hello::Foreign => None,
    };
    let config = match choice {
        Choice::Made(config) => config.clone(),
        Choice::Asked(choose) => match choose_config(choose, input, out)? {
            Some(config) => config,
            None => return Ok(None),
        },
    };
    Ok(Some((UnbufferedServerConnection::new(config)?, name)))
}

/// Shows the ClientHello to who chooses.
fn choose_config(
    choose: &Choose,
    mut input: &[u8],
    out: &mut Records,
) -> Result<Option<Arc<ServerConfig>>, TlsError> {
    let mut acceptor = Acceptor::default();
    loop {
        match acceptor.accept() {
            Ok(Some(accepted)) => {
                let Some(config) = choose(&accepted.client_hello()) else {
                    out.push(&fatal(AlertDescription::UnrecognisedName));
                    return Err(TlsError::Refused);
                };
                return self::accepted(config).map(Some);
            }
            Ok(None) if input.is_empty() => return Ok(None),
            Ok(None) => {
                if !matches!(acceptor.read_tls(&mut input), Ok(1..)) {
                    return Err(rustls::Error::HandshakeNotComplete.into());
                }
            }
            Err((error, mut alert)) => {
                let mut bytes = Vec::new();
                // Into memory, which does not fail.
                let _ = alert.write_all(&mut bytes);
                out.push(&bytes);
                return Err(error.into());
            }
        }
    }
}

/// A fatal alert in clear, for what is refused before rustls has seen it (RFC 8446 6).
fn fatal(alert: AlertDescription) -> [u8; 7] {
    [21, 3, 3, 0, 2, 2, alert.into()]
}

#[cfg(test)]
mod tests;
