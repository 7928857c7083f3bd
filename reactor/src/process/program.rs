use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::io::Errno;

use crate::{SpawnError, StreamSettings};

/// A program to run as a child, and how.
///
/// By default it has three pipes: this side writes its standard input and reads its standard output
/// and its standard error. It inherits the environment and the directory. No other descriptor of this
/// process reaches it, except for those that this process itself has got from its parent beyond 0, 1
/// and 2, and that do not close at `exec`.
///
/// ```
/// # use retwist_reactor as retwist;
/// use retwist::{ChildDescriptor, Program};
///
/// let program = Program::new("sort")
///     .arg("--reverse")
///     .env_clear()
///     .env("LC_ALL", "C")
///     .directory("/tmp")
///     .descriptor(2, ChildDescriptor::SameAs(1));
/// ```
#[doc(alias = "spawnProcess")]
#[derive(Clone, Debug)]
pub struct Program {
    pub(super) path: OsString,
    pub(super) arg0: Option<OsString>,
    pub(super) args: Vec<OsString>,
    pub(super) env_clear: bool,
    /// `None` removes the variable.
    pub(super) env: BTreeMap<OsString, Option<OsString>>,
    pub(super) directory: Option<PathBuf>,
    pub(super) uid: Option<u32>,
    pub(super) gid: Option<u32>,
    pub(super) new_group: bool,
    pub(super) descriptors: BTreeMap<i32, ChildDescriptor>,
    pub(super) terminal: Option<WindowSize>,
    pub(super) outlives_reactor: bool,
    pub(super) settings: StreamSettings,
    pub(super) grace: Duration,
}

/// The file or pipe behind a descriptor of a child.
#[doc(alias = "childFDs")]
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum ChildDescriptor {
    /// A pipe that the child reads and this side writes. Twisted's `"w"`.
    ChildReads,
    /// A pipe that the child writes and this side reads. Twisted's `"r"`.
    ChildWrites,
    /// That of this process, of the same number: for 0, 1 and 2 alone.
    Inherit,
    /// `/dev/null`: the child reads nothing, and what it writes is thrown away.
    Null,
    /// A descriptor of this process. The child gets a duplicate at each start. It stays open here as
    /// long as the [`Program`] lives: of `connect_process`, as long as its connector.
    Open(Arc<OwnedFd>),
    /// A descriptor for the first start alone, after which it is closed here: made by
    /// [`ChildDescriptor::once`].
    Once(OnceDescriptor),
    /// The same as this other descriptor of the child.
    SameAs(i32),
    /// A pipe whose lines go to the log as warnings, with the name of the program.
    Log,
}

/// A descriptor that one child gets: see [`ChildDescriptor::once`].
#[derive(Clone, Debug)]
pub struct OnceDescriptor(Arc<Mutex<Option<OwnedFd>>>);

impl OnceDescriptor {
    pub(super) fn take(&self) -> Option<OwnedFd> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

impl ChildDescriptor {
    /// A descriptor for the first start of the program: then it is closed in this process. So the end
    /// of a pipe is seen when the child closes it. A second start fails with
    /// [`SpawnError::Descriptor`].
    pub fn once(descriptor: impl Into<OwnedFd>) -> Self {
        let kept = Arc::new(Mutex::new(Some(descriptor.into())));
        ChildDescriptor::Once(OnceDescriptor(kept))
    }
}

impl From<OwnedFd> for ChildDescriptor {
    fn from(descriptor: OwnedFd) -> Self {
        ChildDescriptor::Open(Arc::new(descriptor))
    }
}

impl From<File> for ChildDescriptor {
    fn from(file: File) -> Self {
        OwnedFd::from(file).into()
    }
}

/// The size of a terminal, in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WindowSize {
    /// The lines from top to bottom.
    pub rows: u16,
    /// The characters in a line.
    pub columns: u16,
}

impl WindowSize {
    /// A size.
    pub fn new(rows: u16, columns: u16) -> Self {
        WindowSize { rows, columns }
    }
}

/// 24 lines of 80 characters.
impl Default for WindowSize {
    fn default() -> Self {
        WindowSize::new(24, 80)
    }
}

impl Program {
    /// The program at this path. A name without a slash is looked for in the directories of `PATH`.
    pub fn new(path: impl Into<OsString>) -> Self {
        let pipes = [
            (0, ChildDescriptor::ChildReads),
            (1, ChildDescriptor::ChildWrites),
            (2, ChildDescriptor::ChildWrites),
        ];
        Program {
            path: path.into(),
            arg0: None,
            args: Vec::new(),
            env_clear: false,
            env: BTreeMap::new(),
            directory: None,
            uid: None,
            gid: None,
            new_group: false,
            descriptors: pipes.into(),
            terminal: None,
            outlives_reactor: false,
            settings: StreamSettings::client(),
            grace: Duration::from_secs(2),
        }
    }

    /// Adds an argument. The first one is the argument *after* the name of the program.
    pub fn arg(mut self, argument: impl Into<OsString>) -> Self {
        self.args.push(argument.into());
        self
    }

    /// Adds arguments.
    pub fn args<A: Into<OsString>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.args.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Sets what the program is told that it is called, in place of its path: a shell called `-sh` is a
    /// login shell.
    pub fn arg0(mut self, name: impl Into<OsString>) -> Self {
        self.arg0 = Some(name.into());
        self
    }

