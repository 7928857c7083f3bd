use std::fmt;
use std::marker::PhantomData;
use std::rc::Rc;

use super::transport::{ANSWER, ASK, COMMAND, Calls, ERROR, ERROR_CODE, ERROR_DESCRIPTION};
use super::{AmpBox, AmpReceiver, AmpTransport, Arguments, Command, CommandError};

/// The other side does not know a command.
const UNHANDLED: &str = "UNHANDLED";
/// A command has failed for a reason that it does not declare.
const UNKNOWN: &str = "UNKNOWN";

/// A command that the other side has sent. It looks for what answers it: the first of
/// [`on`](Request::on), [`on_later`](Request::on_later) and [`on_switch`](Request::on_switch) whose
/// command has the name.
///
/// A request that finds nothing is dropped, and then answered with the code `UNHANDLED`. Arguments that
/// are missing or wrong are answered with `UNKNOWN`, and the connection is closed, as in Twisted.
pub struct Request<R: AmpReceiver> {
    arguments: AmpBox,
    /// `None` once something has taken it.
    open: Option<Open<R>>,
}

/// A request that is to be answered.
struct Open<R: AmpReceiver> {
    calls: Rc<Calls<R>>,
    /// `None` if the other side wants no answer.
    tag: Option<Box<[u8]>>,
}

impl<R: AmpReceiver> Request<R> {
    pub(super) fn new(calls: &Rc<Calls<R>>, mut arguments: AmpBox) -> Self {
        calls.open_requests.set(calls.open_requests.get() + 1);
        let open = Open {
            calls: calls.clone(),
            tag: arguments.remove(ASK),
        };
        Request {
            arguments,
            open: Some(open),
        }
    }

    /// The name of the command.
    pub fn command(&self) -> &[u8] {
        self.arguments.get(COMMAND).unwrap_or(b"")
    }

    /// Calls `respond` if this is its command, and answers with what it returns.
    #[doc(alias = "responder")]
    pub fn on<C: Command>(
        self,
        receiver: &mut R,
        transport: &AmpTransport<R>,
        respond: impl FnOnce(&mut R, &AmpTransport<R>, C) -> Result<C::Response, C::Error>,
    ) -> Self {
        self.on_later(
            receiver,
            transport,
            |receiver, transport, command, reply: Reply<C, R>| {
                reply.finish(respond(receiver, transport, command));
            },
        )
    }

    /// Calls `respond` if this is its command. The [`Reply`] answers later, from wherever it is kept.
    pub fn on_later<C: Command>(
        mut self,
        receiver: &mut R,
        transport: &AmpTransport<R>,
        respond: impl FnOnce(&mut R, &AmpTransport<R>, C, Reply<C, R>),
    ) -> Self {
        if self.command() != C::NAME.as_bytes() {
            return self;
        }
        let Some(open) = self.open.take() else {
            return self;
        };
        match C::take_all(&self.arguments) {
            Ok(command) => {
                let reply = Reply {
                    open: Some(open),
                    command: PhantomData,
                };
                respond(receiver, transport, command, reply);
            }
            Err(error) => {
                log::warn!("{}: {}: {error}", transport.peer(), C::NAME);
                open.fail(UNKNOWN, &error.to_string());
                transport.lose_connection();
            }
        }
        self
    }

    /// Calls `respond` if this is its command, answers with what it returns, and then, if that is a
    /// response, calls `switch`, which switches: with [`AmpTransport::start`], or with
    /// [`switch_protocol`](retwist_reactor::Transport::switch_protocol). Every byte behind the command
    /// belongs to what it switches to.
    #[doc(alias = "ProtocolSwitchCommand")]
    pub fn on_switch<C: Command>(
        self,
        receiver: &mut R,
        transport: &AmpTransport<R>,
        respond: impl FnOnce(&mut R, &AmpTransport<R>, C) -> Result<C::Response, C::Error>,
        switch: impl FnOnce(&mut R, &AmpTransport<R>),
    ) -> Self {
        self.on_later(
            receiver,
            transport,
            |receiver, transport, command, reply: Reply<C, R>| {
                let outcome = respond(receiver, transport, command);
                let switches = outcome.is_ok();
                reply.finish(outcome);
                if switches {
                    switch(receiver, transport);
                }
            },
        )
    }
}

impl<R: AmpReceiver> Drop for Request<R> {
    fn drop(&mut self) {
        if let Some(open) = self.open.take() {
            let command = self.command().escape_ascii();
            open.fail(UNHANDLED, &format!("Unhandled Command: '{command}'"));
        }
    }
}

/// Answers a request, once. If it is dropped without an answer, the other side gets the error
/// `UNKNOWN`. If the connection has ended, nothing happens.
pub struct Reply<C: Command, R: AmpReceiver> {
    open: Option<Open<R>>,
    command: PhantomData<fn(C)>,
}

impl<C: Command, R: AmpReceiver> Reply<C, R> {
    /// Answers with a response. One that does not fit into a box is answered with `UNKNOWN`, and the
    /// log says so.
    pub fn answer(self, response: C::Response) {
        self.finish(Ok(response));
    }

    /// Answers with an error. If it [is fatal](CommandError::is_fatal), the connection is closed.
    pub fn fail(self, error: C::Error) {
        self.finish(Err(error));
    }

    /// Answers with a response or an error.
    pub fn finish(mut self, outcome: Result<C::Response, C::Error>) {
        let Some(open) = self.open.take() else {
            return;
        };
        match outcome {
            Ok(response) => open.answer(C::NAME, &response),
            Err(error) => {
                open.fail(error.code(), &error.to_string());
                if error.is_fatal() {
                    open.close();
                }
            }
        }
    }
}

impl<C: Command, R: AmpReceiver> Drop for Reply<C, R> {
    fn drop(&mut self) {
        if let Some(open) = self.open.take() {
            open.fail(UNKNOWN, "Unknown Error");
        }
    }
}

impl<R: AmpReceiver> Open<R> {
    fn answer(&self, command: &str, response: &impl Arguments) {
        let Some(tag) = &self.tag else {
            return;
        };
        let mut out = AmpBox::new();
        response.put_all(&mut out);
        out.set(ANSWER, tag.clone());
        match out.encode() {
            Ok(bytes) => self.calls.send(&bytes),
            Err(error) => {
                log::error!("the response to {command} is not sent: {error}");
                self.fail(UNKNOWN, "Unknown Error");
            }
        }
    }

    fn fail(&self, code: &str, description: &str) {
        let Some(tag) = &self.tag else {
            return;
        };
        let mut out = AmpBox::new();
        out.set(ERROR, tag.clone());
        out.set(ERROR_CODE, code.as_bytes());
        out.set(ERROR_DESCRIPTION, description.as_bytes());
        match out.encode() {
            Ok(bytes) => self.calls.send(&bytes),
            Err(_) => self.fail(UNKNOWN, "Unknown Error"),
        }
    }

    fn close(&self) {
        if let Some(transport) = self.calls.transport() {
            transport.lose_connection();
        }
    }
}

impl<R: AmpReceiver> Drop for Open<R> {
    fn drop(&mut self) {
        let open = &self.calls.open_requests;
        open.set(open.get() - 1);
    }
}

impl<R: AmpReceiver> fmt::Debug for Request<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Request({:?})", self.arguments)
    }
}

impl<C: Command, R: AmpReceiver> fmt::Debug for Reply<C, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reply({})", C::NAME)
    }
}
