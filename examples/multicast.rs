//! Finds its peers: the programs of this kind on the same network, without a server.
//!
//! ```text
//! cargo run --release --example multicast -- --name ann
//! cargo run --release --example multicast -- --name bob
//! ```
//!
//! All of them join one multicast group. Each says hello to it when it starts, each second, and
//! as soon as it hears of one that it did not know; and goodbye when it is stopped. A peer that says
//! nothing for three seconds has gone too.

mod support;

use std::cell::Cell;
use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::process::ExitCode;
use std::rc::Rc;
use std::time::{Duration, Instant};

use lexopt::{Arg, ValueExt};
use retwist::{
    Address, DatagramProtocol, DatagramTransport, NetworkInterface, ReactorHandle, UdpListen,
    error_chain,
};

use support::{Mistake, fail, say};

const HELP: &str = "
Finds its peers: the programs of this kind on the same network. Each one that comes and goes is a line.

Usage: multicast [--name NAME] [--group ADDRESS] [--port N] [--interface ADDRESS|NUMBER] [--hops N]

--name NAME     what the others call this one, up to 64 letters; default: the number of the process
--group ADDRESS the multicast group, IPv4 or IPv6; default 239.255.82.84
--port N        the port of the group; default 8010
--interface I   the network to look in: for IPv4 an address of this machine, for IPv6 the number of an interface;
                default: the system's choice
--hops N        how far to look, from 0 (this machine) over 1 (this network) up to 255; default 1
";

/// How often each one says hello, and after how long a silent one has gone.
const EVERY: Duration = Duration::from_secs(1);
const GONE: Duration = Duration::from_secs(3);

/// Any host may send to the group: this is all that it can make a finder remember.
const MOST_PEERS: usize = 1000;
const LONGEST_NAME: usize = 64;

struct Finder {
    group: SocketAddr,
    interface: NetworkInterface,
    hops: u8,
    name: String,
    /// Tells this program from its peers, which share its port, and perhaps its address.
    id: u64,
    peers: HashMap<u64, Peer>,
    reactor: ReactorHandle,
    /// Why it could not begin.
    failed: Rc<Cell<Option<Mistake>>>,
}

struct Peer {
    name: String,
    heard: Instant,
}

impl Finder {
    fn say(&self, transport: &DatagramTransport, word: &str) {
        let message = format!("{word} {:016x} {}", self.id, self.name);
        transport.send_to(message.as_bytes(), &Address::Udp(self.group));
    }

    /// Says hello, forgets the silent ones, and comes again.
    fn tick(&mut self, transport: &DatagramTransport) {
        self.say(transport, "hello");
        let now = transport.clock().now();
        self.peers.retain(|_, peer| {
            let stays = now.saturating_duration_since(peer.heard) < GONE;
            if !stays {
                say(&format!("lost {}", peer.name));
            }
            stays
        });
        transport.call_later(EVERY, self, Self::tick);
    }

    fn hello(&mut self, transport: &DatagramTransport, id: u64, name: &str, from: &Address) {
        let heard = transport.clock().now();
        if let Some(peer) = self.peers.get_mut(&id) {
            peer.heard = heard;
            return;
        }
        if self.peers.len() == MOST_PEERS {
            log::warn!("{name} at {from} is one peer too many");
            return;
        }
        let name = name.to_owned();
        // Of several on one machine, the port is the same.
        let place = from
            .ip()
            .map_or_else(|| from.to_string(), |ip| ip.to_string());
        say(&format!("found {name} at {place}"));
        self.peers.insert(id, Peer { name, heard });
        // It has just come, and wants to know who is there.
        self.say(transport, "hello");
    }
}

impl DatagramProtocol for Finder {
    fn start_protocol(&mut self, transport: &DatagramTransport) {
        let ready = transport
            .join_group(self.group.ip(), self.interface)
            .and_then(|()| transport.set_multicast_interface(self.interface))
            .and_then(|()| transport.set_multicast_ttl(self.hops));
        if let Err(error) = ready {
            let cannot = format!("cannot join {}: {}", self.group, error_chain(&error));
            self.failed.set(Some(cannot.into()));
            return self.reactor.stop();
        }
        self.tick(transport);
    }

