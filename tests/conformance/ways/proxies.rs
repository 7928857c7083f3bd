use std::convert::Infallible;
use std::marker::PhantomData;

use retwist::protocols::{
    Destination, HttpConnect, Opening, OpeningLayer, Policy, SocksClient, Step,
};
use retwist::{Layer, ProtocolRef};
use retwist_conformance::streams::{How, Layering};

/// The side that connects goes through a proxy, which the other side plays.
pub struct Through<P>(PhantomData<P>);

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

impl<P: Proxy> Layering for Through<P> {
    fn new(_: &How) -> Self {
        Through(PhantomData)
    }

    fn client(&self, above: ProtocolRef) -> ProtocolRef {
        P::client(
            Destination::new("example.org", 7).expect("a good name"),
            above,
        )
    }

    fn server(&self, above: ProtocolRef) -> ProtocolRef {
        let answers = Answers::<P> {
            messages: 0,
            proxy: PhantomData,
        };
        OpeningLayer::new(answers, above).as_protocol()
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
