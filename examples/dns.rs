//! Asks a name server, and prints the answer as `dig +short` does.
//!
//! ```text
//! cargo run --release --features dns --example dns example.org MX
//! ```

mod support;

use std::cell::Cell;
use std::io::{self, Write};
use std::net::{IpAddr, SocketAddr};
use std::process::ExitCode;
use std::rc::Rc;
use std::time::Duration;

use lexopt::{Arg, Parser, ValueExt};
use retwist::Reactor;
use retwist::deferred::Deferred;
use retwist::deferred::names::{Answer, DnsError, DnsResolver, DnsSettings, RecordType};

use support::{Mistake, fail, say, value};

const HELP: &str = r"
Asks a name server, and prints the answer as `dig +short` does: one record a line, and before them the names that the
name stands for.

Usage: dns NAME [TYPE] [@SERVER[:PORT]] [--tcp] [--timeout SECONDS]
       dns -x ADDRESS [@SERVER[:PORT]] [--tcp] [--timeout SECONDS]

NAME is taken as whole: domains of a search list are not added to it.
TYPE is A (the default), AAAA, CNAME, MX, NS, PTR, SOA, SRV, TXT, ANY, or TYPE with a number.
SERVER is an address, such as @192.0.2.53, @192.0.2.53:5353 or @[2001:db8::53]:5353; by default those of /etc/resolv.conf.

-x ADDRESS            asks for the names of this address
--tcp                 asks over TCP, and not over UDP first
--timeout SECONDS     waits so long for each server, and asks each twice; default 5
--help                says this

The exit code is 0 if there is an answer, 1 if there is none, and 2 if the command line is wrong.";

/// What the command line asks for.
struct Request {
    question: Question,
    server: Option<SocketAddr>,
    use_tcp: bool,
    timeout: Option<Duration>,
}

enum Question {
    Records(String, RecordType),
    NamesOf(IpAddr),
}

fn main() -> ExitCode {
    if std::env::args_os().any(|argument| argument == "--help" || argument == "-h") {
        say(HELP.trim());
        return ExitCode::SUCCESS;
    }
    env_logger::init();
    let request = match read(Parser::from_env()) {
        Ok(request) => request,
        Err(mistake) => return fail(&*mistake, 2),
    };
    match ask(request) {
        Ok(code) => code,
        Err(error) => fail(&*error, 1),
    }
}

fn read(mut arguments: Parser) -> Result<Request, Mistake> {
    let (mut name, mut kind, mut address) = (None, None, None);
    let (mut server, mut use_tcp, mut timeout) = (None, false, None);
    while let Some(argument) = arguments.next()? {
        match argument {
            Arg::Short('x') => address = Some(value::<IpAddr>(&mut arguments, "-x")?),
            Arg::Long("tcp") => use_tcp = true,
            Arg::Long("timeout") => timeout = Some(seconds(value(&mut arguments, "--timeout")?)?),
            Arg::Value(text) => {
                let text = text.string()?;
                match text.strip_prefix('@') {
                    Some(text) => server = Some(server_at(text)?),
                    None if name.is_none() && address.is_none() => name = Some(text),
                    None if kind.is_none() => kind = Some(text.parse()?),
                    None => return Err(format!("unexpected argument {text:?}").into()),
                }
            }
            other => return Err(other.unexpected().into()),
        }
    }
    let question = match (name, address) {
        (Some(name), None) => Question::Records(name, kind.unwrap_or(RecordType::A)),
        (None, Some(address)) if kind.is_none() => Question::NamesOf(address),
        (None, None) => return Err("a name is missing, as in: dns example.org MX".into()),
        _ => return Err("-x ADDRESS takes no name and no type".into()),
    };
    Ok(Request {
        question,
        server,
        use_tcp,
        timeout,
    })
}

fn seconds(seconds: f64) -> Result<Duration, Mistake> {
    match Duration::try_from_secs_f64(seconds) {
        Ok(time) if !time.is_zero() => Ok(time),
        _ => Err("--timeout takes a number of seconds above 0".into()),
    }
}

/// A server with its port, which is 53 unless it is given.
fn server_at(text: &str) -> Result<SocketAddr, Mistake> {
    let with_port = text.parse::<SocketAddr>();
    let alone = || text.parse::<IpAddr>().map(|address| (address, 53).into());
    let wrong =
        || format!("{text:?} is not the address of a server, such as @192.0.2.53:53").into();
    with_port.or_else(|_| alone()).map_err(|_| wrong())
}

/// Asks, prints, and ends with the exit code.
fn ask(request: Request) -> Result<ExitCode, Mistake> {
    let reactor = Reactor::new()?;
    let names = resolver(&reactor, &request);
    // Interrupted, it has found nothing.
    let code = Rc::new(Cell::new(ExitCode::FAILURE));
    let (ended, handle) = (code.clone(), reactor.handle());
    reactor.call_when_running(move || {
        look_up(&names, &request.question).done(move |outcome| {
            ended.set(match outcome {
                Ok(answer) => match print(&answer) {
                    Ok(()) => ExitCode::SUCCESS,
                    Err(error) => fail(&error, 1),
                },
                Err(failure) => fail(&failure, 1),
            });
            handle.stop();
        });
    });
    reactor.run()?;
    Ok(code.get())
}

/// An answer that is not printed whole does not count, unless its reader has seen enough.
fn print(answer: &Answer) -> io::Result<()> {
    let mut out = io::stdout().lock();
    let mut records = answer.aliases.iter().chain(&answer.records);
    let printed = records
        .try_for_each(|record| writeln!(out, "{}", record.data))
        .and_then(|()| out.flush());
    match printed {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        printed => printed
            .map_err(|error| io::Error::new(error.kind(), format!("standard output: {error}"))),
    }
}

fn resolver(reactor: &Reactor, request: &Request) -> DnsResolver {
    let mut settings = DnsSettings::default();
    if request.server.is_none() {
        let system = std::fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
        settings = settings.with_resolv_conf(&system);
    }
    settings.servers = request
        .server
        .map_or(settings.servers, |server| vec![server]);
    settings.use_tcp |= request.use_tcp;
    settings.timeout = request.timeout.unwrap_or(settings.timeout);
    let rounds = u32::try_from(settings.servers.len() * settings.attempts).unwrap_or(u32::MAX);
    settings.deadline = settings.timeout.saturating_mul(rounds.saturating_add(1));
    DnsResolver::new(Rc::new(reactor.handle()), settings)
}

fn look_up(names: &DnsResolver, question: &Question) -> Deferred<Answer, DnsError> {
    match question {
        Question::Records(name, kind) => names.lookup(name, *kind),
        Question::NamesOf(address) => names.pointers(*address),
    }
}
