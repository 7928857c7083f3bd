//! Async code over TLS: from the first byte, and entered in the middle of a conversation, cut to
//! any size.

use std::io;
use std::rc::Rc;
use std::time::Duration;

use futures_util::io::{AsyncReadExt, AsyncWriteExt};
use retwist::deferred::{AsyncTransport, Deferred, Executor};
use retwist::testing::{ManualClock, Pair, Side};
use retwist::tls::{
    ClientOptions, Identity, ServerOptions, TlsError, TlsRole, TlsTransport, TrustRoots, start_tls,
};
use retwist::{Layer, Reason};

const CUTS: [usize; 7] = [1, 2, 3, 7, 64, 1000, usize::MAX];

fn roles() -> (TlsRole, TlsRole) {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let certificate = made.cert.pem();
    let identity = Identity::from_pem(&certificate, made.signing_key.serialize_pem()).unwrap();
    let server = ServerOptions::new(identity).build().unwrap();
    let roots = TrustRoots::from_pem(&certificate).unwrap();
    let client = ClientOptions::new(roots).build().unwrap();
    (
        TlsRole::client(client, "localhost").unwrap(),
        TlsRole::server(server),
    )
}

type Opening = Deferred<AsyncTransport, Reason>;

/// Two of them, with TLS between them.
fn tls_pair(clock: &Rc<ManualClock>) -> (Pair, Opening, Opening) {
    let (client_role, server_role) = roles();
    let (client, from_client) = AsyncTransport::protocol();
    let (server, from_server) = AsyncTransport::protocol();
    let client = TlsTransport::new(client_role, client).as_protocol();
    let server = TlsTransport::new(server_role, server).as_protocol();
    (Pair::on(clock, client, server), from_client, from_server)
}

fn payload() -> Vec<u8> {
    (0..20_000).map(|index| (index % 251) as u8).collect()
}

async fn echo(opening: Opening) -> io::Result<()> {
    let mut connection = opening.await?;
    let mut all = Vec::new();
    connection.read_to_end(&mut all).await?;
    connection.write_all(&all).await?;
    connection.close().await
}

#[test]
fn tls_from_the_first_byte() {
    for cut in CUTS {
        let clock = Rc::new(ManualClock::new());
        let executor = Executor::on_clock(&clock);
        let (pair, from_client, from_server) = tls_pair(&clock);
        let pair = pair.cut(cut);
        let mut serving = executor.spawn(echo(from_server));
        let mut client = executor.spawn(async move {
            let mut connection = from_client.await?;
            connection.write_all(&payload()).await?;
            connection.close().await?;
            let mut all = Vec::new();
            connection.read_to_end(&mut all).await?;
            Ok::<_, io::Error>(all)
        });
        pair.advance(Duration::from_secs(5));
        assert!(client.take().unwrap().unwrap() == payload(), "at {cut}");
        serving.take().unwrap().unwrap();
        assert_eq!(clock.pending_calls(), 0, "at {cut}");
    }
}

#[test]
fn an_end_without_close_notify_is_an_error_with_its_reason() {
    let clock = Rc::new(ManualClock::new());
    let executor = Executor::on_clock(&clock);
    let (pair, mut from_client, _from_server) = tls_pair(&clock);
    pair.run();
    let mut connection = from_client.take().unwrap().unwrap();
    let pair = pair.close_after(Side::Server, 0);
    let mut reading = executor.spawn(async move { connection.read(&mut [0]).await });
    pair.server().write(b"x");
    // At once, and not when the close has waited long enough for what would still be written.
    pair.run();
    let failure = reading.take().unwrap().unwrap_err();
    let error = failure.error().unwrap();
    let reason = error.get_ref().unwrap().downcast_ref::<Reason>().unwrap();
    assert!(!reason.is_clean(), "{reason}");
}

#[test]
fn tls_begun_in_the_middle_by_async_code_on_both_sides() {
    for cut in CUTS {
        let clock = Rc::new(ManualClock::new());
        let executor = Executor::on_clock(&clock);
        let (client_role, server_role) = roles();
        let (client, from_client) = AsyncTransport::protocol();
        let (server, from_server) = AsyncTransport::protocol();
        let pair = Pair::on(&clock, client, server).cut(cut);
        let mut serving = executor.spawn(async move {
            let mut connection = from_server.await?;
            let mut line = [0; 9];
            connection.read_exact(&mut line).await?;
            assert_eq!(&line, b"STARTTLS\n");
            connection.write_all(b"go\n").await?;
            let begun = connection.with_transport(|transport| start_tls(transport, server_role));
            begun.unwrap().unwrap();
            let mut secret = [0; 6];
            connection.read_exact(&mut secret).await?;
            connection.write_all(&secret).await?;
            connection.close().await
        });
        let mut client = executor.spawn(async move {
            let mut connection = from_client.await?;
            connection.write_all(b"STARTTLS\n").await?;
            connection.read_exact(&mut [0; 3]).await?;
            // This side waits for the outcome of the handshake, and the other one does not.
            let begun = connection.negotiate(|transport| start_tls(transport, client_role));
            begun.await?.unwrap();
            assert!(TlsTransport::of(&connection.transport().unwrap()).is_some());
            connection.write_all(b"secret").await?;
            let mut all = Vec::new();
            connection.read_to_end(&mut all).await?;
            Ok::<_, io::Error>(all)
        });
        pair.advance(Duration::from_secs(10));
        assert_eq!(client.take().unwrap().unwrap(), b"secret", "at {cut}");
        serving.take().unwrap().unwrap();
        assert_eq!(clock.pending_calls(), 0, "at {cut}");
    }
}

#[test]
fn a_handshake_that_fails_is_the_error() {
    let clock = Rc::new(ManualClock::new());
    let executor = Executor::on_clock(&clock);
    let (client_role, _) = roles();
    let (client, from_client) = AsyncTransport::protocol();
    let (server, mut from_server) = AsyncTransport::protocol();
    let pair = Pair::on(&clock, client, server);
    let mut client = executor.spawn(async move {
        let connection = from_client.await?;
        // A call that puts no layer under the connection has nothing to wait for.
        assert_eq!(connection.negotiate(|_| "no layer").await?, "no layer");
        let begun = connection.negotiate(|transport| start_tls(transport, client_role));
        begun.await?.unwrap();
        Ok::<_, io::Error>(())
    });
    pair.run();
    // The server does not speak TLS.
    let mut server = from_server.take().unwrap().unwrap();
    let speaking = executor.spawn(async move { server.write_all(b"220 hello\r\n").await });
    pair.advance(Duration::from_secs(10));
    drop(speaking);
    let failure = client.take().unwrap().unwrap_err();
    let error = failure.error().unwrap();
    let reason = error.get_ref().unwrap().downcast_ref::<Reason>().unwrap();
    assert!(reason.downcast_ref::<TlsError>().is_some(), "{reason}");
}
