mod agreed;
mod greeting;
mod handle;
mod hello;
mod server_hello;
mod surroundings;
#[cfg(test)]
mod tests;

use rustls::client::UnbufferedClientConnection;
use rustls::server::UnbufferedServerConnection;
use rustls::{AlertDescription, CommonState, InvalidMessage};

use self::agreed::{agreed, asked_for, hello_random};
use self::greeting::{Greeting, fatal};
use self::handle::{Next, Outgoing, Sent, handle, send};
use self::server_hello::server_hello;
pub(crate) use self::surroundings::{Event, Nothing, Surroundings};
use crate::TlsError;
use crate::buffers::Ciphertext;
use crate::exporter::Exporter;
use crate::record::{MAX_RECORD, begins_record, is_close_notify, is_one, missing};
use crate::role::Side;
use crate::witness::{Notes, taking_notes};

/// One side of a TLS connection, without a transport and without a clock: bytes in, events and
/// records out. The only place that names rustls's connections.
///
/// What is evil here, and what is done about it:
/// - rustls must see the same bytes again until it says `discard`: a handshake message in several
///   records stays in the buffer, decrypted, and every call has to show it. So what rustls has seen
///   and not discarded is in `incoming`, and each call shows all of it.
/// - Nothing may be shown to rustls behind the peer's close_notify, and what is behind it must come
///   out exact. So `incoming` takes no more than the end of the record that it begins with, and all
///   else is processed where it came, in the caller's buffer.
/// - After an error rustls still has an alert to send, but must not be shown input again.
/// - The first bytes of application data may come out of the same call that completes the
///   handshake; the event comes first all the same.
pub(crate) struct Session {
    connection: Connection,
    /// What rustls has seen and not discarded: part of a record, or of a handshake message. Mostly
    /// nothing, and no memory then.
    incoming: Vec<u8>,
    /// Where in `incoming` the record begins that is not whole.
    boundary: usize,
    /// What is learned of the handshake, until that is over.
    notes: Option<Box<Notes>>,
    state: State,
    /// A byte that cannot begin a record ends TLS, as close_notify does.
    clear_ends: bool,
    /// We have sent close_notify: no alert can follow it.
    notified: bool,
}

enum Connection {
    Client(Box<UnbufferedClientConnection>),
    Server(Box<UnbufferedServerConnection>),
    /// A server that has not answered yet.
    Greeting(Box<Greeting>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Handshaking,
    Open,
    /// The peer has sent close_notify.
    PeerClosed,
    /// The session has failed.
    Failed,
}

/// In a box, since results are handed up for every record, and errors are large and come once.
pub(crate) type Failure = Box<TlsError>;

/// The largest handshake message.
pub(crate) const HANDSHAKE_LIMIT: usize = 1 << 16;

impl Session {
    pub(crate) fn new(side: &Side) -> Result<Self, TlsError> {
        let mut notes = Box::<Notes>::default();
        let connection = match side.clone() {
            Side::Server(config) => Connection::Greeting(Greeting::with(config)?.into()),
            Side::Choosing(choose) => Connection::Greeting(Greeting::choosing(choose).into()),
            Side::Client(config, name) => {
                notes.server_name = asked_for(&config, &name);
                Connection::Client(UnbufferedClientConnection::new(config, name)?.into())
            }
        };
        Ok(Session {
            connection,
            incoming: Vec::new(),
            boundary: 0,
            notes: Some(notes),
            state: State::Handshaking,
            clear_ends: false,
            notified: false,
        })
    }

    /// Processes `input` in place. Returns how many bytes were used; the others were not looked at,
    /// since the surroundings want no more, or the peer has closed.
    ///
    /// What is to be answered goes to the surroundings before each event, and what is left of it is
    /// in `out`. After an error that is the alert, and nothing else can be sent.
    pub(crate) fn receive(
        &mut self,
        input: &mut [u8],
        out: &mut Ciphertext,
        around: &impl Surroundings,
    ) -> Result<usize, Failure> {
        let usual = self.state == State::Open && !self.notified && self.incoming.is_empty();
        let received = if usual && is_one(input) {
            self.receive_one(input, out, around)
        } else {
            self.receive_all(input, out, around)
        };
        if received.is_err() {
            self.state = State::Failed;
            self.incoming = Vec::new();
            self.send_queued(out);
            let told = matches!(&received, Err(error) if matches!(**error, TlsError::PeerAlert(_)));
            let unanswered = match &self.connection {
                Connection::Server(server) => server.protocol_version().is_none(),
                _ => false,
            };
            if unanswered && out.is_empty() && !told {
                // Where rustls has nothing to say to what is not a ClientHello.
                out.push(&fatal(AlertDescription::DecodeError));
            }
        }
        received
    }

