//! Name servers in memory, and a resolver that asks them.

use std::cell::RefCell;
use std::fmt::Debug;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::{Name, RData, Record, rdata};
use retwist_deferred::names::{Answer, DnsError, DnsResolver, DnsSettings, RecordType};
use retwist_deferred::{Deferred, Outcome};
use retwist_reactor::testing::{MemoryReactor, Pair};
use retwist_reactor::{
    Address, DatagramProtocol, DatagramTransport, Protocol, TransportRef, UdpListen,
};

pub(crate) const ONE: &str = "192.0.2.53:53";
pub(crate) const TWO: &str = "192.0.2.54:53";
pub(crate) const SECOND: Duration = Duration::from_secs(1);
pub(crate) const TIMEOUT: Duration = Duration::from_secs(5);

/// A reactor without a network, and a resolver on it.
pub(crate) struct World {
    pub(crate) reactor: Rc<MemoryReactor>,
    pub(crate) names: DnsResolver,
    servers: std::cell::Cell<usize>,
}

/// The questions that a server has been asked, in order, as messages.
pub(crate) type Asked = Rc<RefCell<Vec<Message>>>;

pub(crate) fn settings(servers: &[&str]) -> DnsSettings {
    DnsSettings {
        servers: servers.iter().map(|server| address(server)).collect(),
        ..DnsSettings::default()
    }
}

pub(crate) fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

pub(crate) fn name(text: &str) -> Name {
    let mut name = Name::from_ascii(text).unwrap();
    name.set_fqdn(true);
    name
}

impl World {
    /// A world with one server that is known to the resolver.
    pub(crate) fn new() -> Self {
        World::with(settings(&[ONE]))
    }

    pub(crate) fn with(settings: DnsSettings) -> Self {
        let reactor = Rc::new(MemoryReactor::new());
        World {
            names: DnsResolver::new(reactor.clone(), settings),
            reactor,
            servers: std::cell::Cell::new(0),
        }
    }

    /// A server that sends these datagrams in answer to each.
    pub(crate) fn serve_bytes(
        &self,
        at: &str,
        answer: impl FnMut(&Message) -> Vec<Vec<u8>> + 'static,
    ) -> Asked {
        let asked = Asked::default();
        let server = Server {
            asked: asked.clone(),
            answer,
        };
        let listen = UdpListen::address(address(at));
        self.reactor.datagrams().listen_udp(listen, server).unwrap();
        self.servers.set(self.servers.get() + 1);
        asked
    }

    /// A server with one answer to each question.
    pub(crate) fn serve(
        &self,
        at: &str,
        mut answer: impl FnMut(&Message) -> Message + 'static,
    ) -> Asked {
        self.serve_bytes(at, move |query| vec![answer(query).to_vec().unwrap()])
    }

    /// A server that knows these records.
    pub(crate) fn serve_zone(&self, at: &str, records: Vec<Record>) -> Asked {
        self.serve(at, move |query| from_zone(query, &records))
    }

    /// Looks up and lets everything happen that takes no time.
    pub(crate) fn lookup(&self, host: &str, kind: RecordType) -> Deferred<Answer, DnsError> {
        let found = self.names.lookup(host, kind);
        self.run();
        found
    }

    /// The texts of the records that a look-up finds at once.
    pub(crate) fn found(&self, host: &str, kind: RecordType) -> Vec<String> {
        texts(&now(self.lookup(host, kind)).unwrap())
    }

    pub(crate) fn run(&self) {
        self.reactor.clock().run();
    }

    pub(crate) fn advance(&self, time: Duration) {
        self.reactor.clock().advance(time);
    }

    /// The ports from which questions are being asked.
    pub(crate) fn asking(&self) -> usize {
        self.reactor.datagrams().listening().len() - self.servers.get()
    }

    /// Nothing is left of the work: no port, no connection, no timer.
    pub(crate) fn assert_clean(&self) {
        self.run();
        assert_eq!(self.asking(), 0, "ports");
        assert_eq!(self.reactor.connecting().len(), 0, "connections");
        assert_eq!(self.reactor.clock().pending_calls(), 0, "timers");
    }

    /// A server over TCP, which sends these bytes in answer to each message.
    pub(crate) fn serve_tcp(
        &self,
        at: &str,
        answer: impl Fn(&Message) -> Vec<u8> + Clone + 'static,
    ) {
        let build = move |_: &Address| TcpServer {
            received: Vec::new(),
            answer: answer.clone(),
        };
        self.reactor.listen_tcp(address(at), build).unwrap();
    }

    /// Makes the connection that is being made.
    pub(crate) fn connect(&self) -> Option<Pair> {
        let pending = self.reactor.connecting().remove(0);
        self.reactor.complete(&pending)
    }
}

