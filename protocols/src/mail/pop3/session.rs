use std::cell::RefCell;
use std::mem;
use std::rc::Rc;

use retwist_reactor::Reason;

use super::client::{Done, Long, Request};
use super::dots::Undot;
use super::{Pop3Capabilities, Pop3Options};
use crate::mail::MailError;
use crate::mail::error::excerpt;
use crate::mail::queue::{Queue, Wake};
use crate::sasl::{self, SaslClient, SaslError};
use crate::timer::Timer;
use crate::{LineReceiver, LineTransport, Lines};

/// The conversation with one server.
///
/// What is evil here is the server, and before TLS any host on the way. One command is under way at a time,
/// and each line that answers none ends the session. What was said before TLS does not live on. While an
/// answer is expected and the client is not paused, a timer runs. Each request is answered once.
pub(super) struct Session {
    options: Pop3Options,
    queue: Rc<Queue<Request>>,
    state: State,
    capabilities: Pop3Capabilities,
    under_tls: bool,
    paused: bool,
    timer: Timer,
}

enum State {
    Greeting,
    /// CAPA is under way.
    Capabilities,
    StartTls,
    Handshake,
    Auth(Box<SaslClient>),
    /// USER is under way, and then PASS.
    User,
    Pass,
    Idle,
    Short(&'static str, Done<String>),
    /// A command whose answer has a text is under way, or its text.
    Long(Box<Long>),
    Text(Box<Text>),
    Quitting(Done<()>),
    Over,
}

/// A text that arrives.
struct Text {
    undot: Undot,
    bytes: u64,
    purpose: Purpose,
}

enum Purpose {
    Capabilities(Rc<RefCell<Vec<u8>>>),
    Long(Box<Long>),
}

/// RFC 2449 has 512 bytes.
const LINE_LIMIT: usize = 4096;
/// How many bytes the list of capabilities may have.
const CAPABILITIES_LIMIT: u64 = 64 * 1024;

impl Session {
    pub(super) fn new(options: Pop3Options, queue: Rc<Queue<Request>>) -> Self {
        Session {
            under_tls: options.start_tls.is_on(),
            options,
            queue,
            state: State::Greeting,
            capabilities: Pop3Capabilities::default(),
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
            State::Capabilities => "CAPA",
            State::StartTls | State::Handshake => "STLS",
            State::Auth(_) => "AUTH",
            State::User => "USER",
            State::Pass => "PASS",
            State::Idle | State::Over => "nothing",
            State::Short(name, _) => name,
            State::Long(long) => long.name,
            State::Text(text) => match &text.purpose {
                Purpose::Capabilities(_) => "CAPA",
                Purpose::Long(long) => long.name,
            },
            State::Quitting(_) => "QUIT",
        }
    }

    fn wait(&mut self, transport: &LineTransport) {
        if self.paused {
            return;
        }
        let (me, after) = (transport.me(self), self.options.timeout);
        self.timer.start(&transport.clock(), after, move || {
            me.call(move |session, transport| {
                let command = session.command();
                session.fail(transport, MailError::TimedOut { command, after });
            });
        });
    }

    fn say(&mut self, transport: &LineTransport, state: State, command: &str) {
        self.state = state;
        transport.send_line(command);
        self.wait(transport);
    }

    fn fail(&mut self, transport: &LineTransport, error: MailError) {
        self.end(error.clone());
        transport.lose_connection_because(Reason::failed(error));
    }

    fn end(&mut self, error: MailError) {
        self.timer.stop();
        let state = mem::replace(&mut self.state, State::Over);
        self.queue.end(error.clone());
        match state {
            State::Short(_, done) => done(Err(error)),
            State::Long(long) => (long.done)(Err(error)),
            State::Text(text) => {
                if let Purpose::Long(long) = text.purpose {
                    (long.done)(Err(error));
                }
            }
            State::Quitting(done) => done(Err(error)),
            _ => {}
        }
    }

