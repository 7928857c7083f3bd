use std::fmt;
use std::str::FromStr;

/// A signal of the system.
///
/// ```
/// # use retwist_reactor as retwist;
/// use retwist::Signal;
///
/// let signal: Signal = "TERM".parse()?;
/// assert_eq!(signal, Signal::TERM);
/// assert_eq!(signal.to_string(), "SIGTERM");
/// # Ok::<(), retwist::UnknownSignal>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Signal(i32);

macro_rules! signals {
    ($($(#[$doc:meta])* $name:ident = $number:ident;)*) => {
        impl Signal {
            $($(#[$doc])* pub const $name: Signal = Signal(libc::$number);)*
        }

        const NAMES: &[(Signal, &str)] = &[$((Signal::$name, stringify!($number)),)*];
    };
}

signals! {
    /// The terminal has hung up; to many servers: read the configuration again.
    HUP = SIGHUP;
    /// What Ctrl-C sends.
    INT = SIGINT;
    /// What Ctrl-\ sends.
    QUIT = SIGQUIT;
    /// An instruction that the processor does not know.
    ILL = SIGILL;
    /// A breakpoint.
    TRAP = SIGTRAP;
    /// The program has given up itself.
    ABRT = SIGABRT;
    /// A bad access to memory.
    BUS = SIGBUS;
    /// An error of arithmetic.
    FPE = SIGFPE;
    /// The end at once: no program can ignore it.
    KILL = SIGKILL;
    /// What the program makes of it.
    USR1 = SIGUSR1;
    /// A bad access to memory.
    SEGV = SIGSEGV;
    /// What the program makes of it.
    USR2 = SIGUSR2;
    /// A write into a pipe that no process reads.
    PIPE = SIGPIPE;
    /// A timer.
    ALRM = SIGALRM;
    /// The request to end.
    TERM = SIGTERM;
    /// A child has ended.
    CHLD = SIGCHLD;
    /// Goes on after a stop.
    CONT = SIGCONT;
    /// A stop: no program can ignore it.
    STOP = SIGSTOP;
    /// What Ctrl-Z sends.
    TSTP = SIGTSTP;
    /// A read from the terminal in the background.
    TTIN = SIGTTIN;
    /// A write to the terminal in the background.
    TTOU = SIGTTOU;
    /// Urgent data.
    URG = SIGURG;
    /// The limit of processor time.
    XCPU = SIGXCPU;
    /// The limit of the size of a file.
    XFSZ = SIGXFSZ;
    /// A timer of processor time.
    VTALRM = SIGVTALRM;
    /// A timer of a profiler.
    PROF = SIGPROF;
    /// The window of the terminal has another size.
    WINCH = SIGWINCH;
    /// Input and output are possible.
    IO = SIGIO;
    /// A system call that does not exist.
    SYS = SIGSYS;
}

impl Signal {
    /// The signal of this number, with a name or without one. `None` unless it is between 1 and 127.
    pub fn from_number(number: i32) -> Option<Signal> {
        (1..=127).contains(&number).then_some(Signal(number))
    }

    /// Its number on this system.
    pub fn number(self) -> i32 {
        self.0
    }

    /// Its name, such as `SIGTERM`; `None` for those that have only a number.
    pub fn name(self) -> Option<&'static str> {
        let named = NAMES.iter().find(|(signal, _)| *signal == self);
        named.map(|(_, name)| *name)
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "signal {}", self.0),
        }
    }
}

/// From a name, `SIGTERM` or `TERM`, or a number.
impl FromStr for Signal {
    type Err = UnknownSignal;

    fn from_str(text: &str) -> Result<Self, UnknownSignal> {
        let named = NAMES
            .iter()
            .find(|(_, name)| *name == text || name.strip_prefix("SIG") == Some(text));
        let signal = named.map(|(signal, _)| *signal);
        let numbered = || text.parse().ok().and_then(Signal::from_number);
        signal.or_else(numbered).ok_or(UnknownSignal)
    }
}

/// A text that names no signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownSignal;

impl fmt::Display for UnknownSignal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not a signal: give a name such as TERM, or a number")
    }
}

impl std::error::Error for UnknownSignal {}
