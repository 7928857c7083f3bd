//! What an idle TLS connection costs, beside rustls's own state, counted by the allocator.

use std::alloc::System;
use std::cell::Cell;
use std::hint::black_box;
use std::net::Ipv4Addr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use rcgen::generate_simple_self_signed;
use retwist::tls::rustls::client::UnbufferedClientConnection;
use retwist::tls::rustls::pki_types::ServerName;
use retwist::tls::rustls::server::UnbufferedServerConnection;
use retwist::tls::rustls::unbuffered::{ConnectionState, EncodeError};
use retwist::tls::rustls::{ClientConfig, ServerConfig};
use retwist::tls::{ClientOptions, Identity, ServerOptions, TlsRole, TlsTransport, TrustRoots};
use retwist::{
    FactoryRef, Layer, Protocol, ProtocolRef, Reactor, TcpListen, TransportRef, factory,
};
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

#[global_allocator]
static GLOBAL: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const CONNECTIONS: usize = 200;
/// Both ends are counted, and each may cost this much more than what rustls takes.
const MORE: usize = 2 * 1024;

/// Says one thing when it can, and is quiet from then on.
struct Quiet {
    heard: Rc<Cell<usize>>,
}

impl Protocol for Quiet {
    fn connection_made(&mut self, transport: &TransportRef) {
        transport.write(b"hello");
    }

    fn data_received(&mut self, _: &TransportRef, data: &[u8]) {
        self.heard.set(self.heard.get() + data.len());
    }
}

/// Connections of a reactor with itself, each with whatever `dress` puts under its two ends.
fn joined(dress: impl Fn(Quiet, bool) -> ProtocolRef + 'static) -> impl Fn() {
    let reactor = Reactor::new().unwrap();
    let heard = Rc::new(Cell::new(0));
    let (count, dress) = (heard.clone(), Rc::new(dress));
    let end = move |accepts: bool| {
        let (heard, dress) = (count.clone(), dress.clone());
        factory(move |_| {
            dress(
                Quiet {
                    heard: heard.clone(),
                },
                accepts,
            )
        })
    };
    let listen = TcpListen::port(0).interface(Ipv4Addr::LOCALHOST);
    let port = reactor.listen_tcp_factory(listen, end(true)).unwrap();
    let address = port.address().socket().unwrap();
    let client = FactoryRef::from(end(false));
    move || {
        let before = heard.get();
        reactor.connect_tcp_factory(address, client.clone());
        while heard.get() < before + 2 * b"hello".len() {
            reactor.iterate(Duration::from_secs(1)).unwrap();
        }
    }
}

/// One test, since the allocator counts for the whole process: others would be counted with it.
#[test]
fn an_idle_tls_connection_costs_what_rustls_takes_and_a_kilobyte_at_most() {
    let (server, client) = configs();
    let bare = each(|| bare_pair(&server, &client));
    let plain = each(joined(|quiet, _| quiet.into()));
    let ours = each(joined(move |quiet, accepts| {
        let role = if accepts {
            TlsRole::server(server.clone())
        } else {
            TlsRole::client(client.clone(), "localhost").unwrap()
        };
        TlsTransport::new(role, quiet).as_protocol()
    }));
    println!("two ends, idle: rustls {bare} bytes, in clear {plain}, with TLS {ours}");
    assert!(
        ours <= plain + bare + MORE,
        "{ours} > {plain} + {bare} + {MORE}"
    );
}

/// How many bytes one of them holds.
fn each<T>(make: impl Fn() -> T) -> usize {
    // What is made once for all of them.
    let first = make();
    let mut kept = Vec::with_capacity(CONNECTIONS);
    let region = Region::new(GLOBAL);
    kept.extend((0..CONNECTIONS).map(|_| make()));
    let change = region.change();
    black_box((first, kept));
    change
        .bytes_allocated
        .saturating_sub(change.bytes_deallocated)
        / CONNECTIONS
}

/// No session is kept, which would count for the connection that left it.
fn configs() -> (Arc<ServerConfig>, Arc<ClientConfig>) {
    let made = generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (chain, key) = (made.cert.pem(), made.signing_key.serialize_pem());
    let server = ServerOptions::new(Identity::from_pem(&chain, &key).unwrap()).tickets(0);
    let client = ClientOptions::new(TrustRoots::from_pem(&chain).unwrap()).no_resumption();
    (server.build().unwrap(), client.build().unwrap())
}

/// Brings one end as far as it goes. True when its handshake is over.
macro_rules! drive {
    ($connection:expr, $input:expr, $output:expr) => {
        loop {
            let status = $connection.process_tls_records($input);
            let used = status.discard;
            let over = match status.state.unwrap() {
                ConnectionState::EncodeTlsData(mut data) => {
                    let begin = $output.len();
                    if let Err(EncodeError::InsufficientSize(needed)) = data.encode(&mut []) {
                        $output.resize(begin + needed.required_size, 0);
                        data.encode(&mut $output[begin..]).unwrap();
                    }
                    None
                }
                ConnectionState::TransmitTlsData(data) => {
                    data.done();
                    None
                }
                ConnectionState::BlockedHandshake => Some(false),
                ConnectionState::WriteTraffic(_) => Some(true),
                other => panic!("{other:?}"),
            };
            $input.drain(..used);
            if let Some(over) = over {
                break over;
            }
        }
    };
}

fn bare_pair(
    server: &Arc<ServerConfig>,
    client: &Arc<ClientConfig>,
) -> (
    Box<UnbufferedServerConnection>,
    Box<UnbufferedClientConnection>,
) {
    let name = ServerName::try_from("localhost").unwrap();
    let mut client = UnbufferedClientConnection::new(client.clone(), name)
        .map(Box::new)
        .unwrap();
    let mut server = UnbufferedServerConnection::new(server.clone())
        .map(Box::new)
        .unwrap();
    let (mut to_server, mut to_client) = (Vec::new(), Vec::new());
    loop {
        let client_over = drive!(client, &mut to_client, to_server);
        let server_over = drive!(server, &mut to_server, to_client);
        if client_over && server_over && to_client.is_empty() {
            return (server, client);
        }
    }
}
