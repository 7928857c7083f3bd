//! Connecting by an endpoint's string, by name and through layers, and a conversation of async code
//! there, cancelled after every number of passes of the loop: no timer is left, no task and no
//! descriptor. Alone in its program, since descriptors are counted.

use std::error::Error;
use std::time::{Duration, Instant};

use futures_util::io::{AsyncReadExt, AsyncWriteExt};
use retwist::deferred::{Deferred, DialerExt, Executor};
use retwist::endpoint::{EndpointDialer, Network, client_from_string, server_from_string};
use retwist::{Protocol, Reactor, ReactorSettings, TransportRef};

const PATIENCE: Duration = Duration::from_secs(20);

struct Echo;

impl Protocol for Echo {
    fn data_received(&mut self, transport: &TransportRef, data: &[u8]) {
        transport.write(data);
    }
}

/// Closes as soon as it is connected.
struct Closing;

impl Protocol for Closing {
    fn connection_made(&mut self, transport: &TransportRef) {
        transport.lose_connection();
    }

    fn data_received(&mut self, _: &TransportRef, _: &[u8]) {}
}

/// What is cancelled.
type Operation = fn(&EndpointDialer, &Executor) -> Deferred<(), Box<dyn Error>>;

fn callbacks(dialer: &EndpointDialer, _: &Executor) -> Deferred<(), Box<dyn Error>> {
    dialer.connect_to(Closing).map(drop).map_err(Into::into)
}

fn conversation(dialer: &EndpointDialer, executor: &Executor) -> Deferred<(), Box<dyn Error>> {
    let dialer = dialer.clone();
    executor.spawn(async move {
        let mut connection = dialer.open().await?;
        let text = [b'x'; 100_000];
        connection.write_all(&text).await?;
        connection.read_exact(&mut [0; 100_000]).await?;
        connection.close().await?;
        connection.read_to_end(&mut Vec::new()).await?;
        Ok(())
    })
}

/// The descriptors that are open, the calls that wait for their time, and the tasks.
fn left(reactor: &Reactor, executor: &Executor) -> (usize, usize, usize) {
    let descriptors = std::fs::read_dir("/proc/self/fd").unwrap().count();
    let calls = reactor.clock().pending_calls();
    (descriptors, calls, executor.running_tasks())
}

#[test]
fn cancelled_after_any_number_of_passes_nothing_is_left() -> Result<(), Box<dyn Error>> {
    let pem = std::env::temp_dir().join(format!("retwist-leaks-{}.pem", std::process::id()));
    let signed = rcgen::generate_simple_self_signed(["localhost".to_owned()])?;
    std::fs::write(
        &pem,
        signed.cert.pem() + &signed.signing_key.serialize_pem(),
    )?;
    let pem = pem.display();

    let reactor = Reactor::with_settings(ReactorSettings {
        signals: false,
        ..ReactorSettings::default()
    })?;
    let network = Network::new(&reactor);
    let servers = ["".to_owned(), format!("tls:privateKey={pem}:haproxy:")];
    let ports = servers.map(|layers| {
        let endpoint = format!("{layers}tcp:0:interface=127.0.0.1");
        let endpoint = server_from_string(&endpoint).unwrap();
        let port = endpoint.listen(&*reactor, |_| Echo).unwrap();
        port.address().socket().unwrap().port()
    });
    let [clear, secure] = ports;
    let tls = format!("timeout:total=20:tap:tls:trustRoots={pem}");
    let endpoints = [
        format!("tcp:localhost:{clear}"),
        format!("{tls}:haproxy:tcp:localhost:{secure}"),
        // Neither answers as a client of TLS, or of SOCKS, expects it.
        format!("{tls}:tcp:localhost:{clear}"),
        format!("socks:host=example.org:port=80:tcp:127.0.0.1:{clear}"),
        "tcp:localhost:1".to_owned(),
    ];
    let executor = Executor::new(&reactor);
    let operations: [Operation; 2] = [callbacks, conversation];
    let before = left(&reactor, &executor);
    let each = endpoints
        .iter()
        .flat_map(|endpoint| operations.map(|operation| (endpoint, operation)));
    for (endpoint, operation) in each {
        let dialer = client_from_string(endpoint)?.on(&network);
        for passes in 0.. {
            let mut connecting = operation(&dialer, &executor);
            for _ in 0..passes {
                reactor.iterate(Duration::from_millis(1))?;
            }
            let finished = connecting.is_called();
            connecting.cancel();
            assert!(
                connecting.take().is_some(),
                "{endpoint} has an outcome at once"
            );
            let deadline = Instant::now() + PATIENCE;
            while left(&reactor, &executor) != before {
                let now = left(&reactor, &executor);
                assert!(
                    Instant::now() < deadline,
                    "{endpoint}: {now:?}, not {before:?}"
                );
                reactor.iterate(Duration::from_millis(1))?;
            }
            if finished {
                break;
            }
        }
    }
    std::fs::remove_file(pem.to_string())?;
    Ok(())
}
