//! What the command lines of the examples have in common.
//!
//! Arguments are endpoints, such as `tcp:8007:interface=127.0.0.1`, and options. Each port that is
//! listened on prints one line on standard output when it is ready; logs go to standard error, as
//! `RUST_LOG` says. SIGINT and SIGTERM finish what is under way, with `--drain SECONDS` also what its
//! clients have begun, and the program exits with 0. SIGHUP has files read again ([`reload`]).
//! Whatever is wrong with the arguments is said in one sentence, and the program exits with 2.
//!
//! Servers whose connections have nothing in common take `--workers N`: they use [`serve`], and all
//! others [`main`].
#![allow(dead_code, reason = "no example needs all of it")]

pub(crate) mod client;
mod logging;
mod operation;
pub(crate) mod reload;
pub(crate) mod tls;
mod watch;

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use lexopt::{Arg, Parser, ValueExt};
use operation::Operation;
#[cfg(unix)]
use retwist::ServiceManager;
use retwist::endpoint::{DatagramEndpoint, ServerEndpoint, server_from_string};
use retwist::protocols::{FactoryPolicy, Timeout, WrappingFactory};
use retwist::{
    Address, DatagramProtocolRef, IntoFactory, Reactor, ReactorHandle, Worker, Workers,
    WorkersError, error_chain,
};

/// Why an example cannot start, in a sentence.
pub(crate) type Mistake = Box<dyn Error + Send + Sync>;

pub(crate) mod prefixes;

/// How long a server keeps a connection on which nothing moves.
const IDLE: Duration = Duration::from_secs(30 * 60);

/// Ends the connections of a server on which nothing moves for half an hour.
pub(crate) fn patient(factory: impl IntoFactory) -> WrappingFactory<Timeout> {
    Timeout::new().idle(IDLE).factory(factory)
}

/// What stands below the help of examples that take endpoints of streams.
const STREAMS: &str = r"
An endpoint is a kind and its arguments, with colons between them:

tcp:PORT, tcp6:PORT           to listen; with :interface=ADDRESS on one address alone
stdio:                        to serve one client, on standard input and output
unix:PATH                     to listen on a UNIX socket, or to connect to one; with :mode=660 for the group too
systemd:index=N, fd:NUMBER    to listen on a socket that the program was started with
tcp:HOST:PORT                 to connect; with :timeout=SECONDS no longer than that
tls:PORT:privateKey=FILE      to listen with TLS; the PEM file has the key and the certificate
tls:HOST:PORT                 to connect with TLS; with :trustRoots=FILE to servers that these certify

Before it stands what goes over it, as in haproxy:tcp:8080 or timeout:idle=60:limit:total=100:tls:443:privateKey=FILE.
A connection on which nothing moves for half an hour ends; timeout:idle=60: before an endpoint ends it sooner.
A colon inside a value is written \:, as in interface=\:\:1. All kinds and all arguments are in the documentation of the
module `endpoint`.";

/// What stands below the help of examples that take endpoints of datagrams.
pub(crate) const DATAGRAMS: &str = r"
An endpoint is a kind and its arguments, with colons between them:

udp:PORT, udp6:PORT           to receive datagrams; with :interface=ADDRESS on one address alone

A colon inside a value is written \:, as in interface=\:\:1. All kinds and all arguments are in the documentation of the
module `endpoint`.";

/// Has the program set up, and runs its reactor until a signal stops it.
pub(crate) fn main(
    help: &str,
    set_up: impl FnOnce(&Reactor, Parser) -> Result<(), Mistake>,
) -> ExitCode {
    main_about(help, STREAMS, set_up)
}

/// The same for a program that takes other endpoints, or none: what its help says about them.
pub(crate) fn main_about(
    help: &str,
    endpoints: &str,
    set_up: impl FnOnce(&Reactor, Parser) -> Result<(), Mistake>,
) -> ExitCode {
    if is_all_about(help, endpoints) {
        return ExitCode::SUCCESS;
    }
    let (operation, arguments) = match Operation::of_arguments() {
        Ok(read) => read,
        Err(mistake) => return fail(&*mistake, 2),
    };
    raise_limits();
    let reactor = match Reactor::with_settings(operation.settings()) {
        Ok(reactor) => reactor,
        Err(error) => return fail(&error, 1),
    };
    let ready = set_up(&reactor, arguments).and_then(|()| {
        operation.watches().start(&reactor, 0)?;
        // The end of its terminal ends a client.
        let serves = !reactor.stats().ports.is_empty();
        operate(&reactor, &operation, serves)
    });
    if let Err(mistake) = ready {
        return fail(&*mistake, 2);
    }
    match reactor.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&error, 1),
    }
}

/// Runs a server with the number of workers that its arguments say, until a signal stops it. `read`
/// understands the arguments, and returns the workers and what sets each of them up.
pub(crate) fn serve<S>(
    help: &str,
    read: impl FnOnce(Parser) -> Result<(Workers, S), Mistake>,
) -> ExitCode
where
    S: Fn(&Worker) -> Result<(), Mistake> + Sync,
{
    if is_all_about(help, STREAMS) {
        return ExitCode::SUCCESS;
    }
    let understood = Operation::of_arguments()
        .and_then(|(operation, arguments)| Ok((operation, read(arguments)?)));
    let outcome = match understood {
        Ok((operation, (workers, set_up))) => {
            let supervised = operation.clone();
            let serves = Arc::new(AtomicBool::new(false));
            let is_server = serves.clone();
            raise_limits();
            workers
                .settings(operation.settings())
                .when_listening(announce)
                .supervised(move |reactor| {
                    operate(reactor, &supervised, is_server.load(Ordering::Relaxed))
                })
                .run(|worker| {
                    set_up(worker)?;
                    // On standard input, or on a terminal, it is one client's, and ends with that.
                    let listens = !worker.stats().ports.is_empty();
                    serves.fetch_or(listens, Ordering::Relaxed);
                    operation.watches().start(worker, worker.number())
                })
        }
        Err(mistake) => Err(WorkersError::SetUp(mistake)),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(WorkersError::SetUp(mistake)) => fail(&*mistake, 2),
        Err(error @ WorkersError::Count) => fail(&error, 2),
        Err(error) => fail(&error, 1),
    }
}

