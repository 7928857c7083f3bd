mod live;
mod visit;

use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use async_tungstenite::tungstenite::handshake::derive_accept_key;
use retwist_deferred::AsyncTransport;
use retwist_protocols::TimeoutLayer;
use retwist_reactor::{FactoryRef, TransportRef};

use self::live::Live;
use self::visit::visit;
use crate::http::{self, Answer, Request, Site};
use crate::{Health, Operated};

/// A page in the browser that shows what a reactor does, live: connections, throughput, lag, errors.
///
/// The page is one document without anything from elsewhere, and is fed once a second over a WebSocket.
/// What it shows is made once for all that look at it. It changes nothing, and shows the addresses of
/// peers: the port is to listen where those alone get to who may see them. A page of another site cannot
/// read it.
///
/// ```no_run
/// # mod retwist { pub use retwist_reactor::*; pub use retwist_operations as operations; }
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use std::rc::Rc;
/// use retwist::operations::Page;
/// use retwist::Reactor;
///
/// let reactor = Reactor::new()?;
/// let page = Page::new(Rc::new(reactor.handle()));
/// reactor.listen_tcp_factory(([127, 0, 0, 1], 9101), page.factory())?;
/// println!("http://127.0.0.1:9101/");
/// # reactor.run()?;
/// # Ok(()) }
/// ```
///
/// At most 300 connections are open to it at a time. One that takes nothing for a minute ends.
#[derive(Clone)]
pub struct Page {
    live: Rc<Live>,
    health: Health,
}

/// How long a page may take nothing.
const PATIENCE: Duration = Duration::from_secs(60);

impl Page {
    /// The page of this reactor.
    pub fn new(reactor: Rc<dyn Operated>) -> Self {
        Page {
            health: Health::new(reactor.clone()),
            live: Rc::new(Live::new(reactor)),
        }
    }

    /// Returns the factory of the connections to the page.
    pub fn factory(&self) -> FactoryRef {
        http::site(Rc::new(Front {
            live: self.live.clone(),
            health: self.health.clone(),
        }))
    }
}

impl fmt::Debug for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Page")
    }
}

struct Front {
    live: Rc<Live>,
    health: Health,
}

impl Site for Front {
    fn answer(&self, request: &Request<'_>, transport: &TransportRef) -> Option<Answer> {
        let text = |kind, body: &'static str| Some(Answer::found(kind, body));
        match request.path {
            "/" => text("text/html; charset=utf-8", include_str!("page/page.html")),
            "/page.css" => text("text/css; charset=utf-8", include_str!("page/page.css")),
            "/page.js" => text(
                "text/javascript; charset=utf-8",
                include_str!("page/page.js"),
            ),
            "/health" => Some(self.health.answer_to_health()),
            "/live" => self.let_in(request, transport).err(),
            _ => Some(Answer::refusal("404 Not Found")),
        }
    }
}

impl Front {
    /// Opens a WebSocket (RFC 6455, section 4.2).
    fn let_in(&self, request: &Request<'_>, transport: &TransportRef) -> Result<(), Answer> {
        let is = |name, wanted: &str| {
            let value = request.field(name).unwrap_or_default();
            value
                .split(',')
                .any(|word| word.trim().eq_ignore_ascii_case(wanted))
        };
        if !is("upgrade", "websocket") || !is("connection", "upgrade") {
            return Err(Answer::refusal("426 Upgrade Required"));
        }
        if !is_same_origin(request) {
            return Err(Answer::refusal("403 Forbidden"));
        }
        // 16 bytes in base64.
        let key = request
            .field("sec-websocket-key")
            .filter(|key| key.len() == 24);
        let Some(key) = key.filter(|_| is("sec-websocket-version", "13")) else {
            return Err(Answer::refusal("400 Bad Request"));
        };
        let accept = derive_accept_key(key.as_bytes());
        transport.write(
            format!(
                "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
                 Sec-WebSocket-Accept: {accept}\r\n\r\n"
            )
            .as_bytes(),
        );
        if let Some(timeout) = TimeoutLayer::of(transport) {
            timeout.set_total(None);
            timeout.set_idle(Some(PATIENCE));
        }
        transport.unread(request.rest);
        // There is no connection only if it has ended.
        if let Some(connection) = AsyncTransport::adopt(transport) {
            let visit = visit(connection, self.live.clone());
            self.live.tasks().spawn(visit).done(|ended| {
                if let Err(failure) = ended {
                    log::debug!(
                        "a page has gone: {}",
                        retwist_reactor::error_chain(&failure)
                    );
                }
            });
        }
        Ok(())
    }
}

/// A page from another site must not see what the user who looks at it may see.
fn is_same_origin(request: &Request<'_>) -> bool {
    match (request.field("origin"), request.field("host")) {
        // No browser: those say where they come from.
        (None, _) => !request.has("origin"),
        (Some(origin), Some(host)) => origin
            .split_once("://")
            .is_some_and(|(_, from)| from == host),
        (Some(_), None) => false,
    }
}
