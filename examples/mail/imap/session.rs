//! The conversation with one client: what may come when, and what is under way.

use std::mem;
use std::rc::Rc;
use std::time::Duration;

use imap_codec::CommandCodec;
use imap_codec::decode::Decoder;
use imap_codec::imap_types::command::CommandBody;
use mail_store::{Notifier, Store, User};
use retwist::protocols::{Framed, LineReceiver, LineTransport, Lines};
use retwist::tls::{TlsRole, TlsTransport};
use retwist::{DelayedCall, Factory, Protocol, Reason, TransportRef, error_chain};

use crate::answer::Answer;
use crate::append::Append;
use crate::authenticate::Exchange;
use crate::idle::Idle;
use crate::input::{Announced, Input, Line};
use crate::job::Running;
use crate::login::Logins;
use crate::selected::Selected;

/// How long a line may be (RFC 7162 4: at least 8192 bytes).
const LINE_LIMIT: usize = 16 << 10;
/// How long a line may take from its first byte to its end, and a command with literals to its end.
const COMMAND_TIME: Duration = Duration::from_secs(60);
/// How long a client may take to say who it is.
const LOGIN_TIME: Duration = Duration::from_secs(3 * 60);
/// How long a client may say nothing (RFC 3501 5.4: at least 30 minutes).
const IDLE_TIME: Duration = Duration::from_secs(30 * 60);
/// How many commands may be wrong before the client has said who it is.
const MOST_MISTAKES: u32 = 20;

/// What all sessions have in common.
pub(crate) struct Service {
    pub(crate) store: Store,
    pub(crate) logins: Logins,
    pub(crate) tls: TlsRole,
    pub(crate) notifier: Notifier,
    /// The largest message that APPEND takes, in bytes.
    pub(crate) max_size: u64,
}

pub(crate) fn factory(service: &Rc<Service>) -> impl Factory + use<> {
    let service = service.clone();
    retwist::factory(move |_| protocol(&service))
}

/// The protocol of one connection.
pub(crate) fn protocol(service: &Rc<Service>) -> Framed<Lines, Session> {
    let session = Session::new(service.clone());
    Framed::new(Lines::new().limit(LINE_LIMIT), session).frame_timeout(COMMAND_TIME)
}

/// What a client hears that is one too many.
pub(crate) struct Busy;

impl Protocol for Busy {
    fn connection_made(&mut self, transport: &TransportRef) {
        transport.write(b"* BYE [UNAVAILABLE] too many connections\r\n");
        transport.lose_connection();
    }

    fn data_received(&mut self, _: &TransportRef, _: &[u8]) {}
}

pub(crate) struct Session {
    pub(crate) service: Rc<Service>,
    /// Who the client is, once it has shown it.
    pub(crate) user: Option<User>,
    pub(crate) selected: Option<Selected>,
    pub(crate) mode: Mode,
    /// A command whose answer takes more than one turn. No other is read meanwhile.
    pub(crate) running: Option<Running>,
    input: Input,
    /// When the command that has begun must be complete.
    deadline: Option<DelayedCall>,
    /// When the client must have said something.
    patience: Option<DelayedCall>,
    mistakes: u32,
    /// Logins that have failed.
    pub(crate) attempts: u32,
    /// Why the connection ends once the running command is answered.
    stopping: Option<&'static str>,
}

/// What the next bytes are.
pub(crate) enum Mode {
    Command,
    Literal,
    Append(Box<Append>),
    Authenticating(Box<Exchange>),
    Idling(Idle),
}

impl Session {
    fn new(service: Rc<Service>) -> Self {
        Session {
            service,
            user: None,
            selected: None,
            mode: Mode::Command,
            running: None,
            input: Input::default(),
            deadline: None,
            patience: None,
            mistakes: 0,
            attempts: 0,
            stopping: None,
        }
    }

