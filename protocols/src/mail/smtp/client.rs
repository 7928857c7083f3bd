use std::fmt;
use std::rc::Rc;

use retwist_reactor::ProtocolRef;

use super::session::Session;
use super::transaction::not_sent;
use super::{Delivery, Extensions, Mail, SendError, SmtpOptions};
use crate::Framed;
use crate::mail::MailError;
use crate::mail::queue::{Job, Queue};

/// What hears an outcome.
pub(super) type Done<T, E> = Box<dyn FnOnce(Result<T, E>)>;

/// A session with a server of SMTP or LMTP, to be told what to send.
///
/// Clones are handles of the same session. The session lives as long as its connection, whether there is
/// a handle or not: [`quit`](Smtp::quit) ends it.
#[doc(alias = "SMTPClient")]
#[doc(alias = "ESMTPClient")]
#[doc(alias = "ESMTPSender")]
#[doc(alias = "ESMTPSenderFactory")]
#[doc(alias = "SMTPSenderFactory")]
#[derive(Clone)]
pub struct Smtp {
    queue: Rc<Queue<Request>>,
}

impl Smtp {
    /// A client: the protocol to connect, once, and the handle.
    ///
    /// If the protocol is dropped without ever being connected, each request fails with
    /// [`MailError::NeverConnected`].
    #[allow(clippy::new_ret_no_self, reason = "it comes with its other half")]
    pub fn new(options: SmtpOptions) -> (ProtocolRef, Smtp) {
        let queue = Queue::new();
        let session = Session::new(options, queue.clone());
        let protocol = Framed::new(Session::framing(), session);
        (protocol.into(), Smtp { queue })
    }

    /// Sends a message, after those that were given before.
    ///
    /// `done` hears that the server has taken it for at least one recipient, or an error. Both say what
    /// came of each recipient. A refusal costs this message alone, and the session goes on.
    #[doc(alias = "sentMail")]
    pub fn send(&self, mail: Mail, done: impl FnOnce(Result<Delivery, SendError>) + 'static) {
        self.queue.push(Request::Send(mail, Box::new(done)));
    }

    /// What the server can do, once the session is ready: greeted, with TLS as it is to be, and
    /// authenticated.
    pub fn extensions(&self, done: impl FnOnce(Result<Extensions, MailError>) + 'static) {
        self.queue.push(Request::Extensions(Box::new(done)));
    }

    /// Ends the session in order, after all that was given before. Later requests fail. `done` hears
    /// whether the server has said goodbye; it may well not.
    pub fn quit(&self, done: impl FnOnce(Result<(), MailError>) + 'static) {
        self.queue.push_last(Request::Quit(Box::new(done)));
    }

    /// Whether the session has ended.
    pub fn is_over(&self) -> bool {
        self.queue.is_over()
    }
}

impl fmt::Debug for Smtp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Smtp")
            .field("is_over", &self.is_over())
            .finish_non_exhaustive()
    }
}

/// What a handle asks of its session.
pub(super) enum Request {
    Send(Mail, Done<Delivery, SendError>),
    Extensions(Done<Extensions, MailError>),
    Quit(Done<(), MailError>),
}

impl Job for Request {
    fn fail(self, error: MailError) {
        match self {
            Request::Send(mail, done) => not_sent(mail, error, done),
            Request::Extensions(done) => done(Err(error)),
            Request::Quit(done) => done(Err(error)),
        }
    }
}
