mod access;
mod answer;
mod arguments;
mod commands;
mod session;

use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use log::LevelFilter;
use retwist_protocols::{FactoryPolicy, Framed, Lines, Timeout};
use retwist_reactor::{Address, FactoryRef, LoopWatch, ReactorHandle, factory};

pub use self::access::Access;
pub use self::arguments::Arguments;
use self::commands::{Command, built_in};
use self::session::Session;
use crate::Operated;

/// A console: a program that runs is asked what it does, and told what to do, over a line protocol that
/// people can type.
///
/// ```text
/// $ socat - UNIX:/run/echo.sock
/// connections
///  ID  STATE     AGE    RECEIVED        SENT     WAITING  PEER -> PORT
///  17  open     42 s        1024        1024           0  192.0.2.7:41234 -> 0.0.0.0:8007
///
/// abort 17
/// connection 17 is aborted
/// ```
///
/// A line is a command, and `help` lists the commands. An answer is lines, and an empty line ends it. If
/// `json` stands before a command, each line of its answer is a JSON value. A command that fails says
/// `error:` and why, or `{"error": why}`.
///
/// A console is for the owner of the process ([`Access`]), on a UNIX socket with
/// [`mode(0o600)`](retwist_reactor::UnixListen::mode):
///
/// ```no_run
/// # mod retwist { pub use retwist_reactor::*; pub use retwist_operations as operations; }
/// # #[cfg(unix)] fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use retwist::operations::Console;
/// use retwist::{Reactor, UnixListen, UnixName};
///
/// let reactor = Reactor::new()?;
/// let console = Console::new(&reactor);
/// let help = "reads the configuration again";
/// console.command("reload", "reload", help, |_| Ok("reloaded".into()));
/// let socket = UnixListen::name(UnixName::path("/run/echo.sock")?).mode(0o600);
/// reactor.listen_unix_factory(socket, console.factory())?;
/// # reactor.run()?;
/// # Ok(()) }
/// # #[cfg(not(unix))] fn main() {}
/// ```
///
/// # Bounds
///
/// What is evil here: a console lives in the loop that it looks at, and its peer may be slow, flood it, or
/// ask for a list of a hundred thousand connections. So at most 16 consoles are open; a line has
/// at most 1000 bytes; one command is worked on at a time, and nothing is read meanwhile; an answer is
/// made 64 lines at a time, each time that all before is sent; and after an answer the console rests for
/// twenty times as long as the answer has kept the loop. A console on which nothing moves for half an hour
/// ends. Under a drain, consoles go on as long as others are served, and end then.
///
/// A clone is the same console.
#[derive(Clone)]
pub struct Console {
    shared: Rc<Shared>,
}

/// How many consoles may be open at a time.
pub(crate) const MOST: usize = 16;

/// What the sessions of a console share.
pub(crate) struct Shared {
    reactor: Rc<dyn Operated>,
    commands: RefCell<Vec<Rc<Command>>>,
    access: Cell<Access>,
    open: Cell<usize>,
    /// The loop is watched as long as this is here.
    watch: RefCell<Option<LoopWatch>>,
    set_log_level: RefCell<Rc<dyn Fn(LevelFilter)>>,
}

impl Console {
    /// A console of this reactor, which can stop it too.
    pub fn new(reactor: &ReactorHandle) -> Self {
        let console = Console::on(Rc::new(reactor.clone()));
        let stopped = reactor.clone();
        let drained = reactor.clone();
        let about = "accepts nothing new, gives connections so long to end, and ends the program";
        console.command("drain", "drain SECONDS", about, move |arguments| {
            let seconds = arguments.required()?;
            arguments.end()?;
            log::info!("the console drains the program: {seconds} s");
            drained.drain(Duration::from_secs(seconds));
            Ok(format!(
                "the program drains for at most {seconds} s, and ends"
            ))
        });
        console.command(
            "stop",
            "stop",
            "ends the program in order, as SIGTERM does",
            move |_| {
                stopped.stop();
                Ok("the program ends".to_owned())
            },
        );
        console
    }

    /// A console of any reactor that tells of itself, such as a
    /// [`MemoryReactor`](retwist_reactor::testing::MemoryReactor).
    pub fn on(reactor: Rc<dyn Operated>) -> Self {
        Console {
            shared: Rc::new(Shared {
                reactor,
                commands: RefCell::new(built_in()),
                access: Cell::new(Access::Owner),
                open: Cell::new(0),
                watch: RefCell::default(),
                set_log_level: RefCell::new(Rc::new(log::set_max_level)),
            }),
        }
    }

    /// Sets which users may use it. Default [`Access::Owner`].
    pub fn access(self, access: Access) -> Self {
        self.shared.access.set(access);
        self
    }

    /// Adds a command of the application's own, or takes the place of one with this name. `usage` is the
    /// command with its arguments, such as `drain SECONDS`, and `about` says in a sentence what it does:
    /// both are for `help`. `run` returns what the console answers, or why it cannot be done.
    ///
    /// It is called in a callback of the console: a panic ends that console.
    pub fn command(
        &self,
        name: &str,
        usage: &str,
        about: &str,
        run: impl Fn(&mut Arguments<'_>) -> Result<String, String> + 'static,
    ) {
        let command = Command::new(name, usage, about, run);
        let mut commands = self.shared.commands.borrow_mut();
        commands.retain(|command| command.name() != name);
        commands.push(Rc::new(command));
    }

    /// Has the command `loglevel` call this, for a program whose logger has a level of its own. Default
    /// [`log::set_max_level`].
    pub fn on_log_level(&self, set: impl Fn(LevelFilter) + 'static) {
        *self.shared.set_log_level.borrow_mut() = Rc::new(set);
    }

    /// Returns the factory of the connections to the console.
    pub fn factory(&self) -> FactoryRef {
        let shared = self.shared.clone();
        let sessions = factory(move |_: &Address| {
            let lines = Lines::lf_or_crlf().limit(session::LONGEST_LINE);
            Framed::new(lines, Session::new(&shared))
        });
        FactoryRef::from(Timeout::new().idle(session::IDLE).factory(sessions))
    }
}

impl fmt::Debug for Console {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Console")
            .field("open", &self.shared.open.get())
            .finish_non_exhaustive()
    }
}
