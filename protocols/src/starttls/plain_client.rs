use std::any::{Any, TypeId};
use std::rc::Rc;
use std::time::Duration;

use retwist_reactor::{ProtocolRef, TransportRef};

use super::settings::DEADLINE;
use super::{Dialect, MysqlGreeting, MysqlLogin, StartTlsError, postgres};
use crate::{Opening, OpeningLayer, Policy, Step};

/// Tells a client that asks for TLS that there is none, where the dialect has a question for that
/// which comes before anything else: PostgreSQL and MySQL. For the other dialects it does nothing.
///
/// It is for a proxy in front of a server with TLS, whose clients stay in clear.
#[derive(Clone, Debug)]
pub struct PlainClient {
    dialect: Dialect,
    greeting: Option<Rc<MysqlGreeting>>,
    deadline: Duration,
}

impl PlainClient {
    /// A client that speaks this dialect. MySQL's needs the greeting of its server:
    /// [`mysql`](PlainClient::mysql).
    pub fn new(dialect: Dialect) -> Self {
        PlainClient {
            dialect,
            greeting: None,
            deadline: DEADLINE,
        }
    }

    /// A MySQL client, which is shown the greeting of its server as that of one without TLS. The
    /// protocol above hears `connection_made` when the client has begun to log in, finds the
    /// beginning with [`MysqlLogin::of`], and gets the login.
    pub fn mysql(greeting: Rc<MysqlGreeting>) -> Self {
        PlainClient {
            dialect: Dialect::Mysql,
            greeting: Some(greeting),
            deadline: DEADLINE,
        }
    }

    /// Sets how long the client may take to say what it asks for: 30 s by default.
    #[must_use]
    pub fn deadline(self, deadline: Duration) -> Self {
        PlainClient { deadline, ..self }
    }
}

impl Policy for PlainClient {
    type Layer = OpeningLayer<PlainClientQuestions>;

    fn layer(&self, above: ProtocolRef) -> Rc<Self::Layer> {
        let questions = match (&self.greeting, self.dialect) {
            (Some(greeting), _) => Questions::Mysql {
                greeting: greeting.clone(),
                login: None,
            },
            (None, Dialect::Postgres) => Questions::Postgres,
            _ => Questions::None,
        };
        let questions = PlainClientQuestions {
            questions,
            deadline: self.deadline,
        };
        OpeningLayer::new(questions, above)
    }
}

/// The opening that [`PlainClient`] makes for one connection.
#[derive(Debug)]
pub struct PlainClientQuestions {
    questions: Questions,
    deadline: Duration,
}

#[derive(Debug)]
enum Questions {
    None,
    Postgres,
    Mysql {
        greeting: Rc<MysqlGreeting>,
        login: Option<Rc<MysqlLogin>>,
    },
}

impl Opening for PlainClientQuestions {
    type Error = StartTlsError;

    fn begin(&mut self, _: &TransportRef, reply: &mut Vec<u8>) -> Result<Step, StartTlsError> {
        Ok(match &self.questions {
            Questions::None => Step::done(0),
            Questions::Postgres => Step::used(0),
            Questions::Mysql { greeting, .. } => {
                greeting.show(false, reply);
                Step::used(0)
            }
        })
    }

    fn advance(&mut self, bytes: &[u8], reply: &mut Vec<u8>) -> Result<Step, StartTlsError> {
        match &mut self.questions {
            Questions::None => Ok(Step::done(0)),
            Questions::Postgres => match postgres::encryption_request(bytes)? {
                None => Ok(Step::used(0)),
                Some(0) => Ok(Step::done(0)),
                Some(used) => {
                    reply.push(b'N');
                    Ok(Step::used(used))
                }
            },
            Questions::Mysql { login, .. } => {
                *login = MysqlLogin::begun(bytes)?.map(Rc::new);
                Ok(match login {
                    Some(_) => Step::done(0),
                    None => Step::used(0),
                })
            }
        }
    }

    fn deadline(&self) -> Duration {
        self.deadline
    }

    fn extension(&self, wanted: TypeId) -> Option<Rc<dyn Any>> {
        match &self.questions {
            Questions::Mysql { login, .. } if wanted == TypeId::of::<MysqlLogin>() => {
                login.clone().map(|login| login as Rc<dyn Any>)
            }
            _ => None,
        }
    }
}