    /// Sets a variable of the environment. By default the child inherits all variables of this
    /// process, unlike a Twisted child, which gets those that are given; but not those in which a
    /// service manager has told of this process and its sockets (`LISTEN_FDS`, `NOTIFY_SOCKET`,
    /// `WATCHDOG_USEC` and what goes with them).
    pub fn env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.insert(name.into(), Some(value.into()));
        self
    }

    /// Does not pass on this variable.
    pub fn env_remove(mut self, name: impl Into<OsString>) -> Self {
        self.env.insert(name.into(), None);
        self
    }

    /// Passes on no variables, except those that [`env`](Program::env) sets after this. The program
    /// itself is then looked for in the `PATH` that is set so.
    pub fn env_clear(mut self) -> Self {
        self.env_clear = true;
        self.env.clear();
        self
    }

    /// The directory that the child starts in. Default: that of this process.
    pub fn directory(mut self, path: impl Into<PathBuf>) -> Self {
        self.directory = Some(path.into());
        self
    }

    /// The user that the child runs as, by number. Only root may choose it. Further groups of this
    /// process are dropped then.
    pub fn uid(mut self, uid: u32) -> Self {
        self.uid = Some(uid);
        self
    }

    /// The group that the child runs as, by number.
    pub fn gid(mut self, gid: u32) -> Self {
        self.gid = Some(gid);
        self
    }

    /// Puts the child into a process group of its own, which Ctrl-C in the terminal of this process
    /// does not reach. With a [`terminal`](Program::terminal) it has a session, and so a group, anyway.
    pub fn new_process_group(mut self) -> Self {
        self.new_group = true;
        self
    }

    /// Sets what the child has at this descriptor: of [`spawn_process`], any descriptor; of
    /// [`connect_process`], any but 0 and 1, which are the transport. Default: 0 is
    /// [`ChildReads`](ChildDescriptor::ChildReads), 1 and 2 are
    /// [`ChildWrites`](ChildDescriptor::ChildWrites). With `connect_process`, 2 is the
    /// [`Log`](ChildDescriptor::Log).
    ///
    /// Numbers above 2 need the feature `child-descriptors`, which is on by default; without it the
    /// start fails with [`SpawnError::Descriptor`](crate::SpawnError::Descriptor).
    ///
    /// [`spawn_process`]: crate::ReactorHandle::spawn_process
    /// [`connect_process`]: crate::ReactorHandle::connect_process
    pub fn descriptor(mut self, number: i32, what: impl Into<ChildDescriptor>) -> Self {
        self.descriptors.insert(number, what.into());
        self
    }

    /// [`descriptor`](Program::descriptor) of the standard input.
    pub fn stdin(self, what: impl Into<ChildDescriptor>) -> Self {
        self.descriptor(0, what)
    }

    /// [`descriptor`](Program::descriptor) of the standard output.
    pub fn stdout(self, what: impl Into<ChildDescriptor>) -> Self {
        self.descriptor(1, what)
    }

    /// [`descriptor`](Program::descriptor) of the standard error.
    pub fn stderr(self, what: impl Into<ChildDescriptor>) -> Self {
        self.descriptor(2, what)
    }

    /// Gives the child a pseudo-terminal in place of the three pipes: it is the terminal of a session
    /// of its own. What the child writes to it, and what the terminal echoes, comes as output of
    /// descriptor 1. When this side closes the terminal, the child gets SIGHUP.
    ///
    /// A terminal has no half-close: to tell the child of the end of its input, write `\x04` (Ctrl-D)
    /// at the beginning of a line.
    #[doc(alias = "usePTY")]
    pub fn terminal(mut self, window: WindowSize) -> Self {
        self.terminal = Some(window);
        self.descriptors.retain(|number, _| *number > 2);
        self
    }

    /// Leaves the child running when the reactor has ended. Default false: it is killed then, if it
    /// has not ended in time.
    pub fn outlives_reactor(mut self, outlives: bool) -> Self {
        self.outlives_reactor = outlives;
        self
    }

    /// The bounds of each pipe. Default: [`StreamSettings::client`].
    pub fn settings(mut self, settings: StreamSettings) -> Self {
        self.settings = settings;
        self
    }

    /// Of a child that is a connection ([`connect_process`](crate::ReactorHandle::connect_process)):
    /// when its connection has ended in order and it still runs, it gets SIGTERM after this time, and
    /// SIGKILL after the same time again. If the connection broke or was aborted, it gets SIGTERM at
    /// once. Default 2 s.
    pub fn kill_after(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// The path or the name of the program.
    pub fn path(&self) -> &Path {
        Path::new(&self.path)
    }

    /// The arguments, without the name of the program.
    pub fn arguments(&self) -> impl Iterator<Item = &OsStr> {
        self.args.iter().map(|argument| &**argument)
    }

    /// Returns what [`env`](Program::env) and [`env_remove`](Program::env_remove) say of a variable:
    /// `Some(None)` if it is removed.
    pub fn variable(&self, name: &str) -> Option<Option<&OsStr>> {
        let value = self.env.get(OsStr::new(name))?;
        Some(value.as_deref())
    }

    /// Returns what the child has at its descriptors, without those of its terminal.
    pub fn descriptors(&self) -> impl Iterator<Item = (i32, &ChildDescriptor)> {
        self.descriptors
            .iter()
            .map(|(number, what)| (*number, what))
    }

    /// The size of its terminal; `None` without one.
    pub fn window(&self) -> Option<WindowSize> {
        self.terminal
    }
}

impl Program {
    /// The error of the system that this program was not started for.
    pub(super) fn failed(&self, error: io::Error) -> SpawnError {
        match Errno::from_io_error(&error) {
            Some(Errno::MFILE | Errno::NFILE) => SpawnError::TooManyDescriptors(error),
            _ => SpawnError::Failed(self.path.clone(), error),
        }
    }
}

/// A program without arguments.
impl From<&str> for Program {
    fn from(path: &str) -> Self {
        Program::new(path)
    }
}