/// The outcome that is there.
pub(crate) fn now<T: Debug, E: retwist_deferred::IntoBoxedError + Debug>(
    mut deferred: Deferred<T, E>,
) -> Outcome<T, E> {
    deferred.take().expect("there is no outcome yet")
}

/// The records of an answer as `dig +short` prints them: first the aliases.
pub(crate) fn texts(answer: &Answer) -> Vec<String> {
    let records = answer.aliases.iter().chain(&answer.records);
    records.map(|record| record.data.to_string()).collect()
}

struct Server<F> {
    asked: Asked,
    answer: F,
}

impl<F: FnMut(&Message) -> Vec<Vec<u8>> + 'static> DatagramProtocol for Server<F> {
    fn datagram_received(&mut self, transport: &DatagramTransport, data: &[u8], from: &Address) {
        let query = Message::from_vec(data).unwrap();
        self.asked.borrow_mut().push(query.clone());
        for datagram in (self.answer)(&query) {
            transport.send_to(&datagram, from);
        }
    }
}

struct TcpServer<F> {
    received: Vec<u8>,
    answer: F,
}

impl<F: Fn(&Message) -> Vec<u8> + 'static> Protocol for TcpServer<F> {
    fn data_received(&mut self, transport: &TransportRef, data: &[u8]) {
        self.received.extend_from_slice(data);
        while let [high, low, rest @ ..] = &self.received[..] {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            let Some(message) = rest.get(..length) else {
                return;
            };
            let query = Message::from_vec(message).unwrap();
            transport.write(&(self.answer)(&query));
            self.received.drain(..length + 2);
        }
    }
}

/// A message as it goes over TCP.
pub(crate) fn framed(message: &[u8]) -> Vec<u8> {
    let mut bytes = u16::try_from(message.len()).unwrap().to_be_bytes().to_vec();
    bytes.extend_from_slice(message);
    bytes
}

/// An empty answer of a server that asks others.
pub(crate) fn reply(query: &Message) -> Message {
    let mut reply = Message::response(query.metadata.id, query.metadata.op_code);
    reply.metadata.recursion_desired = true;
    reply.metadata.recursion_available = true;
    reply.add_queries(query.queries.iter().cloned());
    reply
}

/// An answer with these records.
pub(crate) fn reply_with(query: &Message, records: Vec<Record>) -> Message {
    let mut reply = reply(query);
    reply.add_answers(records);
    reply
}

/// An answer that has a code alone.
pub(crate) fn reply_code(query: &Message, code: ResponseCode) -> Message {
    let mut reply = reply(query);
    reply.metadata.response_code = code;
    reply
}

/// The answer of a server that knows these records, and follows aliases.
pub(crate) fn from_zone(query: &Message, records: &[Record]) -> Message {
    let mut reply = reply(query);
    let question = &query.queries[0];
    let mut at = question.name().clone();
    for _ in 0..20 {
        let here = || records.iter().filter(|record| record.name == at);
        let wanted: Vec<_> = here()
            .filter(|record| record.record_type() == question.query_type())
            .cloned()
            .collect();
        if !wanted.is_empty() {
            reply.add_answers(wanted);
            return reply;
        }
        let alias = here().find_map(|record| match &record.data {
            RData::CNAME(target) => Some((record.clone(), target.0.clone())),
            _ => None,
        });
        let exists = here().next().is_some();
        let Some((alias, target)) = alias else {
            reply.add_authorities([soa(60, 30)]);
            if !exists {
                reply.metadata.response_code = ResponseCode::NXDomain;
            }
            return reply;
        };
        reply.add_answer(alias);
        at = target;
    }
    reply
}

pub(crate) fn record(owner: &str, ttl: u32, data: RData) -> Record {
    Record::from_rdata(name(owner), ttl, data)
}

pub(crate) fn a(owner: &str, address: &str) -> Record {
    record(owner, 300, RData::A(rdata::A(address.parse().unwrap())))
}

pub(crate) fn aaaa(owner: &str, address: &str) -> Record {
    record(
        owner,
        300,
        RData::AAAA(rdata::AAAA(address.parse().unwrap())),
    )
}

pub(crate) fn cname(owner: &str, target: &str) -> Record {
    record(owner, 300, RData::CNAME(rdata::CNAME(name(target))))
}

/// The SOA record of a zone that says how long absence may be kept.
pub(crate) fn soa(ttl: u32, minimum: u32) -> Record {
    let soa = rdata::SOA::new(
        name("ns.example"),
        name("root.example"),
        1,
        2,
        3,
        4,
        minimum,
    );
    record("example", ttl, RData::SOA(soa))
}
