mod receiving;

use std::io::{self, Cursor, Read};
use std::mem;
use std::rc::Rc;

use retwist_reactor::Reason;

use super::ImapOptions;
use super::client::{Updates, quoted};
use super::command::{Command, IdlePhase, Purpose};
use super::response::{Assembler, Response, Status, StatusKind};
use super::results::Update;
use super::values::Value;
use crate::mail::MailError;
use crate::mail::error::excerpt;
use crate::mail::queue::{Job, Queue, Wake};
use crate::sasl::{self, SaslClient, SaslError};
use crate::timer::Timer;
use crate::{FileSender, LineTransport, Lines};

/// The conversation with one server.
///
/// What is evil here is the server, and before TLS any host on the way. Invariants:
/// - One command is under way at a time, with a tag of its own; an end of any other command ends the
///   session.
/// - What was said before TLS does not live on, a PREAUTH among it: that one ends a session in which TLS is
///   required.
/// - No literal is stored whose size is above the limit of a response. The text of a message is handed on,
///   and never stored.
/// - While an answer is expected and the client is not paused, a timer runs.
pub(super) struct Session {
    options: ImapOptions,
    queue: Rc<Queue<Command>>,
    updates: Updates,
    state: State,
    responses: Assembler,
    /// The literal that arrives, if one does.
    literal: Option<Literal>,
    /// How many bytes the facts about the present command have had.
    collected: usize,
    capabilities: Vec<String>,
    last_tag: u64,
    under_tls: bool,
    authenticated: bool,
    /// What the server said when it said that it closes.
    bye: Option<MailError>,
    paused: bool,
    timer: Timer,
}

enum State {
    Greeting,
    /// CAPABILITY is under way.
    Capability,
    StartTls,
    Handshake,
    Auth(Box<SaslClient>),
    Login,
    Ready,
    Running(Box<Command>),
    Over,
}

struct Literal {
    left: u64,
    /// It is the text of the message that is fetched.
    is_message: bool,
}

/// How long a line may be.
const LINE_LIMIT: usize = 64 * 1024;
/// How many bytes the facts about one command may have: those of over 100,000 messages.
const COLLECTED_LIMIT: usize = 16 << 20;

impl Session {
    pub(super) fn new(options: ImapOptions, queue: Rc<Queue<Command>>, updates: Updates) -> Self {
        Session {
            under_tls: options.start_tls.is_on(),
            options,
            queue,
            updates,
            state: State::Greeting,
            responses: Assembler::default(),
            literal: None,
            collected: 0,
            capabilities: Vec::new(),
            last_tag: 0,
            authenticated: false,
            bye: None,
            paused: false,
            timer: Timer::default(),
        }
    }

    pub(super) fn framing() -> Lines {
        Lines::lf_or_crlf().limit(LINE_LIMIT)
    }

