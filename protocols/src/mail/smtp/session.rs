use std::rc::Rc;
use std::time::Duration;

use retwist_reactor::Reason;

use super::body::BodySender;
use super::client::{Done, Request};
use super::reply::ReplyParser;
use super::transaction::{Next, Transaction, not_sent};
use super::{Body, Extensions, Reply, SmtpOptions};
use crate::mail::MailError;
use crate::mail::queue::{Job, Queue};
use crate::sasl::{self, SaslClient};
use crate::timer::Timer;
use crate::{LineReceiver, LineTransport, Lines};

/// The conversation with one server.
///
/// What is evil here is the server, and before TLS any host on the way. Invariants:
/// - One reply is expected at a time, or as many as there are commands under way; any other ends the
///   session.
/// - What was said before TLS does not live on: behind it, the extensions are those of the second EHLO.
/// - While a reply is expected, a timer runs that only a whole reply or a sent piece of a message sets
///   anew.
/// - Each request is answered once: by its outcome, or by the error that ended the session.
pub(super) struct Session {
    options: SmtpOptions,
    queue: Rc<Queue<Request>>,
    state: State,
    replies: ReplyParser,
    extensions: Extensions,
    under_tls: bool,
    /// The server may still have the sender and the recipients of a message that was not sent.
    needs_reset: bool,
    timer: Timer,
}

enum State {
    Greeting,
    /// EHLO, LHLO or HELO is under way.
    Hello(&'static str),
    StartTls,
    Handshake,
    Auth(Box<SaslClient>),
    Idle,
    Sending(Box<Transaction>),
    /// RSET is under way, and this request waits for it.
    Reset(Box<Request>),
    Quitting(Done<(), MailError>),
    Over,
}

/// RFC 5321 has 512 bytes, and servers are not always that brief.
const LINE_LIMIT: usize = 4096;

impl Session {
    pub(super) fn new(options: SmtpOptions, queue: Rc<Queue<Request>>) -> Self {
        Session {
            under_tls: options.start_tls.is_on(),
            options,
            queue,
            state: State::Greeting,
            replies: ReplyParser::default(),
            extensions: Extensions::default(),
            needs_reset: false,
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
            State::Hello(hello) => hello,
            State::StartTls | State::Handshake => "STARTTLS",
            State::Auth(_) => "AUTH",
            State::Idle | State::Over => "nothing",
            State::Sending(transaction) => transaction.command(),
            State::Reset(_) => "RSET",
            State::Quitting(_) => "QUIT",
        }
    }

    fn wait(&mut self, transport: &LineTransport, limit: Duration) {
        let me = transport.me(self);
        self.timer.start(&transport.clock(), limit, move || {
            me.call(move |session, transport| {
                let command = session.command();
                let after = limit;
                session.fail(transport, MailError::TimedOut { command, after });
            });
        });
    }

    fn say(&mut self, transport: &LineTransport, command: &str) {
        transport.send_line(command);
        self.wait(transport, self.options.timeouts.command);
    }

    /// Ends the session because of `error`, and all that waits for it.
    pub(super) fn fail(&mut self, transport: &LineTransport, error: MailError) {
        let is_in_body = match &self.state {
            State::Sending(transaction) => {
                transport.unregister_producer();
                transaction.is_in_body()
            }
            _ => false,
        };
        self.end(error.clone());
        let reason = Reason::failed(error);
        if is_in_body {
            // Half a message must not look like a whole one.
            transport.fail_connection(reason);
        } else {
            transport.lose_connection_because(reason);
        }
    }

    fn end(&mut self, error: MailError) {
        self.timer.stop();
        let state = std::mem::replace(&mut self.state, State::Over);
        // From here on the handle knows that nothing more can be sent.
        match state {
            State::Sending(transaction) => {
                let own = error.clone();
                self.queue.end(error);
                transaction.finish(Some(own));
            }
            State::Reset(request) => {
                self.queue.end(error.clone());
                request.fail(error);
            }
            State::Quitting(done) => {
                self.queue.end(MailError::Ended);
                done(Err(error));
            }
            _ => self.queue.end(error),
        }
    }

