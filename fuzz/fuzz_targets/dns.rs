//! What a name server answers, over UDP and over TCP, and what stands in `resolv.conf`.
#![no_main]

use std::rc::Rc;

use libfuzzer_sys::fuzz_target;
use retwist::deferred::names::{DnsResolver, DnsSettings, RecordType};
use retwist::testing::MemoryReactor;
use retwist::{
    Address, DatagramProtocol, DatagramTransport, Protocol, ReactorUdp, TransportRef, UdpListen,
};
use retwist_fuzz::at_any_cut;

const SERVER: &str = "192.0.2.53:53";

fuzz_target!(|input: (u8, &[u8])| {
    let (kind, bytes) = input;
    match kind % 5 {
        0 => drop(ask(bytes, false, Over::Datagrams)),
        1 => drop(ask(bytes, true, Over::Datagrams)),
        2 => at_any_cut(bytes, |cut| ask(bytes, true, Over::Stream(cut))),
        3 => at_any_cut(bytes, |cut| ask(bytes, false, Over::Stream(cut))),
        _ => {
            let text = String::from_utf8_lossy(bytes);
            let settings = DnsSettings::default().with_resolv_conf(&text);
            assert!((1..=3).contains(&settings.servers.len()) && settings.attempts > 0);
            let _ = text.parse::<RecordType>();
        }
    }
});

#[derive(Clone, Copy, PartialEq)]
enum Over {
    Datagrams,
    Stream(usize),
}

/// Asks a server that answers with these bytes: as they are, or behind the id of the query, so that they are taken for an
/// answer. Returns what is found.
fn ask(bytes: &[u8], with_id: bool, over: Over) -> String {
    let reactor = Rc::new(MemoryReactor::new());
    let server = SERVER.parse().expect("an address");
    let answer = Server {
        bytes: bytes.to_vec(),
        with_id,
    };
    let settings = DnsSettings {
        servers: vec![server],
        use_tcp: over != Over::Datagrams,
        ..DnsSettings::default()
    };
    let limit = settings.deadline;
    let names = DnsResolver::new(reactor.clone(), settings);
    if over == Over::Datagrams {
        let listen = UdpListen::address(server);
        let port = reactor.listen_datagrams(listen, answer.clone().into());
        port.expect("the port is free");
    }
    let tcp = reactor.listen_tcp(server, move |_: &Address| answer.clone());
    tcp.expect("the port is free");
    let any = RecordType::Other(255);
    let mut found = names.lookup("example.org", any);
    let mut pairs = Vec::new();
    for _ in 0..40 {
        reactor.clock().run();
        for pending in reactor.connecting() {
            let pair = reactor.complete(&pending);
            pairs.extend(pair.map(|pair| match over {
                Over::Stream(cut) => pair.cut(cut),
                Over::Datagrams => pair,
            }));
        }
    }
    reactor.clock().advance(limit);
    let outcome = found.take().expect("an end");
    let text = outcome.map(|answer| {
        let records = answer.aliases.iter().chain(&answer.records);
        records
            .map(|record| format!("{} {}\n", record.name, record.data))
            .collect::<String>()
    });
    drop(pairs);
    reactor.clock().run();
    assert_eq!(reactor.clock().pending_calls(), 0, "a timer is left");
    assert!(reactor.connecting().is_empty(), "a connection is left");
    format!("{text:?}")
}

#[derive(Clone)]
struct Server {
    bytes: Vec<u8>,
    with_id: bool,
}

impl Server {
    fn answer(&self, query: &[u8]) -> Vec<u8> {
        let id = if self.with_id { &query[..2] } else { &[] };
        [id, &self.bytes].concat()
    }
}

impl DatagramProtocol for Server {
    fn datagram_received(&mut self, transport: &DatagramTransport, data: &[u8], from: &Address) {
        transport.send_to(&self.answer(data), from);
    }
}

impl Protocol for Server {
    fn data_received(&mut self, transport: &TransportRef, data: &[u8]) {
        // The query comes cut as well: its id in the first four bytes, behind its length.
        let Some(query) = data.get(2..).filter(|query| query.len() > 2) else {
            return transport.unread(data);
        };
        let answer = self.answer(query);
        if self.with_id {
            let length = u16::try_from(answer.len()).unwrap_or(u16::MAX);
            transport.write(&length.to_be_bytes());
        }
        transport.write(&answer);
        self.bytes.clear();
    }
}