    /// Sends what needs no input: a client's first flight.
    pub(crate) fn start(&mut self, out: &mut Ciphertext) -> Result<(), Failure> {
        self.receive(&mut [], out, &Nothing)?;
        if let Some(notes) = &mut self.notes {
            notes.sent_random = hello_random(out.bytes());
        }
        Ok(())
    }

    /// From here on the peer may end TLS by going on in clear, without close_notify.
    pub(crate) fn let_clear_end(&mut self) {
        self.clear_ends = true;
    }

    /// Turns `plaintext` into as few records as possible. On an error the alert is in `out`.
    pub(crate) fn encrypt(
        &mut self,
        plaintext: &[u8],
        out: &mut Ciphertext,
    ) -> Result<(), Failure> {
        self.send(Outgoing::Data(plaintext), out)
    }

    /// Ends our side: nothing can be encrypted after it.
    pub(crate) fn close_notify(&mut self, out: &mut Ciphertext) -> Result<(), Failure> {
        self.notified = true;
        self.send(Outgoing::CloseNotify, out)
    }

    /// Takes new keys for what is encrypted next, and asks the peer to take new ones too.
    #[cold]
    pub(crate) fn update_keys(&mut self, out: &mut Ciphertext) -> Result<(), Failure> {
        self.send(Outgoing::KeyUpdate, out)?;
        self.send_queued(out);
        Ok(())
    }

    // Inlined, so that either kind has code of its own.
    #[inline(always)]
    fn send(&mut self, what: Outgoing<'_>, out: &mut Ciphertext) -> Result<(), Failure> {
        loop {
            let incoming = &mut self.incoming;
            let (discard, sent) = match &mut self.connection {
                Connection::Client(client) => send(client.process_tls_records(incoming), what, out),
                Connection::Server(server) => send(server.process_tls_records(incoming), what, out),
                Connection::Greeting(_) => {
                    let early = TlsError::from(rustls::Error::HandshakeNotComplete);
                    (0, Sent::Failed(early.into()))
                }
            };
            if discard > 0 {
                incoming.drain(..discard);
            }
            match sent {
                Sent::Done => return Ok(()),
                Sent::NotYet => {}
                Sent::Failed(error) => {
                    self.state = State::Failed;
                    self.send_queued(out);
                    return Err(error);
                }
            }
        }
    }

    /// The usual case: one whole record in a connection that is open, with nothing before it.
    #[inline]
    fn receive_one(
        &mut self,
        input: &mut [u8],
        out: &mut Ciphertext,
        around: &impl Surroundings,
    ) -> Result<usize, Failure> {
        let first = &mut Vec::new();
        let handled = self.connection.show(input, false, first, out, around)?;
        if handled == (input.len(), Next::Data) {
            self.seal_written(out, around)?;
            if !self.wants_write() {
                return Ok(input.len());
            }
        }
        self.receive_rest(input, Some(handled), out, around)
    }