    fn hello(&mut self, transport: &LineTransport, hello: &'static str) {
        self.state = State::Hello(hello);
        let command = format!("{hello} {}", self.options.name);
        self.say(transport, &command);
    }

    fn reply(&mut self, transport: &LineTransport, reply: Reply) {
        match std::mem::replace(&mut self.state, State::Idle) {
            State::Greeting if reply.code() == 220 => {
                self.hello(transport, self.options.hello());
            }
            State::Greeting => self.fail(transport, reply.as_error("greeting")),
            State::Hello(hello) => self.hello_answered(transport, hello, &reply),
            State::StartTls => self.start_tls_answered(transport, &reply),
            State::Auth(client) => self.auth_answered(transport, client, &reply),
            State::Sending(mut transaction) => {
                let next = transaction.reply(reply);
                self.go_on(transport, transaction, next);
            }
            State::Reset(request) if reply.is_positive() => {
                self.needs_reset = false;
                self.begin(transport, *request);
                self.next(transport);
            }
            State::Quitting(done) => {
                self.state = State::Over;
                self.timer.stop();
                self.queue.end(MailError::Ended);
                transport.lose_connection();
                done(if reply.is_positive() {
                    Ok(())
                } else {
                    Err(reply.as_error("QUIT"))
                });
            }
            state @ State::Reset(_) => {
                self.state = state;
                self.fail(transport, reply.as_error("RSET"));
            }
            State::Idle | State::Handshake => self.fail(transport, reply.as_error("nothing")),
            State::Over => self.state = State::Over,
        }
    }

    fn hello_answered(&mut self, transport: &LineTransport, hello: &'static str, reply: &Reply) {
        let is_extended = hello != "HELO";
        if reply.code() == 250 {
            self.extensions = if is_extended {
                Extensions::of(reply)
            } else {
                Extensions::default()
            };
            self.secure(transport);
        } else if hello == "EHLO" && (500..505).contains(&reply.code()) {
            self.hello(transport, "HELO");
        } else {
            self.fail(transport, reply.as_error(hello));
        }
    }

    /// Starts TLS, or goes on without.
    fn secure(&mut self, transport: &LineTransport) {
        if self.under_tls {
            return self.authenticate(transport);
        }
        match self
            .options
            .start_tls
            .is_to_start(self.extensions.start_tls)
        {
            Ok(true) => {
                self.state = State::StartTls;
                self.say(transport, "STARTTLS");
            }
            Ok(false) => self.authenticate(transport),
            Err(error) => self.fail(transport, error),
        }
    }

    fn start_tls_answered(&mut self, transport: &LineTransport, reply: &Reply) {
        if reply.code() == 220 {
            self.state = State::Handshake;
            self.extensions = Extensions::default();
            self.wait(transport, self.options.timeouts.command);
            if let Err(error) = self.options.start_tls.start(transport) {
                self.fail(transport, error);
            }
        } else if reply.is_negative() && !self.options.start_tls.is_required() {
            self.authenticate(transport);
        } else {
            self.fail(transport, reply.as_error("STARTTLS"));
        }
    }

    fn authenticate(&mut self, transport: &LineTransport) {
        let Some(login) = &self.options.login else {
            return self.ready(transport);
        };
        let offered = self.extensions.auth.iter().map(String::as_str);
        let begun = login
            .choose(offered, self.under_tls)
            .and_then(|mut client| {
                let initial = client.initial_response()?;
                Ok((client, initial))
            });
        match begun {
            Ok((client, initial)) => {
                let mut command = format!("AUTH {}", client.mechanism());
                if let Some(initial) = initial {
                    command.push(' ');
                    command.push_str(&sasl::encode_initial(&initial));
                }
                self.state = State::Auth(Box::new(client));
                self.say(transport, &command);
            }
            Err(error) => self.fail(transport, error.into()),
        }
    }

    fn auth_answered(
        &mut self,
        transport: &LineTransport,
        mut client: Box<SaslClient>,
        reply: &Reply,
    ) {
        let response = match reply.code() {
            334 => sasl::decode(reply.text().trim())
                .and_then(|challenge| client.respond(&challenge))
                .map(Some),
            235 => client.succeeded(None).map(|()| None),
            _ => return self.fail(transport, reply.as_error("AUTH")),
        };
        match response {
            Ok(Some(response)) => {
                self.state = State::Auth(client);
                self.say(transport, &sasl::encode(&response));
            }
            Ok(None) => self.ready(transport),
            Err(error) => self.fail(transport, error.into()),
        }
    }

