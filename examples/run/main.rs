//! Runs a program and puts the time before each line that it says.
//!
//! ```text
//! cargo run --release --example run -- ping -c 3 127.0.0.1
//! cargo run --release --example run -- --pty ls --color=auto
//! echo hello | cargo run --release --example run -- cat
//! ```
//!
//! What comes on standard input goes to the program, and so do SIGINT, SIGTERM and SIGHUP. The exit code
//! is that of the program, or 128 and the number of the signal that ended it.

#[cfg(unix)]
mod show;
#[cfg(unix)]
mod signals;
#[cfg(unix)]
mod stdin;
#[path = "../support/mod.rs"]
mod support;

use std::process::ExitCode;

const HELP: &str = "
Runs a program and puts the time (UTC) before each line that it says.

Usage: run [--pty] [--] PROGRAM [ARGUMENT...]

--pty     gives the program a terminal: it behaves as if a user sat before it

A line of its standard output has a | behind the time, one of its standard error a !. With --pty there is
only |. Exits as the program does; with 128 and the number of the signal that ended it; with 127 if there
is no such program, and with 126 if it cannot be run. Lines that could not be written make a 0 a 1.
SIGINT, SIGTERM and SIGHUP go to the program. Once that has exited, they end the wait for what still has
its output.
";

#[cfg(unix)]
fn main() -> ExitCode {
    if support::is_all_about(HELP, "") {
        return ExitCode::SUCCESS;
    }
    let (program, on_terminal) = match read(lexopt::Parser::from_env()) {
        Ok(asked) => asked,
        Err(mistake) => return support::fail(&*mistake, 2),
    };
    match show::run(program, on_terminal) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            let code = match error.downcast_ref() {
                Some(retwist::SpawnError::NoSuchProgram(..)) => 127,
                Some(_) => 126,
                None => 1,
            };
            support::fail(&*error, code)
        }
    }
}

/// The program, and whether it gets a terminal.
#[cfg(unix)]
fn read(mut arguments: lexopt::Parser) -> Result<(retwist::Program, bool), support::Mistake> {
    use lexopt::Arg;

    let mut on_terminal = false;
    while let Some(argument) = arguments.next()? {
        match argument {
            Arg::Long("pty") => on_terminal = true,
            Arg::Value(path) => {
                // All that follows is meant for the program.
                let program = retwist::Program::new(path).args(arguments.raw_args()?);
                return Ok((program, on_terminal));
            }
            other => return Err(other.unexpected().into()),
        }
    }
    Err("the program to run is missing: see --help".into())
}

#[cfg(not(unix))]
fn main() -> ExitCode {
    support::main(HELP, |_, _| Err("this system runs no such programs".into()))
}