    fn receive_all(
        &mut self,
        input: &mut [u8],
        out: &mut Ciphertext,
        around: &impl Surroundings,
    ) -> Result<usize, Failure> {
        let mut used = 0;
        // First what began in an earlier call, record by record; then all that came, where it is.
        while !self.incoming.is_empty() && used < input.len() && self.is_receiving() {
            let piece = missing(&self.incoming, &mut self.boundary).min(input.len() - used);
            self.incoming.extend_from_slice(&input[used..used + piece]);
            used += piece;
            let mut incoming = std::mem::take(&mut self.incoming);
            let more = used < input.len();
            let progress = self.process(&mut incoming, None, more, out, around)?;
            if progress.discarded > 0 {
                incoming.drain(..progress.discarded);
                self.boundary = 0;
            }
            if !incoming.is_empty() {
                self.incoming = incoming;
            }
            // rustls counts the message itself; in small records it takes nearly twice the room.
            if self.incoming.len() > 2 * HANDSHAKE_LIMIT + MAX_RECORD {
                return Err(TlsError::HandshakeTooLarge(HANDSHAKE_LIMIT).into());
            }
            if progress.stopped {
                return Ok(used);
            }
        }
        if !self.is_receiving() || !self.incoming.is_empty() {
            return Ok(used);
        }
        Ok(used + self.receive_rest(&mut input[used..], None, out, around)?)
    }

    /// Receives all that came, where it is. rustls may have been shown it, and `begun` is what
    /// followed.
    fn receive_rest(
        &mut self,
        input: &mut [u8],
        begun: Option<(usize, Next)>,
        out: &mut Ciphertext,
        around: &impl Surroundings,
    ) -> Result<usize, Failure> {
        let progress = self.process(input, begun, false, out, around)?;
        if progress.stopped || !self.is_receiving() {
            return Ok(progress.discarded);
        }
        let rest = &input[progress.discarded..];
        if !rest.is_empty() {
            // With room for the rest of its record, which is copied once then.
            let room = rest.len() + missing(rest, &mut 0).min(MAX_RECORD);
            self.incoming = Vec::with_capacity(room);
            self.incoming.extend_from_slice(rest);
        }
        Ok(input.len())
    }

    fn is_receiving(&self) -> bool {
        matches!(self.state, State::Handshaking | State::Open)
    }

    /// Shows `input` to rustls until it wants more, which is to come if there is `more`. `incoming`
    /// is empty meanwhile.
    fn process(
        &mut self,
        input: &mut [u8],
        mut begun: Option<(usize, Next)>,
        more: bool,
        out: &mut Ciphertext,
        around: &impl Surroundings,
    ) -> Result<Progress, Failure> {
        let mut progress = Progress {
            discarded: 0,
            stopped: false,
        };
        if let Connection::Greeting(greeting) = &mut self.connection {
            let Some(answer) = greeting.read(input, out)? else {
                return Ok(progress);
            };
            self.connection = Connection::Server(answer.server.into());
            if let Some(notes) = &mut self.notes {
                notes.server_name = answer.server_name;
            }
        }
        loop {
            let rest = &mut input[progress.discarded..];
            if self.notified && rest.first().is_some_and(|byte| !begins_record(*byte)) {
                // Not for rustls, which would want to send an alert.
                if !self.clear_ends {
                    return Err(TlsError::NotTlsPeer(InvalidMessage::InvalidContentType).into());
                }
                self.peer_closed(out, around);
                return Ok(progress);
            }
            let handshaking = self.state == State::Handshaking;
            if handshaking && is_close_notify(rest) {
                // rustls takes it for a warning, and would wait for more.
                return Err(TlsError::PeerAlert(AlertDescription::CloseNotify).into());
            }
            let mut first = Vec::new();
            let (discard, next) = match begun.take() {
                Some(begun) => begun,
                None if handshaking => self.show_noting(rest, &mut first, out, around)?,
                None => self.connection.show(rest, false, &mut first, out, around)?,
            };
            progress.discarded += discard;
            let completed = handshaking && self.complete(&first, out, around);
            match next {
                _ if completed => {}
                Next::Data => {}
                Next::Again => continue,
                Next::PeerClosed => {
                    self.peer_closed(out, around);
                    return Ok(progress);
                }
                Next::Blocked => return Ok(progress),
            }
            self.seal_written(out, around)?;
            let behind = more || progress.discarded < input.len();
            if behind && !around.wants_more() {
                // What the handshake still sends is not held back.
                self.send_queued(out);
                progress.stopped = true;
                return Ok(progress);
            }
            if !behind && !self.wants_write() && next == Next::Data {
                // The usual end.
                return Ok(progress);
            }
        }
    }