    fn command_line(&mut self, transport: &LineTransport, line: &[u8]) {
        match self.input.line(line) {
            Line::Last => {
                self.stop_deadline();
                let input = mem::take(&mut self.input);
                self.execute(transport, &input);
            }
            Line::Literal(announced) => self.literal_announced(transport, announced),
            Line::Refused(why) => self.refuse(transport, why),
            Line::Fatal(why) => self.bye(transport, why),
        }
    }

    fn literal_announced(&mut self, transport: &LineTransport, announced: Announced) {
        self.start_deadline(transport, COMMAND_TIME);
        let command = self.input.with_stand_in(announced);
        if let Ok((_, command)) = CommandCodec::default().decode(&command)
            && let CommandBody::Append { .. } = command.body
        {
            return self.begin_append(transport, command, announced);
        }
        if !self.input.fits(announced.length) {
            return if announced.is_sent {
                self.bye(transport, "the literal is too long")
            } else {
                self.refuse(transport, "the literal is too long")
            };
        }
        self.input.expect(announced.length);
        if !announced.is_sent {
            transport.send_line("+ go on");
        }
        if announced.length > 0 {
            self.mode = Mode::Literal;
            transport.set_raw_mode();
        }
    }

    /// The command that has begun is not taken. The next line begins another.
    fn refuse(&mut self, transport: &LineTransport, why: &str) {
        self.stop_deadline();
        let tag = mem::take(&mut self.input).tag();
        self.mistake(transport, &tag, why);
    }

    /// Says what is wrong with a command. A peer that speaks another protocol hears it for a while only.
    pub(crate) fn mistake(&mut self, transport: &LineTransport, tag: &str, why: &str) {
        self.mistakes += 1;
        if self.user.is_none() && self.mistakes > MOST_MISTAKES {
            return self.bye(transport, "too many mistakes");
        }
        transport.send_line(format!("{tag} BAD {why}"));
    }

    fn execute(&mut self, transport: &LineTransport, input: &Input) {
        let parsed = CommandCodec::default().decode(&input.command);
        let Ok((&[], command)) = parsed else {
            return self.mistake(transport, &input.tag(), "unknown command");
        };
        let tag = command.tag.inner().to_owned();
        let may_expunge = !matches!(
            command.body,
            CommandBody::Fetch { uid: false, .. }
                | CommandBody::Store { uid: false, .. }
                | CommandBody::Search { uid: false, .. }
        );
        let mut out = Vec::new();
        let answer = self.dispatch(transport, &tag, command.body, &mut out);
        match answer {
            Answer::Later => {}
            Answer::Job(job) => self.start(transport, Running::new(tag, job, may_expunge)),
            answer => self.answer(transport, out, &tag, answer, may_expunge),
        }
    }

    /// Completes a command: what it has to say, then the news of the mailbox, then the tagged line.
    pub(crate) fn answer(
        &mut self,
        transport: &LineTransport,
        mut out: Vec<u8>,
        tag: &str,
        answer: Answer,
        may_expunge: bool,
    ) {
        let followed = self.follow(may_expunge, &mut out);
        answer.write(tag, &mut out);
        transport.write(&out);
        if let Some(why) = followed.err().or(self.stopping) {
            self.bye(transport, why);
        }
    }

    /// Ends the connection, and says why.
    pub(crate) fn bye(&mut self, transport: &LineTransport, why: &str) {
        transport.send_line(format!("* BYE {why}"));
        transport.lose_connection();
    }

    /// The same, once the command that is under way has its answer.
    pub(crate) fn bye_soon(&mut self, why: &'static str) {
        self.stopping = Some(why);
    }

    pub(crate) fn is_protected(transport: &LineTransport) -> bool {
        TlsTransport::of(transport).is_some()
    }

    /// A command with more than one piece has to be complete by then.
    pub(crate) fn start_deadline(&mut self, transport: &LineTransport, time: Duration) {
        match &self.deadline {
            Some(deadline) if deadline.active() => {}
            _ => {
                let late = |me: &mut Session, transport: &LineTransport| {
                    me.bye(transport, "the command takes too long");
                };
                self.deadline = Some(transport.call_later(time, self, late));
            }
        }
    }

