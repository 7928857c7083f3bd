//! A server that does what its script says, and nothing else.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

use retwist::protocols::{Framed, LineReceiver, LineTransport, Lines};
use retwist::testing::{ManualClock, Pair};
use retwist::tls::{ClientOptions, Identity, ServerOptions, TlsRole, TrustRoots, start_tls};
use retwist::{ProtocolRef, Reason};

/// How the input is cut.
pub(crate) const CUTS: [usize; 7] = [1, 2, 3, 7, 64, 1000, usize::MAX];

/// One step of a script.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Step {
    /// Says this, as it stands.
    Say(&'static str),
    /// Waits for a line that begins so.
    Hear(&'static str),
    /// Waits for the line with the dot, and keeps what comes before it.
    HearBody,
    /// Starts TLS, with the identity that the client is to trust.
    Tls,
    /// Starts TLS, with another one.
    WrongTls,
    /// Closes the connection in order.
    Close,
    /// Breaks the connection off.
    Abort,
    /// Says a byte of an endless line each minute.
    Dribble,
}

/// What a server has heard.
pub(crate) type Heard = Rc<RefCell<Vec<String>>>;

struct Server {
    script: VecDeque<Step>,
    heard: Heard,
    tls: [TlsRole; 2],
}

impl Server {
    fn go_on(&mut self, transport: &LineTransport) {
        while let Some(step) = self.script.front().copied() {
            match step {
                Step::Hear(_) | Step::HearBody => return,
                Step::Say(text) => transport.write(text.as_bytes()),
                Step::Tls | Step::WrongTls => {
                    self.script.pop_front();
                    let role = &self.tls[usize::from(matches!(step, Step::WrongTls))];
                    start_tls(transport, role.clone()).expect("the connection is there");
                    // What is said next is said in TLS.
                    return;
                }
                Step::Close => transport.lose_connection(),
                Step::Abort => transport.abort_connection(),
                Step::Dribble => {
                    transport.write(b"2");
                    transport.call_later(Duration::from_secs(60), self, Self::go_on);
                    return;
                }
            }
            self.script.pop_front();
        }
    }
}

impl LineReceiver for Server {
    fn connection_made(&mut self, transport: &LineTransport) {
        self.go_on(transport);
    }

    fn transport_switched(&mut self, transport: &LineTransport) {
        self.go_on(transport);
    }

    fn line_received(&mut self, transport: &LineTransport, line: &[u8]) {
        let line = String::from_utf8_lossy(line).into_owned();
        match self.script.front() {
            Some(Step::Hear(start)) => {
                assert!(line.starts_with(start), "heard {line:?}, not {start:?}");
                self.heard.borrow_mut().push(line);
                self.script.pop_front();
            }
            Some(Step::HearBody) => {
                if line == "." {
                    self.script.pop_front();
                }
                self.heard.borrow_mut().push(line);
            }
            _ => self.heard.borrow_mut().push(format!("unasked: {line}")),
        }
        self.go_on(transport);
    }

    fn connection_lost(&mut self, _: &Reason) {}
}

/// What both sides trust, and do not.
pub(crate) struct Trust {
    good: Identity,
    bad: Identity,
    roots: TrustRoots,
}

impl Trust {
    pub(crate) fn new() -> Self {
        let made = |name: &str| rcgen::generate_simple_self_signed([name.to_owned()]).unwrap();
        let (good, bad) = (made("mail.example.org"), made("mail.example.org"));
        let identity = |made: &rcgen::CertifiedKey<rcgen::KeyPair>| {
            Identity::from_pem(made.cert.pem(), made.signing_key.serialize_pem()).unwrap()
        };
        Trust {
            good: identity(&good),
            bad: identity(&bad),
            roots: TrustRoots::from_pem(good.cert.pem()).unwrap(),
        }
    }

    /// The client's role, for a server with this name.
    pub(crate) fn client(&self, name: &str) -> TlsRole {
        let config = ClientOptions::new(self.roots.clone()).build().unwrap();
        TlsRole::client(config, name).unwrap()
    }

    /// A connection of `client` with a server that keeps to `script`.
    pub(crate) fn pair(&self, client: ProtocolRef, script: &[Step], cut: usize) -> (Pair, Heard) {
        let role = |id: &Identity| TlsRole::server(ServerOptions::new(id.clone()).build().unwrap());
        let heard = Heard::default();
        let server = Server {
            script: script.iter().copied().collect(),
            heard: heard.clone(),
            tls: [role(&self.good), role(&self.bad)],
        };
        let server = Framed::new(Lines::new().limit(100_000), server);
        let pair = Pair::on(&Rc::new(ManualClock::new()), client, server).cut(cut);
        pair.run();
        (pair, heard)
    }
}

/// A place for one outcome.
pub(crate) fn slot<T: 'static>() -> (Rc<RefCell<Vec<T>>>, impl FnOnce(T) + 'static) {
    let place: Rc<RefCell<Vec<T>>> = Rc::default();
    let into = place.clone();
    (place, move |outcome| into.borrow_mut().push(outcome))
}

/// A text that comes in pieces.
pub(crate) type Text = Rc<RefCell<Vec<u8>>>;

/// What collects it.
pub(crate) fn sink() -> (Text, impl FnMut(&[u8]) + 'static) {
    let text = Text::default();
    let into = text.clone();
    (text, move |piece: &[u8]| into.borrow_mut().extend(piece))
}