    /// Shows input of the handshake to rustls, and takes notes.
    #[cold]
    fn show_noting(
        &mut self,
        input: &mut [u8],
        first: &mut Vec<u8>,
        out: &mut Ciphertext,
        around: &impl Surroundings,
    ) -> Result<(usize, Next), Failure> {
        let connection = &mut self.connection;
        let is_client = matches!(connection, Connection::Client(_));
        // Of a client before, since rustls decrypts what it is shown in place.
        let received = is_client.then(|| server_hello(input)).flatten();
        let shown = taking_notes(&mut self.notes, || {
            connection.show(input, true, first, out, around)
        });
        let sent = || server_hello(out.bytes()).filter(|_| !is_client);
        if let Some(notes) = &mut self.notes
            && let Some(hello) = received.or_else(sent)
        {
            notes.server_hello = Some(hello);
        }
        shown
    }

    /// The event of the handshake, if that is over now, and then that of the data that came in the
    /// same call.
    #[cold]
    fn complete(&mut self, first: &[u8], out: &mut Ciphertext, around: &impl Surroundings) -> bool {
        let common = self.connection.common();
        let over = common.filter(|common| !common.is_handshaking());
        let Some((common, notes)) = over.zip(self.notes.as_deref_mut()) else {
            return false;
        };
        let Some(info) = agreed(common, notes) else {
            return false;
        };
        let exporter = Exporter::new(common, notes);
        self.notes = None;
        self.state = State::Open;
        out.send_to(around);
        around.hear(Event::Completed(info, exporter.map(Box::new)));
        if !first.is_empty() {
            around.hear(Event::Data(first));
        }
        true
    }

    /// Seals what was written in answer to an event, before the next record is looked at: if that
    /// one is bad, no record can be sealed.
    ///
    /// Behind an event rustls holds no part of a handshake message, so it need not be shown any.
    #[inline]
    fn seal_written(
        &mut self,
        out: &mut Ciphertext,
        around: &impl Surroundings,
    ) -> Result<(), Failure> {
        let Some(written) = around.take_written() else {
            return Ok(());
        };
        self.encrypt(written.bytes(), out)?;
        around.send_sealed(out.bytes(), written);
        out.clear();
        Ok(())
    }

    fn peer_closed(&mut self, out: &mut Ciphertext, around: &impl Surroundings) {
        self.state = State::PeerClosed;
        out.send_to(around);
        around.hear(Event::PeerClosed);
    }

    fn wants_write(&self) -> bool {
        self.connection
            .common()
            .is_some_and(CommonState::wants_write)
    }

    /// What rustls has queued without being asked: an alert, a ticket, an answer to KeyUpdate. It
    /// is sent before any input is looked at.
    fn send_queued(&mut self, out: &mut Ciphertext) {
        while self.wants_write() {
            let incoming = &mut self.incoming;
            let first = &mut Vec::new();
            let shown = self.connection.show(incoming, true, first, out, &Nothing);
            let Ok((discard, next)) = shown else {
                return;
            };
            incoming.drain(..discard);
            if next != Next::Again {
                return;
            }
        }
    }
}

impl Connection {
    fn common(&self) -> Option<&CommonState> {
        match self {
            Connection::Client(client) => Some(client),
            Connection::Server(server) => Some(server),
            Connection::Greeting(_) => None,
        }
    }

    /// Shows input to rustls, and handles what it says: see [`handle`].
    // Inlined, so that either kind has code of its own.
    #[inline(always)]
    fn show(
        &mut self,
        input: &mut [u8],
        handshaking: bool,
        first: &mut Vec<u8>,
        out: &mut Ciphertext,
        around: &impl Surroundings,
    ) -> Result<(usize, Next), Failure> {
        match self {
            Connection::Client(client) => {
                let status = client.process_tls_records(input);
                handle(status, handshaking, first, out, around)
            }
            Connection::Server(server) => {
                let status = server.process_tls_records(input);
                handle(status, handshaking, first, out, around)
            }
            Connection::Greeting(_) => Ok((0, Next::Blocked)),
        }
    }
}

struct Progress {
    discarded: usize,
    /// The surroundings want no more.
    stopped: bool,
}