/// Each connection takes a descriptor. A program whose limit stays low serves as many as it can.
fn raise_limits() {
    #[cfg(unix)]
    if let Err(error) = retwist::raise_descriptor_limit() {
        log::warn!("the limit of descriptors stays as it is: {error}");
    }
}

/// A program that a service manager has started tells it when it is ready and when it stops, and feeds
/// its watchdog: so each example can be a service of `Type=notify`, or `notify-reload`. All that
/// needs root is open by now.
#[cfg(unix)]
fn operate(reactor: &ReactorHandle, operation: &Operation, serves: bool) -> Result<(), Mistake> {
    operation.restarts(reactor)?;
    let manager = ServiceManager::attach(reactor)?;
    if serves {
        reload::on_signal(reactor, manager)?;
    }
    #[cfg(not(target_vendor = "apple"))]
    operation.give_up_root()?;
    Ok(())
}

#[cfg(not(unix))]
fn operate(_: &ReactorHandle, _: &Operation, _: bool) -> Result<(), Mistake> {
    Ok(())
}

/// Whether the program was started for its help alone, which it then has given. Otherwise it begins
/// to log.
pub(crate) fn is_all_about(help: &str, endpoints: &str) -> bool {
    // What stands behind `--` may be meant for another program.
    let mut own = std::env::args_os().take_while(|argument| argument != "--");
    if own.any(|argument| argument == "--help" || argument == "-h") {
        say(help.trim());
        if !endpoints.is_empty() {
            say(operation::HELP);
            say(watch::HELP);
            say(endpoints);
        }
        return true;
    }
    logging::begin();
    false
}

/// The value of an option, such as a number. If it is malformed, the error names the option.
pub(crate) fn value<T>(arguments: &mut Parser, option: &str) -> Result<T, Mistake>
where
    T: FromStr<Err: Into<Box<dyn Error + Send + Sync>>>,
{
    let parsed = arguments.value()?.parse();
    parsed.map_err(|error| format!("{option}: {error}").into())
}

/// For a program whose arguments are all places to listen: those, or else `default`.
pub(crate) fn servers(
    mut arguments: Parser,
    default: &str,
) -> Result<Vec<ServerEndpoint>, Mistake> {
    let mut given = Vec::new();
    while let Some(argument) = arguments.next()? {
        match argument {
            Arg::Value(text) => given.push(text.string()?),
            other => return Err(other.unexpected().into()),
        }
    }
    servers_from(&given, default)
}

/// Places to listen that were `given`, or else `default`.
pub(crate) fn servers_from(
    given: &[String],
    default: &str,
) -> Result<Vec<ServerEndpoint>, Mistake> {
    if given.is_empty() {
        return Ok(vec![server(default)?]);
    }
    given.iter().map(|text| server(text)).collect()
}

/// A place to listen, whose files are read again.
pub(crate) fn server(text: &str) -> Result<ServerEndpoint, Mistake> {
    let endpoint = server_from_string(text)?;
    reload::all_of(&endpoint.files());
    Ok(endpoint)
}

/// Listens, and says so as soon as the signals that stop the program are heard as well.
pub(crate) fn listen(
    reactor: &Reactor,
    endpoint: &ServerEndpoint,
    factory: impl IntoFactory,
) -> Result<(), Mistake> {
    let port = endpoint.listen_factory(reactor, factory)?;
    reactor.call_when_running(move || announce(&port.address()));
    Ok(())
}

/// The same for a port of datagrams.
pub(crate) fn listen_datagrams(
    reactor: &Reactor,
    endpoint: &DatagramEndpoint,
    protocol: impl Into<DatagramProtocolRef>,
) -> Result<(), Mistake> {
    let port = endpoint.listen(reactor, protocol)?;
    reactor.call_when_running(move || say(&format!("listening on {}", port.address())));
    Ok(())
}

/// Says where a port listens. On standard output a client reads nothing but what it is sent.
fn announce(address: &Address) {
    let line = format!("listening on {address}");
    if let Address::Descriptor(_) = address {
        log::info!("{line}");
    } else {
        say(&line);
    }
}

/// A line on standard output, at once. If the reader of the output has gone, the line is lost, and
/// nothing else happens.
pub(crate) fn say(line: &str) {
    let mut out = io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}

/// Says in a sentence on standard error why the program ends, and makes its exit code.
pub(crate) fn fail(error: &(dyn Error + 'static), code: u8) -> ExitCode {
    let program = std::env::args_os().next().unwrap_or_default();
    let program = std::path::Path::new(&program)
        .file_name()
        .unwrap_or_default();
    let why = match error.downcast_ref::<lexopt::Error>() {
        // It names its cause itself.
        Some(mistake) => mistake.to_string(),
        None => error_chain(error),
    };
    let _ = writeln!(io::stderr(), "{}: {why}", program.display());
    ExitCode::from(code)
}
