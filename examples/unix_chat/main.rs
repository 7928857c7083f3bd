//! A chat whose members hand each other open files.
//!
//! ```text
//! cargo run --release --example unix_chat                 # the room
//! cargo run --release --example unix_chat -- --join ann   # in two terminals or more
//! /send /etc/hostname                                     # in one of them
//! ```
//!
//! What goes from one member to another is the open file itself, not its bytes: the member that gets it
//! reads it as if it had opened it, in a sandbox, as another user, or after it was deleted.

#[cfg(unix)]
mod member;
#[cfg(unix)]
mod room;
#[path = "../support/mod.rs"]
mod support;

use std::process::ExitCode;

const HELP: &str = "
A chat over UNIX sockets, in which a member can hand an open file to the others.

Usage: unix_chat [ENDPOINT...]
       unix_chat --join NAME [ENDPOINT]

Without --join it is the room, and ENDPOINT is where it listens. With it, it is a member: each line on
standard input is said to all others, /send FILE hands them the open file, and the end of input leaves.
What others say is printed, and of each file its size and its first line.

ENDPOINT      default unix:/tmp/unix_chat:mode=600 for the room, unix:/tmp/unix_chat for a member
--join NAME   1 to 16 letters and digits
";

#[cfg(unix)]
fn main() -> ExitCode {
    let outcome = support::client::Outcome::default();
    let ended = support::main(HELP, |reactor, arguments| {
        set_up(reactor, arguments, &outcome)
    });
    outcome.or(ended)
}

#[cfg(unix)]
fn set_up(
    reactor: &retwist::Reactor,
    mut arguments: lexopt::Parser,
    outcome: &support::client::Outcome,
) -> Result<(), support::Mistake> {
    use lexopt::{Arg, ValueExt};
    use retwist::endpoint::{Network, client_from_string};

    let (mut endpoints, mut name) = (Vec::new(), None);
    while let Some(argument) = arguments.next()? {
        match argument {
            Arg::Long("join") => name = Some(arguments.value()?.string()?),
            Arg::Value(text) => endpoints.push(text.string()?),
            other => return Err(other.unexpected().into()),
        }
    }
    let Some(name) = name else {
        let room = room::Room::new();
        for endpoint in support::servers_from(&endpoints, "unix:/tmp/unix_chat:mode=600")? {
            support::listen(reactor, &endpoint, room.clone())?;
        }
        return Ok(());
    };
    room::check_name(&name)?;
    let endpoint = match &endpoints[..] {
        [] => "unix:/tmp/unix_chat",
        [endpoint] => endpoint,
        [_, other, ..] => {
            return Err(format!("a member joins one room, and not {other} too").into());
        }
    };
    let member = member::protocol(name, reactor.handle(), outcome.clone());
    let dialer = client_from_string(endpoint)?.on(&Network::new(reactor));
    outcome.of(reactor, &dialer, member);
    Ok(())
}

#[cfg(not(unix))]
fn main() -> ExitCode {
    support::main(HELP, |_, _| Err("this system has no UNIX sockets".into()))
}
