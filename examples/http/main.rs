//! A web server: hyper, whose connections are transports.
//!
//! ```text
//! cargo run --release --example http
//! curl -d 'some text' http://localhost:8080/echo
//! cargo run --release --example http -- tcp:8443 --tls --ca-out ca.pem
//! curl --cacert ca.pem https://localhost:8443/
//! ```
//!
//! HTTP/1.1 in clear, and HTTP/2 too under TLS, where the client agrees (ALPN). hyper knows nothing
//! of the reactor, nor of TLS: it reads and writes an [`AsyncTransport`] by way of the forty lines
//! at the end of this file, and is a task like any other. When the program is to end, no connection
//! is closed before what is under way on it has been answered, for at most 10 s; `ending.rs` says what a drain is
//! to a connection that is kept.

mod ending;
mod patience;
#[path = "../support/mod.rs"]
mod support;

use std::cell::RefCell;
use std::convert::Infallible;
use std::error::Error;
use std::io;
use std::num::NonZeroU64;
use std::pin::{Pin, pin};
use std::process::ExitCode;
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use ending::Ending;
use futures_io::{AsyncRead, AsyncWrite};
use futures_util::future::{self, select};
use http_body_util::{BodyExt, Either, Full};
use hyper::body::Incoming;
use hyper::header::{CONNECTION, HeaderValue};
use hyper::rt::ReadBufCursor;
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use lexopt::{Arg, ValueExt};
use patience::{Patience, UnderWay};
use retwist::deferred::{AsyncTransport, Executor, Spawner};
use retwist::tls::{TlsFactory, TlsRole, TlsTransport};
use retwist::{Factory, Phase, ReactorHandle, SystemEvent, Worker, WorkerCount, Workers};
use support::tls::Credentials;

/// In seconds: see [`Patience`].
const PATIENCE: NonZeroU64 = NonZeroU64::new(60).unwrap();

const HELP: &str = "
A web server: GET / tells the time of day, roughly, POST /echo sends back what it is sent.

Usage: http [ENDPOINT...] [--workers N] [--patience SECONDS] [--tls [--cert FILE [--key FILE] | --ca-out FILE]]

ENDPOINT        where to listen (default: tcp:8080:interface=127.0.0.1)
--workers N     number of reactors, each in a thread of its own, on the same ports; auto: one for each core (default: 1)
--patience SEC  how long a connection is kept without a request whose headers are whole (default: 60)
--tls           TLS from the first byte, and HTTP/2 for clients that can
--cert FILE     the certificate to show, and those that certify it, PEM
--key FILE      its private key, PEM (default: in the file of the certificate)
--ca-out FILE   without --cert the server makes an authority for itself, whose certificate is written here
";

async fn answer(
    request: Request<Incoming>,
    under_way: UnderWay,
) -> Result<
    Response<impl hyper::body::Body<Data = Bytes, Error = Box<dyn Error + Send + Sync>>>,
    Infallible,
> {
    let text = |text: &'static str| Either::Left(Full::new(Bytes::from_static(text.as_bytes())));
    let mut response = match (request.method(), request.uri().path()) {
        (&Method::GET, "/") => return Ok(Response::new(text("It is day, somewhere.\n"))),
        // Sent back as it comes: the server holds no more than the peer has yet to take.
        (&Method::POST, "/echo") => {
            let echoed = request.into_body().map_frame(move |frame| {
                // Until the last of it has gone.
                let _ = &under_way;
                frame
            });
            return Ok(Response::new(Either::Right(echoed)));
        }
        (_, "/" | "/echo") => Response::new(text("That is not done here.\n")),
        _ => Response::new(text("There is nothing here.\n")),
    };
    *response.status_mut() = match request.uri().path() {
        "/" | "/echo" => StatusCode::METHOD_NOT_ALLOWED,
        _ => StatusCode::NOT_FOUND,
    };
    Ok(response)
}

async fn serve(
    connection: AsyncTransport,
    tasks: Tasks,
    patience: Rc<Patience>,
) -> hyper::Result<()> {
    let serving = pin!(serve_patiently(connection, tasks, patience.clone()));
    match select(serving, pin!(patience.is_lost())).await {
        future::Either::Left((served, _)) => served,
        // With its task, the connection ends.
        future::Either::Right(_) => Ok(()),
    }
}