    /// The command that is under way is kept elsewhere from now on.
    pub(crate) fn reset_input(&mut self) {
        self.input = Input::default();
        self.stop_deadline();
    }

    /// More of a message has come: a slow line has time for it, and a client that only seems to send has not.
    pub(crate) fn extend_deadline(&self, time: Duration) {
        if let Some(deadline) = &self.deadline {
            deadline.delay(time);
        }
    }

    pub(crate) fn stop_deadline(&mut self) {
        if let Some(deadline) = self.deadline.take() {
            deadline.cancel();
        }
    }

    /// The client has said who it is: from now on it has more time between two commands.
    pub(crate) fn logged_in(&mut self, transport: &LineTransport, user: User) {
        log::info!("{}: {} has logged in", transport.peer(), user.name());
        self.user = Some(user);
        self.await_client(transport, IDLE_TIME);
    }

    fn await_client(&mut self, transport: &LineTransport, time: Duration) {
        if let Some(patience) = self.patience.take() {
            patience.cancel();
        }
        let late = |me: &mut Session, transport: &LineTransport| {
            if me.running.is_some() {
                // In the middle of an answer that the client does not read.
                return transport.abort_connection();
            }
            me.bye(transport, "nothing has come for too long");
        };
        self.patience = Some(transport.call_later(time, self, late));
    }
}

impl LineReceiver for Session {
    fn connection_made(&mut self, transport: &LineTransport) {
        self.await_client(transport, LOGIN_TIME);
        let capabilities = self.capabilities(transport);
        transport.send_line(format!("* OK [CAPABILITY {capabilities}] retwist"));
    }

    fn line_received(&mut self, transport: &LineTransport, line: &[u8]) {
        if self.user.is_some()
            && let Some(patience) = &self.patience
        {
            patience.reset(IDLE_TIME);
        }
        match mem::replace(&mut self.mode, Mode::Command) {
            Mode::Authenticating(exchange) => self.exchange(transport, *exchange, line),
            Mode::Idling(idle) => self.end_idle(transport, idle, line),
            Mode::Append(append) => self.end_append(transport, *append, line),
            Mode::Command | Mode::Literal => self.command_line(transport, line),
        }
    }

    fn raw_data_received(&mut self, transport: &LineTransport, data: &[u8]) {
        let used = match &mut self.mode {
            Mode::Append(append) => {
                let (used, time) = append.take(data);
                let is_complete = append.is_complete();
                self.extend_deadline(time);
                (used, is_complete)
            }
            _ => self.input.literal(data),
        };
        if let (used, true) = used {
            if let Mode::Literal = self.mode {
                self.mode = Mode::Command;
            }
            transport.set_line_mode(&data[used..]);
        }
    }

    /// TLS has been put under the session. What came in clear may come from any host on the way, so it is forgotten.
    fn transport_switched(&mut self, _: &LineTransport) {
        self.input = Input::default();
        self.mode = Mode::Command;
        self.stop_deadline();
    }

    fn line_length_exceeded(&mut self, transport: &LineTransport, _: &[u8]) {
        self.bye(transport, "the line is too long");
    }

    /// A command that is under way gets its answer, as far as there is time for it, and no other is begun.
    fn shutting_down(&mut self, transport: &LineTransport) {
        let has_begun = match self.mode {
            Mode::Append(_) | Mode::Literal | Mode::Authenticating(_) => true,
            Mode::Command => !self.input.command.is_empty(),
            Mode::Idling(_) => false,
        };
        if self.running.is_some() || has_begun && transport.is_draining() {
            self.stopping = Some("the server stops");
        } else {
            self.bye(transport, "the server stops");
        }
    }

    /// A message that has not come whole is dropped with its draft.
    fn connection_lost(&mut self, reason: &Reason) {
        log::info!("{}", error_chain(reason));
        self.mode = Mode::Command;
        self.running = None;
    }
}