    fn ready(&mut self, transport: &LineTransport) {
        self.state = State::Idle;
        self.next(transport);
    }

    /// Begins the next request, if nothing is under way.
    fn next(&mut self, transport: &LineTransport) {
        while let State::Idle = self.state {
            let Some(request) = self.queue.take() else {
                return self.timer.stop();
            };
            if self.needs_reset && matches!(request, Request::Send(..)) {
                self.state = State::Reset(Box::new(request));
                return self.say(transport, "RSET");
            }
            self.begin(transport, request);
        }
    }

    fn begin(&mut self, transport: &LineTransport, request: Request) {
        match request {
            Request::Send(mail, done) => {
                if let Err(error) = mail.check(&self.extensions) {
                    return not_sent(mail, error, done);
                }
                let lmtp = self.options.lmtp;
                let transaction = Transaction::new(mail, &self.extensions, lmtp, done);
                self.go_on(transport, Box::new(transaction), Next::Commands);
            }
            Request::Extensions(done) => done(Ok(self.extensions.clone())),
            Request::Quit(done) => {
                self.state = State::Quitting(done);
                transport.send_line("QUIT");
                self.wait(transport, self.options.timeouts.quit);
            }
        }
    }

    fn go_on(&mut self, transport: &LineTransport, transaction: Box<Transaction>, next: Next) {
        let timeouts = self.options.timeouts.clone();
        let mut transaction = transaction;
        match next {
            Next::Commands => {
                while let Some(command) = transaction.next_command() {
                    transport.send_line(command);
                }
                self.wait(transport, timeouts.command);
            }
            Next::Data => {
                transport.send_line("DATA");
                self.wait(transport, timeouts.data);
            }
            Next::Body(body) => return self.send_body(transport, transaction, body),
            Next::Wait => self.wait(transport, timeouts.end_of_data),
            Next::Over => {
                self.needs_reset = transaction.leaves_remains();
                self.state = State::Idle;
                transaction.finish(None);
                return self.next(transport);
            }
            Next::Fail(error) => {
                self.state = State::Sending(transaction);
                return self.fail(transport, error);
            }
        }
        self.state = State::Sending(transaction);
    }

    fn send_body(&mut self, transport: &LineTransport, transaction: Box<Transaction>, body: Body) {
        let ended = transaction.ended();
        self.state = State::Sending(transaction);
        self.wait(transport, self.options.timeouts.block);
        let eight_bits = self.extensions.eight_bit_mime;
        let me = transport.me(self);
        if BodySender::begin(transport, me, body, eight_bits, ended).is_err() {
            // Another producer sits there: only a layer or a program that took the transport can be that.
            self.fail(transport, MailError::Ended);
        }
    }

    /// A piece of the message has been written, or the end of it.
    pub(super) fn body_moved(&mut self, transport: &LineTransport) {
        let State::Sending(transaction) = &mut self.state else {
            return;
        };
        let limit = if transaction.body_moved() {
            self.options.timeouts.end_of_data
        } else {
            self.options.timeouts.block
        };
        self.wait(transport, limit);
    }
}

impl LineReceiver for Session {
    fn connection_made(&mut self, transport: &LineTransport) {
        let me = transport.me(self);
        self.queue.connect(move |_| me.call(Session::next));
        self.wait(transport, self.options.timeouts.greeting);
    }

    fn line_received(&mut self, transport: &LineTransport, line: &[u8]) {
        match self.replies.line(line, self.command()) {
            Ok(None) => {}
            Ok(Some(reply)) => self.reply(transport, reply),
            Err(error) => self.fail(transport, error),
        }
    }

    fn line_length_exceeded(&mut self, transport: &LineTransport, _: &[u8]) {
        self.fail(transport, MailError::TooLong(LINE_LIMIT as u64));
    }

    fn handshake_completed(&mut self, transport: &LineTransport) {
        if let State::Handshake = self.state {
            self.under_tls = true;
            self.hello(transport, self.options.hello());
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
