use std::rc::Rc;

use retwist_reactor::{ProtocolRef, TransportRef};

use super::{Dialect, StartTlsError, postgres};
use crate::{Opening, OpeningLayer, Policy, Step};

/// Tells a client that asks for TLS that there is none, where the dialect has a question for that
/// which comes before anything else: PostgreSQL. For the other dialects it does nothing.
///
/// It is for a proxy in front of a server with TLS, whose clients stay in clear.
#[derive(Clone, Debug)]
pub struct PlainClient {
    dialect: Dialect,
}

impl PlainClient {
    /// A client that speaks this dialect.
    pub fn new(dialect: Dialect) -> Self {
        PlainClient { dialect }
    }
}

impl Policy for PlainClient {
    type Layer = OpeningLayer<PlainClientQuestions>;

    fn layer(&self, above: ProtocolRef) -> Rc<Self::Layer> {
        OpeningLayer::new(PlainClientQuestions(self.dialect), above)
    }
}

/// The opening that [`PlainClient`] makes for one connection.
#[derive(Debug)]
pub struct PlainClientQuestions(Dialect);

impl Opening for PlainClientQuestions {
    type Error = StartTlsError;

    fn begin(&mut self, _: &TransportRef, _: &mut Vec<u8>) -> Result<Step, StartTlsError> {
        let asks = self.0 == Dialect::Postgres;
        Ok(if asks { Step::used(0) } else { Step::done(0) })
    }

    fn advance(&mut self, bytes: &[u8], reply: &mut Vec<u8>) -> Result<Step, StartTlsError> {
        match postgres::encryption_request(bytes)? {
            None => Ok(Step::used(0)),
            Some(0) => Ok(Step::done(0)),
            Some(used) => {
                reply.push(b'N');
                Ok(Step::used(used))
            }
        }
    }
}