    fn answered(&mut self, transport: &LineTransport, answer: Answer<'_>) {
        let command = self.command();
        let state = mem::replace(&mut self.state, State::Idle);
        match (state, answer) {
            (State::Auth(client), Answer::Challenge(text)) => {
                self.challenged(transport, client, text)
            }
            (State::Capabilities, Answer::Ok(_)) => {
                self.begin_text(transport, Purpose::Capabilities(Rc::default()));
            }
            (State::Capabilities, Answer::Err(_)) => {
                self.capabilities = Pop3Capabilities::default();
                self.secure(transport);
            }
            (State::Greeting, Answer::Ok(_)) => self.ask_capabilities(transport),
            (State::StartTls, Answer::Ok(_)) => {
                self.state = State::Handshake;
                self.capabilities = Pop3Capabilities::default();
                self.wait(transport);
                if let Err(error) = self.options.start_tls.start(transport) {
                    self.fail(transport, error);
                }
            }
            (State::StartTls, Answer::Err(_)) if !self.options.start_tls.is_required() => {
                self.authenticate(transport);
            }
            (State::Auth(mut client), Answer::Ok(_)) => match client.succeeded(None) {
                Ok(()) => self.next(transport),
                Err(error) => self.fail(transport, error.into()),
            },
            (State::User, Answer::Ok(_)) => self.send_password(transport),
            (State::Pass, Answer::Ok(_)) => self.next(transport),
            (State::Short(_, done), Answer::Ok(words)) => {
                done(Ok(words.to_owned()));
                self.next(transport);
            }
            (State::Short(_, done), Answer::Err(words)) => {
                done(Err(refused(command, words)));
                self.next(transport);
            }
            (State::Long(long), Answer::Ok(_)) => self.begin_text(transport, Purpose::Long(long)),
            (State::Long(long), Answer::Err(words)) => {
                (long.done)(Err(refused(command, words)));
                self.next(transport);
            }
            (State::Quitting(done), answer) => {
                self.state = State::Over;
                self.timer.stop();
                self.queue.end(MailError::Ended);
                transport.lose_connection();
                done(match answer {
                    Answer::Ok(_) => Ok(()),
                    answer => Err(answer.as_error(command)),
                });
            }
            (State::Over, _) => self.state = State::Over,
            (state, answer) => {
                self.state = state;
                self.fail(transport, answer.as_error(command));
            }
        }
    }

    fn ask_capabilities(&mut self, transport: &LineTransport) {
        self.say(transport, State::Capabilities, "CAPA");
    }

    /// Starts TLS, or goes on without.
    fn secure(&mut self, transport: &LineTransport) {
        if self.under_tls {
            return self.authenticate(transport);
        }
        let offered = self.capabilities.get("STLS").is_some();
        match self.options.start_tls.is_to_start(offered) {
            Ok(true) => self.say(transport, State::StartTls, "STLS"),
            Ok(false) => self.authenticate(transport),
            Err(error) => self.fail(transport, error),
        }
    }

    fn authenticate(&mut self, transport: &LineTransport) {
        let Some(login) = &self.options.login else {
            self.state = State::Idle;
            return self.next(transport);
        };
        let offered = self.capabilities.get("SASL").into_iter().flatten();
        match login.choose(offered, self.under_tls) {
            Ok(client) => {
                let command = format!("AUTH {}", client.mechanism());
                self.say(transport, State::Auth(Box::new(client)), &command);
            }
            Err(SaslError::NoMechanism) => match login.words(self.under_tls) {
                Ok((user, _)) => {
                    let command = format!("USER {user}");
                    self.say(transport, State::User, &command);
                }
                Err(error) => self.fail(transport, error),
            },
            Err(error) => self.fail(transport, error.into()),
        }
    }

    fn send_password(&mut self, transport: &LineTransport) {
        let login = self.options.login.as_ref();
        match login.map(|login| login.words(self.under_tls)) {
            Some(Ok((_, password))) => {
                let command = format!("PASS {password}");
                self.say(transport, State::Pass, &command);
            }
            Some(Err(error)) => self.fail(transport, error),
            None => self.fail(transport, MailError::Ended),
        }
    }

    fn challenged(&mut self, transport: &LineTransport, mut client: Box<SaslClient>, text: &str) {
        let response = sasl::decode(text).and_then(|challenge| client.respond(&challenge));
        match response {
            Ok(response) => {
                let line = sasl::encode(&response);
                self.say(transport, State::Auth(client), &line);
            }
            Err(error) => self.fail(transport, error.into()),
        }
    }

    fn begin_text(&mut self, transport: &LineTransport, purpose: Purpose) {
        self.state = State::Text(Box::new(Text {
            undot: Undot::default(),
            bytes: 0,
            purpose,
        }));
        self.wait(transport);
        transport.set_raw_mode();
    }

    fn text_ended(&mut self, transport: &LineTransport, text: Text) {
        self.state = State::Idle;
        match text.purpose {
            Purpose::Capabilities(bytes) => {
                let lines = String::from_utf8_lossy(&bytes.take()).into_owned();
                self.capabilities = Pop3Capabilities(lines.lines().map(String::from).collect());
                self.secure(transport);
            }
            Purpose::Long(long) => {
                (long.done)(Ok(text.bytes));
                self.next(transport);
            }
        }
    }

    /// Begins the next request, if nothing is under way.
    fn next(&mut self, transport: &LineTransport) {
        while let State::Idle = self.state {
            match self.queue.take() {
                None => return self.timer.stop(),
                Some(Request::Capabilities(done)) => done(Ok(self.capabilities.clone())),
                Some(Request::Short {
                    name,
                    command,
                    done,
                }) => self.say(transport, State::Short(name, done), &command),
                Some(Request::Long(long)) => {
                    let command = long.command.clone();
                    self.say(transport, State::Long(long), &command);
                }
                Some(Request::Quit(done)) => self.say(transport, State::Quitting(done), "QUIT"),
            }
        }
    }

