use std::fmt;
use std::rc::Rc;

use retwist_reactor::{FactoryRef, ReactorLifecycle, ReactorState, TransportRef};

use crate::http::{self, Answer, Request, Site};

/// What a load balancer asks before it sends clients here: `/health` of an HTTP endpoint.
///
/// The answer is `200` and `serving`, or `503` and a word for why nothing new is to come: `starting`,
/// `draining`, `stopping`. With [`drain_notice`](retwist_reactor::ReactorSettings::drain_notice) a reactor
/// that drains still accepts for a while, and the balancer has time to ask. The endpoints of
/// `metrics::Exposition` and of `Page` answer at `/health` too.
///
/// ```no_run
/// # mod retwist { pub use retwist_reactor::*; pub use retwist_operations as operations; }
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::rc::Rc;
/// use std::time::Duration;
/// use retwist::operations::Health;
/// use retwist::{Reactor, ReactorSettings};
///
/// let reactor = Reactor::with_settings(ReactorSettings {
///     drain_timeout: Duration::from_secs(30),
///     drain_notice: Duration::from_secs(5),
///     ..ReactorSettings::default()
/// })?;
/// let health = Health::new(Rc::new(reactor.handle()));
/// reactor.listen_tcp_factory(([127, 0, 0, 1], 9102), health.factory())?;
/// # reactor.run()?;
/// # Ok(()) }
/// ```
///
/// It speaks for its reactor alone: a loop that is stuck does not answer, and the balancer takes the
/// instance out. Of several workers, all drain together, and one of them answers.
#[derive(Clone)]
pub struct Health {
    reactor: Rc<dyn ReactorLifecycle>,
}

impl Health {
    /// Tells of this reactor.
    pub fn new(reactor: Rc<dyn ReactorLifecycle>) -> Self {
        Health { reactor }
    }

    /// How it is now.
    pub fn status(&self) -> HealthStatus {
        match self.reactor.progress() {
            // The new version serves at the same addresses, and may be asked there next.
            #[cfg(unix)]
            ReactorState::Draining | ReactorState::Stopping | ReactorState::Closing
                if retwist_reactor::Restart::has_been_replaced() =>
            {
                HealthStatus::Serving
            }
            ReactorState::Idle | ReactorState::Starting => HealthStatus::Starting,
            ReactorState::Running => HealthStatus::Serving,
            ReactorState::Draining => HealthStatus::Draining,
            _ => HealthStatus::Stopping,
        }
    }

    /// What makes the protocol of each connection to the endpoint.
    pub fn factory(&self) -> FactoryRef {
        http::site(Rc::new(self.clone()))
    }

    pub(crate) fn answer_to_health(&self) -> Answer {
        let status = self.status();
        let body = format!("{status}\n");
        if status == HealthStatus::Serving {
            Answer::found("text/plain; charset=utf-8", body)
        } else {
            Answer::unavailable(body)
        }
    }
}

impl Site for Health {
    fn answer(&self, request: &Request<'_>, _: &TransportRef) -> Option<Answer> {
        Some(match request.path {
            "/health" => self.answer_to_health(),
            _ => Answer::refusal("404 Not Found"),
        })
    }
}

impl fmt::Debug for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Health").field(&self.status()).finish()
    }
}

/// How a reactor is, for those who choose where a client goes. It prints as the word that [`Health`] says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HealthStatus {
    /// It does not run yet.
    Starting,
    /// It runs, or its new version does.
    Serving,
    /// It was told to drain: nothing new is to come.
    Draining,
    /// It was told to stop.
    Stopping,
}

impl fmt::Display for HealthStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            HealthStatus::Starting => "starting",
            HealthStatus::Serving => "serving",
            HealthStatus::Draining => "draining",
            HealthStatus::Stopping => "stopping",
        })
    }
}
