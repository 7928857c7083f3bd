use std::io;
use std::marker::PhantomData;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use retwist_reactor::{Clock, DescriptorStream, ProtocolRef, Reactor, StreamSettings};

use super::Cut;
use crate::streams::{Ability, Facts, How, Way};

/// Streams over descriptors, in pairs of this kind: [`Pipes`], [`SocketPair`], or others.
pub struct Descriptors<P> {
    how: How,
    reactor: Reactor,
    pairs: PhantomData<P>,
}

/// How the two ends of a connection are made.
pub trait Pairs: 'static {
    /// Both ends.
    fn pair() -> io::Result<[DescriptorStream; 2]>;
}

/// Two pipes, one for each direction.
#[derive(Debug)]
pub struct Pipes;

/// Two sockets, each one descriptor for both directions.
#[derive(Debug)]
pub struct SocketPair;

impl Pairs for Pipes {
    fn pair() -> io::Result<[DescriptorStream; 2]> {
        let (here, to_here) = io::pipe()?;
        let (there, to_there) = io::pipe()?;
        Ok([
            DescriptorStream::pair(here, to_there),
            DescriptorStream::pair(there, to_here),
        ])
    }
}

impl Pairs for SocketPair {
    fn pair() -> io::Result<[DescriptorStream; 2]> {
        let (here, there) = UnixStream::pair()?;
        Ok([here, there].map(|socket| DescriptorStream::new(OwnedFd::from(socket))))
    }
}

impl<P: Pairs> Way for Descriptors<P> {
    fn facts() -> Facts {
        Facts::new(8_000_000)
            .without(Ability::ShowBreak)
            .without(Ability::BreakAPause)
            .without(Ability::NameEnds)
            .without(Ability::MoveTime)
    }

    fn new(how: How) -> Self {
        Descriptors {
            how,
            reactor: Reactor::new().unwrap(),
            pairs: PhantomData,
        }
    }

    fn connect(&mut self, client: ProtocolRef, server: ProtocolRef) {
        let open = |stream: DescriptorStream, protocol, settings: &StreamSettings| {
            let protocol = Cut::under(protocol, self.how.cut);
            let stream = stream.settings(settings.clone());
            self.reactor.open_descriptors(stream, protocol).unwrap();
        };
        let [here, there] = P::pair().unwrap();
        open(there, server, &self.how.server);
        open(here, client, &self.how.client);
    }

    fn pass(&self, wait: Duration) {
        self.reactor.iterate(wait).unwrap();
    }

    fn one_pass(&self) {
        self.pass(Duration::ZERO);
    }

    fn clock(&self) -> Clock {
        self.reactor.clock().clone()
    }
}