    fn datagram_received(&mut self, transport: &DatagramTransport, data: &[u8], from: &Address) {
        match parse(data) {
            Some((_, id, _)) if id == self.id => {}
            Some(("hello", id, name)) => self.hello(transport, id, name, from),
            Some(("goodbye", id, _)) => {
                if let Some(peer) = self.peers.remove(&id) {
                    say(&format!("lost {}", peer.name));
                }
            }
            _ => log::info!("{from} sent something else"),
        }
    }

    fn shutting_down(&mut self, transport: &DatagramTransport) {
        self.say(transport, "goodbye");
        transport.stop_listening();
    }
}

/// The parts of a message: a word, the number of a finder, and its name.
fn parse(data: &[u8]) -> Option<(&str, u64, &str)> {
    let mut parts = std::str::from_utf8(data).ok()?.splitn(3, ' ');
    let (word, id, name) = (parts.next()?, parts.next()?, parts.next()?);
    let id = u64::from_str_radix(id, 16).ok()?;
    is_name(name).then_some((word, id, name))
}

/// A name goes to the terminal.
fn is_name(name: &str) -> bool {
    let letters = name.chars().filter(|letter| !letter.is_control()).count();
    letters == name.chars().count() && (1..=LONGEST_NAME).contains(&letters)
}

fn main() -> ExitCode {
    let failed = Rc::new(Cell::new(None));
    let failing = failed.clone();
    let code = support::main_about(HELP, "", move |reactor, mut arguments| {
        let mut name = std::process::id().to_string();
        let (mut group, mut port) = (IpAddr::from([239, 255, 82, 84]), 8010);
        let (mut interface, mut hops) = (NetworkInterface::Any, 1);
        while let Some(argument) = arguments.next()? {
            match argument {
                Arg::Long("name") => name = arguments.value()?.string()?,
                Arg::Long("group") => group = support::value(&mut arguments, "--group")?,
                Arg::Long("port") => port = support::value(&mut arguments, "--port")?,
                Arg::Long("interface") => {
                    interface = parse_interface(&arguments.value()?.string()?)?
                }
                Arg::Long("hops") => hops = support::value(&mut arguments, "--hops")?,
                other => return Err(other.unexpected().into()),
            }
        }
        if !is_name(&name) {
            return Err(
                format!("a name has 1 to {LONGEST_NAME} letters, and {name:?} has not").into(),
            );
        }
        if !group.is_multicast() {
            return Err(format!("{group} is not a multicast group").into());
        }
        if port == 0 {
            return Err("--port: the peers can only meet at a port from 1 to 65535".into());
        }
        let any = match group {
            IpAddr::V4(_) => IpAddr::from(Ipv4Addr::UNSPECIFIED),
            IpAddr::V6(_) => IpAddr::from(Ipv6Addr::UNSPECIFIED),
        };
        // Several finders may run on one machine.
        let options = UdpListen::address((any, port).into()).reuse_address(true);
        let finder = Finder {
            group: (group, port).into(),
            interface,
            hops,
            name,
            id: RandomState::new().build_hasher().finish(),
            peers: HashMap::new(),
            reactor: reactor.handle(),
            failed: failing,
        };
        let port = reactor.listen_udp(options, finder)?;
        reactor.call_when_running(move || say(&format!("listening on {}", port.address())));
        Ok(())
    });
    match failed.take() {
        Some(mistake) => fail(&*mistake, 2),
        None => code,
    }
}

fn parse_interface(text: &str) -> Result<NetworkInterface, Mistake> {
    if let Ok(address) = text.parse::<Ipv4Addr>() {
        return Ok(address.into());
    }
    match text.parse() {
        Ok(number) => Ok(NetworkInterface::Index(number)),
        Err(_) => {
            Err(format!("{text:?} is not an IPv4 address or the number of an interface").into())
        }
    }
}
