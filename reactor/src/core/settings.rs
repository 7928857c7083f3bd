use std::time::Duration;

/// The settings of a reactor as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReactorSettings {
    /// Whether SIGINT and SIGTERM stop the reactor while it runs, and a second one cuts its shutdown
    /// short. Default true.
    ///
    /// A signal that the process ignores stays ignored, such as the SIGINT of a program that a shell
    /// script starts with `&`. When the reactor has run, a signal does again what it did before. If
    /// the process had a handler of its own, the handler runs as well while the reactor runs. Only
    /// Linux tells what the process did with a signal before; elsewhere it is taken to have done
    /// nothing with it.
    ///
    /// On Windows, these signals are Ctrl-C, Ctrl-Break and the end of the console, by the crate
    /// ctrlc: a program that has set a handler with that crate cannot run a reactor with this true.
    #[doc(alias = "installSignalHandlers")]
    pub signals: bool,
    /// How long connections may take, at the end, to send what was written. Those that have not
    /// finished then are aborted with [`Reason::ReactorStopped`](crate::Reason::ReactorStopped).
    /// Default 5 s; `Duration::MAX` is without a limit.
    pub shutdown_timeout: Duration,
    /// How long the reactor drains when the first signal comes, before it stops: see
    /// [`ReactorHandle::drain`](crate::ReactorHandle::drain). The second signal cuts the drain short, and
    /// a third one the shutdown. Default zero: it stops without a drain.
    pub drain_timeout: Duration,
    /// How long ports stay open when a drain begins, of the time that the drain has. Whatever stands before
    /// this program and asks for its health, such as a load balancer, learns meanwhile that it drains, and
    /// sends new connections elsewhere; those that still come are served. It is to be longer than the
    /// balancer takes to believe it: the interval of its checks, times how many of them have to fail, and
    /// one more. Default zero: ports close at once.
    ///
    /// There is no notice if a `Restart` has handed the sockets to a new version.
    pub drain_notice: Duration,
}

impl Default for ReactorSettings {
    fn default() -> Self {
        ReactorSettings {
            signals: true,
            shutdown_timeout: Duration::from_secs(5),
            drain_timeout: Duration::ZERO,
            drain_notice: Duration::ZERO,
        }
    }
}