    fn woken(&mut self, transport: &LineTransport, wake: Wake) {
        match wake {
            Wake::Next => self.next(transport),
            Wake::Pause => {
                self.paused = true;
                self.timer.stop();
                transport.pause_producing();
            }
            Wake::Resume => {
                self.paused = false;
                if !matches!(self.state, State::Idle | State::Over) {
                    self.wait(transport);
                }
                transport.resume_producing();
            }
            Wake::Stop => self.fail(transport, MailError::Ended),
        }
    }
}

impl LineReceiver for Session {
    fn connection_made(&mut self, transport: &LineTransport) {
        let me = transport.me(self);
        self.queue.connect(move |wake| {
            me.call(move |session, transport| session.woken(transport, wake));
        });
        self.wait(transport);
    }

    fn line_received(&mut self, transport: &LineTransport, line: &[u8]) {
        let line = String::from_utf8_lossy(line);
        match Answer::of(&line) {
            Some(answer) => self.answered(transport, answer),
            None => {
                let command = self.command();
                let words = excerpt(line.as_bytes());
                self.fail(transport, MailError::Unexpected { command, words });
            }
        }
    }

    fn raw_data_received(&mut self, transport: &LineTransport, data: &[u8]) {
        let mut text = match mem::replace(&mut self.state, State::Over) {
            State::Text(text) => text,
            state => {
                self.state = state;
                return transport.set_line_mode(data);
            }
        };
        let mut bytes = text.bytes;
        let (limit, end) = match &mut text.purpose {
            Purpose::Capabilities(read) => {
                let end = text.undot.feed(data, &mut |piece| {
                    bytes += piece.len() as u64;
                    read.borrow_mut().extend_from_slice(piece);
                });
                (CAPABILITIES_LIMIT, end)
            }
            Purpose::Long(long) => {
                let limit = long.limit.unwrap_or(self.options.max_message);
                let sink = &mut long.sink;
                let end = text.undot.feed(data, &mut |piece| {
                    bytes += piece.len() as u64;
                    if bytes <= limit {
                        sink(piece);
                    }
                });
                (limit, end)
            }
        };
        text.bytes = bytes;
        if bytes > limit {
            self.state = State::Text(text);
            return self.fail(transport, MailError::TooLong(limit));
        }
        match end {
            None => {
                self.state = State::Text(text);
                self.wait(transport);
            }
            Some(used) => {
                transport.set_line_mode(&data[used..]);
                self.text_ended(transport, *text);
            }
        }
    }

    fn line_length_exceeded(&mut self, transport: &LineTransport, _: &[u8]) {
        self.fail(transport, MailError::TooLong(LINE_LIMIT as u64));
    }

    fn handshake_completed(&mut self, transport: &LineTransport) {
        if let State::Handshake = self.state {
            self.under_tls = true;
            self.ask_capabilities(transport);
        }
    }

    fn connection_lost(&mut self, reason: &Reason) {
        let error = match self.state {
            State::Handshake => MailError::Handshake(reason.clone()),
            _ => MailError::Lost(reason.clone()),
        };
        self.end(error);
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.queue.end(MailError::NeverConnected);
    }
}

/// A line of the server that answers a command.
#[derive(Clone, Copy)]
enum Answer<'a> {
    /// `+OK`, and what stands behind it.
    Ok(&'a str),
    /// `-ERR`.
    Err(&'a str),
    /// `+`: the server goes on asking.
    Challenge(&'a str),
}

impl<'a> Answer<'a> {
    fn of(line: &'a str) -> Option<Self> {
        let (status, rest) = line.split_once(' ').unwrap_or((line, ""));
        match status {
            "+" => Some(Answer::Challenge(rest.trim())),
            "+OK" | "+ok" => Some(Answer::Ok(rest.trim())),
            "-ERR" | "-err" => Some(Answer::Err(rest.trim())),
            _ => None,
        }
    }

    fn as_error(self, command: &'static str) -> MailError {
        let words = |text: &str| excerpt(text.as_bytes());
        match self {
            Answer::Err(text) => refused(command, text),
            Answer::Ok(text) => MailError::Unexpected {
                command,
                words: words(&format!("+OK {text}")),
            },
            Answer::Challenge(text) => MailError::Unexpected {
                command,
                words: words(&format!("+ {text}")),
            },
        }
    }
}

fn refused(command: &'static str, words: &str) -> MailError {
    let words = excerpt(format!("-ERR {words}").trim_end().as_bytes());
    MailError::Refused { command, words }
}
