use std::fmt;
use std::rc::Rc;

use crate::{Address, ListenError};

/// A port that is being listened on. A cheap handle: dropping it leaves the port open.
#[doc(alias = "IListeningPort")]
#[derive(Clone)]
pub struct ListeningPort {
    port: Rc<dyn Listening>,
}

/// What a kind of port supplies.
pub(crate) trait Listening {
    fn start(&self) -> Result<(), ListenError>;
    fn stop(&self);
    fn is_listening(&self) -> bool;
    fn pause(&self);
    fn resume(&self);
    fn address(&self) -> Address;
}

impl ListeningPort {
    pub(crate) fn new(port: Rc<dyn Listening>) -> Self {
        ListeningPort { port }
    }

    /// Where it listens: with the real port, if port 0 was asked for.
    #[doc(alias = "getHost")]
    pub fn address(&self) -> Address {
        self.port.address()
    }

    /// Accepts no more, from now on; the connections that were accepted live on. The factory hears
    /// `stop_factory` if this was its last port. Stopping twice is nothing.
    #[doc(alias = "stopListening")]
    pub fn stop_listening(&self) {
        self.port.stop();
    }

    /// Listens again, on the same address (and the same port, if the system chose it).
    #[doc(alias = "startListening")]
    pub fn start_listening(&self) -> Result<(), ListenError> {
        self.port.start()
    }

    /// Accepts nobody for a while. Whoever connects waits in the system's queue, up to the
    /// [`backlog`](crate::TcpListen::backlog); nobody is refused who would not have been otherwise.
    /// A port that is stopped and started again is not paused any more.
    pub fn pause_accepting(&self) {
        self.port.pause();
    }

    /// Accepts again, first of all those who have waited. Nothing, if it was not paused.
    pub fn resume_accepting(&self) {
        self.port.resume();
    }

    /// Whether it listens now; a port that is paused does.
    pub fn is_listening(&self) -> bool {
        self.port.is_listening()
    }
}

impl fmt::Debug for ListeningPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ListeningPort")
            .field("address", &self.address())
            .field("listening", &self.is_listening())
            .finish()
    }
}
