use std::time::Duration;

use std::cell::Cell;
use std::convert::Infallible;
use std::marker::PhantomData;

use retwist::protocols::{
    Destination, FactoryPolicy, HttpConnect, Limits, Opening, OpeningLayer, Policy, ProxyHeader,
    ProxyProtocol, SendProxyHeader, SocksClient, Step, Tap, ThrottleReads, ThrottleWrites, Timeout,
};
use retwist::{Address, Clock, FactoryRef, Layer, ProtocolRef};

use crate::way::{How, Way};

/// All the layers that pass everything on, stacked, on any way.
pub struct Policies<W>(W);

const DAY: Duration = Duration::from_secs(24 * 3600);

fn standing_by(above: ProtocolRef) -> ProtocolRef {
    let timed = Timeout::new().idle(DAY).total(DAY).wrap(above);
    let tapped = Tap::new().to(|_, _| ()).wrap(timed);
    ThrottleReads::each(u32::MAX, u32::MAX).wrap(tapped)
}

impl<W: Way> Way for Policies<W> {
    const MUCH: usize = W::MUCH;
    const SHOWS_BREAK: bool = W::SHOWS_BREAK;
    const BREAKS_A_PAUSE: bool = W::BREAKS_A_PAUSE;

    fn new(how: How) -> Self {
        Policies(W::new(how))
    }

    fn connect(&mut self, client: ProtocolRef, server: ProtocolRef) {
        self.0.connect(standing_by(client), standing_by(server));
    }

    fn pass(&self, wait: Duration) {
        self.0.pass(wait);
    }

    fn one_pass(&self) {
        self.0.one_pass();
    }

    fn clock(&self) -> Clock {
        self.0.clock()
    }
}

/// Write throttles with a rate that no case reaches, on any way.
pub struct Throttled<W> {
    way: W,
    how: How,
}

impl<W: Way> Way for Throttled<W> {
    const MUCH: usize = W::MUCH;
    const SHOWS_BREAK: bool = W::SHOWS_BREAK;
    const BREAKS_A_PAUSE: bool = W::BREAKS_A_PAUSE;

    fn new(how: How) -> Self {
        Throttled {
            way: W::new(how.clone()),
            how,
        }
    }

    fn connect(&mut self, client: ProtocolRef, server: ProtocolRef) {
        let [client, server] =
            [(client, &self.how.client), (server, &self.how.server)].map(|(above, settings)| {
                ThrottleWrites::each(u32::MAX, u32::MAX)
                    .output_limit(settings.output_limit)
                    .close_timeout(settings.close_timeout)
                    .wrap(above)
            });
        self.way.connect(client, server);
    }

    fn pass(&self, wait: Duration) {
        self.way.pass(wait);
    }

    fn one_pass(&self) {
        self.way.one_pass();
    }

    fn clock(&self) -> Clock {
        self.way.clock()
    }
}

/// The side that connects sends a PROXY header first, on any way.
pub struct Proxied<W>(W);

impl<W: Way> Way for Proxied<W> {
    const MUCH: usize = W::MUCH;
    const SHOWS_BREAK: bool = W::SHOWS_BREAK;
    const BREAKS_A_PAUSE: bool = W::BREAKS_A_PAUSE;

    fn new(how: How) -> Self {
        Proxied(W::new(how))
    }

    fn connect(&mut self, client: ProtocolRef, server: ProtocolRef) {
        // Which leaves the addresses as they are.
        let client = SendProxyHeader::v2(&ProxyHeader::local()).wrap(client);
        let server = ProxyProtocol::trusting_anyone().wrap(server);
        self.0.connect(client, server);
    }

    fn pass(&self, wait: Duration) {
        self.0.pass(wait);
    }

    fn one_pass(&self) {
        self.0.one_pass();
    }

    fn clock(&self) -> Clock {
        self.0.clock()
    }
}

/// The side that accepts counts its connections, on any way.
pub struct Limited<W> {
    way: W,
    limits: Limits,
}

impl<W: Way> Way for Limited<W> {
    const MUCH: usize = W::MUCH;
    const SHOWS_BREAK: bool = W::SHOWS_BREAK;
    const BREAKS_A_PAUSE: bool = W::BREAKS_A_PAUSE;

