use std::ffi::OsString;
use std::fmt::Display;
use std::str::FromStr;
use std::time::Duration;

use lexopt::{Parser, ValueExt};
use retwist::ReactorSettings;
#[cfg(all(unix, not(target_vendor = "apple")))]
use retwist::RunAs;
#[cfg(unix)]
use retwist::{Phase, ReactorHandle, Restart, SystemEvent};

use super::watch::Watches;
use super::{Mistake, logging};

/// How a server is operated: the options that each of them has, wherever they stand before a `--`.
#[derive(Clone, Default)]
pub(crate) struct Operation {
    drain: Duration,
    notice: Duration,
    watches: Watches,
    #[cfg(all(unix, not(target_vendor = "apple")))]
    run_as: Option<RunAs>,
}

/// What the help says about them.
pub(crate) const HELP: &str = r"
--drain SECONDS    at the first SIGINT or SIGTERM, accept nothing new, and give the connections so long to come to their
                   end (default: 0); the next signal cuts that short
--drain-notice SECONDS
                   before that, go on accepting for so long (default: 0), while the health of --health is draining: so
                   that a balancer in front learns of it; the interval of its checks, times how many have to fail, and
                   one more
--log FILE         what is logged, as RUST_LOG has it, is in this file

SIGHUP reads that file again, and the files of certificates, private keys, authorities and ticket keys that options name; a
file that cannot be used is said in the log, and what counted before counts further. All else is for a new program:
SIGUSR2 starts the program anew from the same path, with the sockets that it listens on; as soon as the new one is ready,
this one gives its connections the time of --drain, or 30 s, and ends.

--run-as USER[:GROUP]
                   when all ports are open and all keys are read, become that user for good; for ports below 1024

What is tuned where:

descriptors        one a connection: the program raises its limit to the hard one (LimitNOFILE=, ulimit -Hn)
queue of a port    1024 connections, or :backlog=N behind an endpoint; the system gives at most net.core.somaxconn
ports below 1024   root and --run-as; or a socket unit of systemd; or CAP_NET_BIND_SERVICE (AmbientCapabilities=); or
                   net.ipv4.ip_unprivileged_port_start
memory             limit:total=N: before an endpoint, for the connections at a time, and limit:perPeer=N: for each address
dead peers         timeout:idle=SECONDS: before an endpoint; half an hour without it
watchdog           WatchdogSec= of a unit: a loop that is stuck for so long is started again";

/// How long a program that was replaced gives its connections, unless an option says so.
#[cfg(unix)]
const DRAIN: Duration = Duration::from_secs(30);

impl Operation {
    /// Takes its own options out of the arguments of the program.
    pub(crate) fn of_arguments() -> Result<(Self, Parser), Mistake> {
        let mut operation = Operation::default();
        let mut arguments = std::env::args_os();
        let mut others: Vec<OsString> = arguments.next().into_iter().collect();
        while let Some(argument) = arguments.next() {
            let given = argument.to_str().unwrap_or_default();
            let (option, value) = match given.split_once('=') {
                Some((option, value)) => (option, Some(OsString::from(value))),
                None => (given, None),
            };
            match option {
                "--drain" => operation.drain = seconds(option, value.or_else(|| arguments.next()))?,
                "--drain-notice" => {
                    operation.notice = seconds(option, value.or_else(|| arguments.next()))?;
                }
                "--log" => {
                    let file = value.or_else(|| arguments.next());
                    let file = file.ok_or("missing argument for option '--log'")?;
                    logging::begin_as_in(file.into())?;
                }
                "--admin" | "--health" | "--metrics" | "--page" => {
                    let value = value.or_else(|| arguments.next());
                    operation.watches.ask(option, value)?;
                }
                #[cfg(all(unix, not(target_vendor = "apple")))]
                "--run-as" => {
                    operation.run_as = Some(parsed(option, value.or_else(|| arguments.next()))?);
                }
                "--" => {
                    others.push(argument);
                    others.extend(arguments);
                    break;
                }
                _ => others.push(argument),
            }
        }
        Ok((operation, Parser::from_iter(others)))
    }

    /// What it is looked at with.
    pub(crate) fn watches(&self) -> &Watches {
        &self.watches
    }

    /// Has SIGUSR2 start the program anew, with the sockets that it listens on.
    #[cfg(unix)]
    pub(crate) fn restarts(&self, reactor: &ReactorHandle) -> Result<(), Mistake> {
        let drain = match self.drain {
            Duration::ZERO => DRAIN,
            given => given,
        };
        let restarting = Restart::new().drain(drain).attach(reactor)?;
        // As long as the reactor has to end.
        reactor.add_system_event_trigger(Phase::After, SystemEvent::Shutdown, move |_| {
            drop(restarting);
        });
        Ok(())
    }

    /// Gives up the rights of root, when all is open that needs them.
    #[cfg(all(unix, not(target_vendor = "apple")))]
    pub(crate) fn give_up_root(&self) -> Result<(), Mistake> {
        match &self.run_as {
            Some(user) => Ok(user.apply()?),
            None => Ok(()),
        }
    }

    /// The settings of the reactor, or of each worker.
    pub(crate) fn settings(&self) -> ReactorSettings {
        ReactorSettings {
            drain_timeout: self.notice + self.drain,
            drain_notice: self.notice,
            ..ReactorSettings::default()
        }
    }
}

/// A time, as the value of an option.
fn seconds(option: &str, value: Option<OsString>) -> Result<Duration, Mistake> {
    parsed(option, value).map(Duration::from_secs)
}

/// The value of an option.
fn parsed<T: FromStr<Err: Display>>(option: &str, value: Option<OsString>) -> Result<T, Mistake> {
    let Some(value) = value else {
        return Err(format!("missing argument for option '{option}'").into());
    };
    let text = value.string()?;
    let parsed = text.parse();
    parsed.map_err(|error| format!("{option}: {error}").into())
}