async fn serve_patiently(
    connection: AsyncTransport,
    tasks: Tasks,
    patience: Rc<Patience>,
) -> hyper::Result<()> {
    let ending = tasks.1.clone();
    let transport = connection.transport();
    let negotiated = transport.as_ref().and_then(TlsTransport::of);
    let stream = Stream(connection);
    if negotiated.is_some_and(|negotiated| negotiated.speaks("h2")) {
        let answer = service_fn(|request| answer(request, patience.request()));
        let serving = http2::Builder::new(tasks).serve_connection(stream, answer);
        return ending
            .finish_early(serving, |h2| h2.graceful_shutdown())
            .await;
    }
    let is_draining = || {
        transport
            .as_ref()
            .is_some_and(|transport| transport.is_draining())
    };
    let answer = service_fn(|request| async {
        let mut response = answer(request, patience.request()).await?;
        if is_draining() {
            let last = HeaderValue::from_static("close");
            response.headers_mut().insert(CONNECTION, last);
        }
        Ok::<_, Infallible>(response)
    });
    let serving = http1::Builder::new()
        // A client that has ended its input still waits for the response.
        .half_close(true)
        .serve_connection(stream, answer);
    ending.finish(serving, |h1| h1.graceful_shutdown()).await
}

/// What makes hyper serve each connection, in a task.
fn factory(reactor: &ReactorHandle, limit: Duration) -> impl Factory + Clone + use<> {
    let executor = Executor::new(reactor);
    let tasks = Tasks(executor.spawner(), Ending::of(reactor));
    let clock = reactor.clock().clone();
    // It lives as long as the reactor does.
    reactor.add_system_event_trigger(Phase::After, SystemEvent::Shutdown, |_| drop(executor));
    retwist::factory(move |peer| {
        let (protocol, opening) = AsyncTransport::protocol();
        let (again, peer) = (tasks.clone(), peer.clone());
        let patience = Patience::new(&clock, limit);
        let serving = async move {
            match opening.await {
                Ok(connection) => serve(connection, again, patience).await,
                // What went wrong, the TLS layer has said.
                Err(_) => Ok(()),
            }
        };
        tasks.0.spawn(serving).done(move |outcome| match outcome {
            Ok(()) => log::info!("{peer}: done"),
            Err(failure) => log::info!("{peer}: {}", retwist::error_chain(&failure)),
        });
        protocol
    })
}

fn main() -> ExitCode {
    support::serve(HELP, |mut arguments| {
        let mut endpoints = Vec::new();
        let mut workers = WorkerCount::default();
        let mut credentials = Credentials::default();
        let mut tls = false;
        let mut patience = PATIENCE;
        while let Some(argument) = arguments.next()? {
            match argument {
                Arg::Value(endpoint) => endpoints.push(endpoint.string()?),
                Arg::Long("workers") => workers = support::value(&mut arguments, "--workers")?,
                Arg::Long("patience") => patience = support::value(&mut arguments, "--patience")?,
                Arg::Long("tls") => tls = true,
                Arg::Long(other) => {
                    let other = other.to_owned();
                    credentials.option(&other, &mut arguments)?;
                }
                Arg::Short(_) => return Err(argument.unexpected().into()),
            }
        }
        let endpoints = support::servers_from(&endpoints, "tcp:8080:interface=127.0.0.1")?;
        let tls = if tls {
            let options = support::reload::server(credentials.of_server()?);
            Some(options.alpn(["h2", "http/1.1"]).build()?)
        } else {
            None
        };
        Ok((Workers::new(workers), move |worker: &Worker| {
            let factory = factory(worker, Duration::from_secs(patience.get()));
            for endpoint in &endpoints {
                let factory = factory.clone();
                match &tls {
                    Some(config) => {
                        let role = TlsRole::server(config.clone());
                        let under_tls = TlsFactory::new(role, factory);
                        endpoint.listen_factory(worker, support::patient(under_tls))?
                    }
                    None => endpoint.listen_factory(worker, support::patient(factory))?,
                };
            }
            Ok(())
        }))
    })
}

/// Runs what hyper wants to run beside: the streams of HTTP/2.
#[derive(Clone)]
struct Tasks(Spawner, Ending);

impl<F: Future<Output = ()> + 'static> hyper::rt::Executor<F> for Tasks {
    fn execute(&self, future: F) {
        drop(self.0.spawn(future));
    }
}

thread_local! {
    /// What is read goes through here into hyper's buffer, which safe code cannot lend. One for all
    /// connections of a thread: one of its own for each call would be cleared each time.
    static BUFFER: RefCell<Box<[u8]>> = RefCell::new(vec![0; 64 * 1024].into());
}

/// A transport as hyper's own traits want it.
struct Stream(AsyncTransport);

impl hyper::rt::Read for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut cursor: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        BUFFER.with_borrow_mut(|buffer| {
            let room = buffer.len().min(cursor.remaining());
            let count = ready!(Pin::new(&mut self.0).poll_read(context, &mut buffer[..room]))?;
            cursor.put_slice(&buffer[..count]);
            Poll::Ready(Ok(()))
        })
    }
}

impl hyper::rt::Write for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        data: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(context, data)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_close(context)
    }
}