    /// The command that is to be answered, in an error.
    fn command(&self) -> &'static str {
        match &self.state {
            State::Greeting => "greeting",
            State::Capability => "CAPABILITY",
            State::StartTls | State::Handshake => "STARTTLS",
            State::Auth(_) => "AUTHENTICATE",
            State::Login => "LOGIN",
            State::Ready | State::Over => "nothing",
            State::Running(command) => command.name,
        }
    }

    fn wait(&mut self, transport: &LineTransport) {
        if self.paused {
            return;
        }
        let me = transport.me(self);
        let idles = matches!(&self.state, State::Running(command) if matches!(command.purpose, Purpose::Idle(IdlePhase::Idling, _)));
        let after = if idles {
            self.options.idle_time
        } else {
            self.options.timeout
        };
        self.timer.start(&transport.clock(), after, move || {
            me.call(move |session, transport| {
                if session.end_idle(transport) {
                    return;
                }
                let command = session.command();
                session.fail(transport, MailError::TimedOut { command, after });
            });
        });
    }

    fn say(&mut self, transport: &LineTransport, state: State, command: &str) {
        self.last_tag += 1;
        self.collected = 0;
        self.state = state;
        transport.send_line(format!("a{} {command}", self.last_tag));
        self.wait(transport);
    }

    fn fail(&mut self, transport: &LineTransport, error: MailError) {
        self.end(error.clone());
        transport.unregister_producer();
        transport.lose_connection_because(Reason::failed(error));
    }

    fn end(&mut self, error: MailError) {
        self.timer.stop();
        let state = mem::replace(&mut self.state, State::Over);
        self.queue.end(error.clone());
        if let State::Running(command) = state {
            command.fail(error);
        }
    }

    /// Whether what the server says is kept until it has said all of it.
    fn is_collecting(&self) -> bool {
        match &self.state {
            State::Running(command) => !matches!(command.purpose, Purpose::Idle(..)),
            State::Ready => false,
            _ => true,
        }
    }

    fn unexpected(&mut self, transport: &LineTransport, words: &str) {
        let command = self.command();
        let words = excerpt(words.as_bytes());
        self.fail(transport, MailError::Unexpected { command, words });
    }

    fn responded(&mut self, transport: &LineTransport, response: Response) {
        match response {
            Response::Continue(text) => self.continued(transport, &text),
            Response::Status(status) if status.tag.is_none() => self.remarked(transport, status),
            Response::Status(status) => self.ended(transport, status),
            Response::Data(values) => self.told(transport, &values),
        }
    }

    fn continued(&mut self, transport: &LineTransport, text: &str) {
        match &mut self.state {
            State::Auth(client) => {
                let response = sasl::decode(text).and_then(|challenge| client.respond(&challenge));
                match response {
                    Ok(response) => {
                        transport.send_line(sasl::encode(&response));
                        self.wait(transport);
                    }
                    Err(error) => self.fail(transport, error.into()),
                }
            }
            State::Running(command) => match &mut command.purpose {
                Purpose::Idle(phase @ IdlePhase::Asked, _) => {
                    *phase = IdlePhase::Idling;
                    self.wait(transport);
                    // A request may have come meanwhile.
                    if self.queue.has_more() {
                        self.end_idle(transport);
                    }
                }
                Purpose::Append(message, _) => {
                    let message = mem::take(message);
                    self.send_message(transport, message);
                }
                _ => self.unexpected(transport, &format!("+ {text}")),
            },
            _ => self.unexpected(transport, &format!("+ {text}")),
        }
    }

    fn send_message(&mut self, transport: &LineTransport, message: Vec<u8>) {
        let me = transport.me(self);
        let moved = me.clone();
        // Each piece that has gone gives the server its time anew.
        let source = Watched {
            source: Cursor::new(message),
            moved: Box::new(move || moved.call(Session::wait)),
        };
        let sender = FileSender::new(source, move |sent| {
            me.call(move |session, transport| {
                if sent.is_ok() {
                    transport.write(b"\r\n");
                    session.wait(transport);
                }
            });
        });
        if sender.begin(transport).is_err() {
            self.fail(transport, MailError::Ended);
        }
    }

    fn remarked(&mut self, transport: &LineTransport, status: Status) {
        let words = excerpt(status.words.as_bytes());
        match (&mut self.state, status.kind) {
            (State::Greeting, StatusKind::Ok) => self.ask_capabilities(transport),
            (State::Greeting, StatusKind::Preauth) => {
                self.authenticated = true;
                if self.options.start_tls.is_required() && !self.under_tls {
                    return self.fail(transport, MailError::Preauthenticated);
                }
                self.ask_capabilities(transport);
            }
            (State::Greeting, _) => {
                let command = "greeting";
                self.fail(transport, MailError::Refused { command, words });
            }
            (_, StatusKind::Bye) => {
                let command = self.command();
                self.bye = Some(MailError::Refused { command, words });
            }
            (State::Running(command), _) => command.remark(&status),
            _ => {}
        }
        if status.code("ALERT").is_some() {
            self.update(Update::Alert(status.words));
        }
    }

    fn ended(&mut self, transport: &LineTransport, status: Status) {
        let own = format!("a{}", self.last_tag);
        if status.tag.as_ref() != Some(&own) {
            return self.unexpected(transport, &status.words);
        }
        let name = self.command();
        let refused = MailError::Refused {
            command: name,
            words: excerpt(status.words.as_bytes()),
        };
        let is_ok = status.kind == StatusKind::Ok;
        match mem::replace(&mut self.state, State::Ready) {
            State::Capability if is_ok => self.secure(transport),
            State::StartTls if is_ok => {
                self.state = State::Handshake;
                self.capabilities.clear();
                self.wait(transport);
                if let Err(error) = self.options.start_tls.start(transport) {
                    self.fail(transport, error);
                }
            }
            State::StartTls if !self.options.start_tls.is_required() => {
                self.authenticate(transport);
            }
            State::Auth(mut client) if is_ok => match client.succeeded(None) {
                Ok(()) => self.authenticated(transport),
                Err(error) => self.fail(transport, error.into()),
            },
            State::Login if is_ok => self.authenticated(transport),
            State::Running(command) => {
                let leaves = matches!(command.purpose, Purpose::Logout(_));
                if leaves {
                    self.state = State::Over;
                    self.timer.stop();
                    self.queue.end(MailError::Ended);
                    transport.lose_connection();
                }
                if is_ok {
                    command.succeed(&status);
                } else {
                    command.fail(refused);
                }
                self.next(transport);
            }
            State::Ready | State::Over | State::Greeting | State::Handshake => {
                self.unexpected(transport, &status.words);
            }
            state => {
                self.state = state;
                self.fail(transport, refused);
            }
        }
    }

    fn told(&mut self, transport: &LineTransport, values: &[Value]) {
        if let Some((first, rest)) = values.split_first()
            && first.is_atom("CAPABILITY")
        {
            self.capabilities = rest.iter().filter_map(Value::text).collect();
            return;
        }
        let taken = match &mut self.state {
            State::Running(command) => command.data(values),
            _ => Some(false),
        };
        match taken {
            None => self.unexpected(transport, &format!("{values:?}")),
            Some(_) => {
                let update = Update::of(values);
                let is_news = !matches!((&update, taken), (Some(Update::Flags(_)), Some(true)));
                if let Some(update) = update.filter(|_| is_news) {
                    self.update(update);
                }
            }
        }
    }

    fn update(&mut self, update: Update) {
        let hear = self.updates.take();
        if let Some(mut hear) = hear {
            hear(update);
            // It may have set another one.
            self.updates.borrow_mut().get_or_insert(hear);
        }
    }

    fn ask_capabilities(&mut self, transport: &LineTransport) {
        self.capabilities.clear();
        self.say(transport, State::Capability, "CAPABILITY");
    }

    fn can(&self, name: &str) -> bool {
        let mut capabilities = self.capabilities.iter();
        capabilities.any(|capability| capability.eq_ignore_ascii_case(name))
    }

    /// Starts TLS, or goes on without.
    fn secure(&mut self, transport: &LineTransport) {
        // Nothing can start TLS once the server takes the client for authenticated.
        if self.under_tls || self.authenticated {
            return self.authenticate(transport);
        }
        match self.options.start_tls.is_to_start(self.can("STARTTLS")) {
            Ok(true) => self.say(transport, State::StartTls, "STARTTLS"),
            Ok(false) => self.authenticate(transport),
            Err(error) => self.fail(transport, error),
        }
    }

    fn authenticate(&mut self, transport: &LineTransport) {
        let login = self.options.login.as_ref().filter(|_| !self.authenticated);
        let Some(login) = login else {
            self.state = State::Ready;
            return self.next(transport);
        };
        let offered = self.capabilities.iter();
        let offered = offered.filter_map(|capability| capability.strip_prefix("AUTH="));
        match login.choose(offered, self.under_tls) {
            Ok(client) => {
                let command = format!("AUTHENTICATE {}", client.mechanism());
                self.say(transport, State::Auth(Box::new(client)), &command);
            }
            Err(SaslError::NoMechanism) if !self.can("LOGINDISABLED") => {
                let words = login.words(self.under_tls).and_then(|(user, password)| {
                    Ok(format!("LOGIN {} {}", quoted(user)?, quoted(password)?))
                });
                match words {
                    Ok(command) => self.say(transport, State::Login, &command),
                    Err(error) => self.fail(transport, error),
                }
            }
            Err(error) => self.fail(transport, error.into()),
        }
    }

    fn authenticated(&mut self, transport: &LineTransport) {
        self.authenticated = true;
        self.ask_capabilities(transport);
    }

    /// Begins the next request, if nothing is under way.
    fn next(&mut self, transport: &LineTransport) {
        while let State::Ready = self.state {
            let Some(command) = self.queue.take() else {
                return self.timer.stop();
            };
            match command.purpose {
                Purpose::Capabilities(done) => done(Ok(self.capabilities.clone())),
                Purpose::Idle(..) if !self.can("IDLE") => {
                    command.fail(MailError::NotSupported("IDLE"));
                }
                _ => {
                    let line = command.line.clone();
                    self.say(transport, State::Running(Box::new(command)), &line);
                }
            }
        }
    }

    /// Ends IDLE, if the server idles. Returns true if it does.
    fn end_idle(&mut self, transport: &LineTransport) -> bool {
        let State::Running(command) = &mut self.state else {
            return false;
        };
        let Purpose::Idle(phase @ IdlePhase::Idling, _) = &mut command.purpose else {
            return false;
        };
        *phase = IdlePhase::Ending;
        transport.send_line("DONE");
        self.wait(transport);
        true
    }

    fn woken(&mut self, transport: &LineTransport, wake: Wake) {
        match wake {
            Wake::Next => {
                if !self.end_idle(transport) {
                    self.next(transport);
                }
            }
            Wake::Pause => {
                self.paused = true;
                self.timer.stop();
                transport.pause_producing();
            }
            Wake::Resume => {
                self.paused = false;
                if !matches!(self.state, State::Ready | State::Over) {
                    self.wait(transport);
                }
                transport.resume_producing();
            }
            Wake::Stop => self.fail(transport, MailError::Ended),
        }
    }
}

/// A message that is sent, and what hears of each piece.
struct Watched {
    source: Cursor<Vec<u8>>,
    moved: Box<dyn Fn()>,
}

impl Read for Watched {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (self.moved)();
        self.source.read(buffer)
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.queue.end(MailError::NeverConnected);
    }
}
