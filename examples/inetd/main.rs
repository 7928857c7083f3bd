//! Puts any program behind any endpoint: for each connection it runs one, whose standard input and
//! output are the connection.
//!
//! ```text
//! cargo run --release --example inetd -- tcp:8007:interface=127.0.0.1 cat
//! cargo run --release --example inetd -- tls:privateKey=both.pem:limit:perPeer=2:tcp:4433 sort --reverse
//! ```
//!
//! The end of the client's input is the end of the program's input. When the program ends, all its
//! output is delivered first. A client that breaks off ends the program: it gets SIGTERM, and
//! SIGKILL after a time. (A client that closes may have more to read, as far as TCP tells. What is silent
//! for too long is ended by the endpoint: `timeout:idle=600:tcp:8007`.)

#[cfg(unix)]
mod service;
#[path = "../support/mod.rs"]
mod support;

use std::process::ExitCode;

const HELP: &str = "
Runs a program for each connection, with its standard input and output on the connection.

Usage: inetd [OPTION...] ENDPOINT PROGRAM [ARGUMENT...]

ENDPOINT               where to listen
PROGRAM                what to run; it finds the client in REMOTE_ADDR and REMOTE_PORT
--limit N              how many connections there may be at a time (default: 64); more are refused
--stderr WHERE         where its standard error goes: inherit (default), log or null
--kill-after SECONDS   when the connection has ended and the program still runs, it gets SIGTERM after this
                       time, or at once if the client broke off; SIGKILL after the same time (default: 2)
--workers N            number of reactors, each in a thread of its own; auto: one for each core (default: 1); the limit is for each
";

#[cfg(unix)]
fn main() -> ExitCode {
    use std::rc::Rc;
    use std::time::Duration;

    use lexopt::{Arg, ValueExt};
    use retwist::protocols::{FactoryPolicy, Limits};
    use retwist::{ChildDescriptor, Program, Worker, WorkerCount, Workers, factory};
    use service::{Entrance, Service};

    support::serve(HELP, |mut arguments| {
        let (mut listen, mut program) = (None, None::<Program>);
        let (mut workers, mut limit) = (WorkerCount::default(), 64);
        let mut stderr = ChildDescriptor::Inherit;
        let mut kill_after = Duration::from_secs(2);
        while let Some(argument) = arguments.next()? {
            match argument {
                Arg::Value(text) if listen.is_none() => listen = Some(text.string()?),
                Arg::Value(path) => {
                    // All that follows is meant for the program.
                    program = Some(Program::new(path).args(arguments.raw_args()?));
                    break;
                }
                Arg::Long("limit") => limit = arguments.value()?.parse()?,
                Arg::Long("workers") => workers = arguments.value()?.parse()?,
                Arg::Long("kill-after") => {
                    let seconds: f64 = arguments.value()?.parse()?;
                    kill_after = Duration::try_from_secs_f64(seconds)?;
                }
                Arg::Long("stderr") => {
                    stderr = match arguments.value()?.string()?.as_str() {
                        "inherit" => ChildDescriptor::Inherit,
                        "log" => ChildDescriptor::Log,
                        "null" => ChildDescriptor::Null,
                        other => {
                            let places = "inherit, log and null";
                            return Err(format!("there is no {other:?}, only {places}").into());
                        }
                    };
                }
                other => return Err(other.unexpected().into()),
            }
        }
        let listen = listen.ok_or("where to listen is missing: see --help")?;
        let listen = support::server(&listen)?;
        let program = program.ok_or("the program to run is missing: see --help")?;
        let program = program.stderr(stderr).kill_after(kill_after);
        Ok((Workers::new(workers), move |worker: &Worker| {
            let service = Rc::new(Service {
                program: program.clone(),
                reactor: worker.handle(),
            });
            let entrance = factory(move |_| Entrance(service.clone()));
            listen.listen_factory(worker, Limits::new().total(limit).factory(entrance))?;
            Ok(())
        }))
    })
}

#[cfg(not(unix))]
fn main() -> ExitCode {
    support::main(HELP, |_, _| Err("this system runs no such programs".into()))
}