    fn new(how: How) -> Self {
        Limited {
            way: W::new(how),
            limits: Limits::new().total(1000),
        }
    }

    fn connect(&mut self, client: ProtocolRef, server: ProtocolRef) {
        let server = Cell::new(Some(server));
        let counted = self
            .limits
            .clone()
            .factory(retwist::factory(move |_| server.take()));
        let server = FactoryRef::from(counted).build_protocol(&Address::Unknown);
        self.way
            .connect(client, server.expect("it is below the limit"));
    }

    fn pass(&self, wait: Duration) {
        self.way.pass(wait);
    }

    fn one_pass(&self) {
        self.way.one_pass();
    }

    fn clock(&self) -> Clock {
        self.way.clock()
    }
}

/// The side that connects goes through a proxy, which the other side plays, on any way.
pub struct Through<P, W>(W, PhantomData<P>);

/// A kind of proxy: its client, and what it says to one.
pub trait Proxy: 'static {
    fn client(destination: Destination, above: ProtocolRef) -> ProtocolRef;

    /// How long the message is that `said` begins with, after `before` other messages, and what the
    /// answer is; true if it is the last one. `None` if the message is not complete.
    fn answer(before: usize, said: &[u8]) -> Option<(usize, &'static [u8], bool)>;
}

/// The part of the proxy until it relays.
struct Answers<P> {
    messages: usize,
    proxy: PhantomData<P>,
}

impl<P: Proxy> Opening for Answers<P> {
    type Error = Infallible;

    fn advance(&mut self, bytes: &[u8], reply: &mut Vec<u8>) -> Result<Step, Infallible> {
        let Some((used, answer, done)) = P::answer(self.messages, bytes) else {
            return Ok(Step::used(0));
        };
        self.messages += 1;
        reply.extend(answer);
        Ok(if done {
            Step::done(used)
        } else {
            Step::used(used)
        })
    }
}

impl<P: Proxy, W: Way> Way for Through<P, W> {
    const MUCH: usize = W::MUCH;
    const SHOWS_BREAK: bool = W::SHOWS_BREAK;
    const BREAKS_A_PAUSE: bool = W::BREAKS_A_PAUSE;

    fn new(how: How) -> Self {
        Through(W::new(how), PhantomData)
    }

    fn connect(&mut self, client: ProtocolRef, server: ProtocolRef) {
        let destination = Destination::new("example.org", 7).expect("a good name");
        let answers = Answers::<P> {
            messages: 0,
            proxy: PhantomData,
        };
        let server = OpeningLayer::new(answers, server);
        self.0
            .connect(P::client(destination, client), server.as_protocol());
    }

    fn pass(&self, wait: Duration) {
        self.0.pass(wait);
    }

    fn one_pass(&self) {
        self.0.one_pass();
    }

    fn clock(&self) -> Clock {
        self.0.clock()
    }
}

pub struct Socks;

impl Proxy for Socks {
    fn client(destination: Destination, above: ProtocolRef) -> ProtocolRef {
        SocksClient::to(destination).wrap(above)
    }

    fn answer(before: usize, said: &[u8]) -> Option<(usize, &'static [u8], bool)> {
        match (before, said) {
            (0, [5, 1, 0, ..]) => Some((3, b"\x05\0", false)),
            (1, [5, 1, 0, 3, length, ..]) => {
                let request = 5 + usize::from(*length) + 2;
                let answer = b"\x05\0\0\x01\0\0\0\0\0\0";
                (said.len() >= request).then_some((request, answer, true))
            }
            _ => None,
        }
    }
}

pub struct Http;

impl Proxy for Http {
    fn client(destination: Destination, above: ProtocolRef) -> ProtocolRef {
        HttpConnect::to(destination).wrap(above)
    }

    fn answer(_: usize, said: &[u8]) -> Option<(usize, &'static [u8], bool)> {
        let end = said.windows(4).position(|end| end == b"\r\n\r\n")? + 4;
        Some((end, b"HTTP/1.1 200 OK\r\n\r\n", true))
    }
}
