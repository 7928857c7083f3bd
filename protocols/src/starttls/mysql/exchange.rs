use std::any::{Any, TypeId};
use std::rc::Rc;

use super::login::BEGINNING;
use super::{CLIENT_SSL, HEAD, MysqlGreeting, MysqlLogin, head, packet, put, unexpected};
use crate::starttls::exchange::Exchange;
use crate::{Dialect, StartTlsError, Step};

/// ER_SECURE_TRANSPORT_REQUIRED, its state, and its words.
const NEEDS_TLS: &[u8] = b"\xff\x57\x0c#HY000this server wants TLS: connect with --ssl";

/// Shows a greeting that offers TLS.
pub(in crate::starttls) struct Server(Rc<MysqlGreeting>);

impl Server {
    pub(in crate::starttls) fn new(greeting: Rc<MysqlGreeting>) -> Self {
        Server(greeting)
    }

    pub(in crate::starttls) fn called(name: &str) -> Self {
        Server(Rc::new(MysqlGreeting::new(&format!("8.0.0-{name}"))))
    }
}

impl Exchange for Server {
    fn begin(&mut self, reply: &mut Vec<u8>) -> Step {
        self.0.show(true, reply);
        Step::used(0)
    }

    fn advance(&mut self, bytes: &[u8], reply: &mut Vec<u8>) -> Result<Step, StartTlsError> {
        if head(bytes).is_some_and(|(number, length)| number == 1 && length > BEGINNING) {
            // A login in clear. The client has said already what it should not; it is told why.
            put(2, NEEDS_TLS, reply);
            return Err(StartTlsError::Left);
        }
        match packet(bytes, 1)? {
            None => Ok(Step::used(0)),
            Some(request) if request.len() == BEGINNING && request[1] & CLIENT_SSL != 0 => {
                Ok(Step::done(HEAD + BEGINNING))
            }
            Some(_) => Err(unexpected(bytes)),
        }
    }

    fn extension(&self, wanted: TypeId) -> Option<Rc<dyn Any>> {
        (wanted == TypeId::of::<MysqlGreeting>()).then(|| self.0.clone() as Rc<dyn Any>)
    }
}

/// Asks for TLS, when the server has greeted.
pub(in crate::starttls) struct Client {
    login: MysqlLogin,
    /// The server has greeted before this exchange began.
    greeted: bool,
    greeting: Option<Rc<MysqlGreeting>>,
}

impl Client {
    pub(in crate::starttls) fn new() -> Self {
        Client {
            login: MysqlLogin::default(),
            greeted: false,
            greeting: None,
        }
    }

    pub(in crate::starttls) fn of_greeted(login: MysqlLogin) -> Self {
        Client {
            login,
            greeted: true,
            greeting: None,
        }
    }
}

impl Exchange for Client {
    fn begin(&mut self, reply: &mut Vec<u8>) -> Step {
        if !self.greeted {
            return Step::used(0);
        }
        self.login.request(reply);
        Step::done(0)
    }

    fn advance(&mut self, bytes: &[u8], reply: &mut Vec<u8>) -> Result<Step, StartTlsError> {
        let Some((greeting, used)) = MysqlGreeting::take(bytes)? else {
            return Ok(Step::used(0));
        };
        if !greeting.offers_tls() {
            return Err(StartTlsError::NotOffered(Dialect::Mysql));
        }
        self.greeting = Some(Rc::new(greeting));
        self.login.request(reply);
        // A server has nothing to say until TLS begins: what it says now goes to TLS.
        Ok(Step::done(used))
    }

    fn extension(&self, wanted: TypeId) -> Option<Rc<dyn Any>> {
        if wanted != TypeId::of::<MysqlGreeting>() {
            return None;
        }
        self.greeting
            .clone()
            .map(|greeting| greeting as Rc<dyn Any>)
    }
}
