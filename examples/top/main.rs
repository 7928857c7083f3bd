//! What a server does, in a terminal: its connections, throughput, lag and errors, once a second.
//!
//! ```text
//! cargo run --release --features operations --example echo -- --admin unix:/tmp/echo.sock
//! cargo run --release --example top -- unix:/tmp/echo.sock
//! ```
//!
//! It asks the server's console (`link.rs`), compares each answer with the one before (`picture.rs`), and
//! draws on standard output. `q` ends it. Where standard output is no terminal, it prints one picture and
//! ends.

#[cfg(unix)]
mod link;
#[cfg(unix)]
mod picture;
#[cfg(unix)]
mod screen;
#[cfg(unix)]
#[path = "../support/mod.rs"]
mod support;

#[cfg(not(unix))]
fn main() {
    println!("a console is a UNIX socket");
}

#[cfg(unix)]
const HELP: &str = "
Shows what a server does: its connections, throughput, lag and errors.

Usage: top ENDPOINT

ENDPOINT   the console of the server, such as unix:/run/echo.sock: what it has behind --admin

q ends it. Where standard output is no terminal, it prints one picture and ends.
Exits with 0 when it is ended by a key, with 1 when the console cannot be reached or ends, and with 2 for a mistake in
the arguments.
";

#[cfg(unix)]
fn main() -> std::process::ExitCode {
    use lexopt::{Arg, ValueExt};
    use retwist::StandardIo;
    use retwist::endpoint::{Network, client_from_string};
    use retwist::protocols::{Framed, Lines};

    let outcome = support::client::Outcome::default();
    let ended = support::main_about(HELP, "", |reactor, mut arguments| {
        let mut console = None;
        while let Some(argument) = arguments.next()? {
            match argument {
                Arg::Value(text) if console.is_none() => console = Some(text.string()?),
                other => return Err(other.unexpected().into()),
            }
        }
        let console = console.ok_or("say which console: top unix:/run/echo.sock")?;
        let console = client_from_string(&console)?.on(&Network::new(reactor));
        let screen = screen::Screen::new(reactor);
        reactor.open_standard_io(StandardIo::new().raw(true), screen.protocol())?;
        let lines = Lines::delimited_by(b"\n").limit(link::LONGEST_LINE);
        outcome.of(
            reactor,
            &console,
            Framed::new(lines, link::Link::new(screen)),
        );
        Ok(())
    });
    outcome.or(ended)
}
