use std::os::fd::AsFd;

use super::ReactorHandle;
use crate::{OpenError, Watch, Watcher, watch};

impl ReactorHandle {
    /// Watches a descriptor that other code reads and writes: of a library, of a device. The reactor
    /// keeps `descriptor` until the watch ends; an `Rc` of something with a descriptor can be shared
    /// with the watcher. `O_NONBLOCK` is not touched.
    ///
    /// The watch wants nothing yet: [`Watch::start_reading`] and [`Watch::start_writing`] begin it.
    ///
    /// ```
    /// # use retwist_reactor as retwist;
    /// # fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// use std::io::{PipeReader, Read, Write};
    /// use std::rc::Rc;
    /// use std::time::Duration;
    /// use retwist::{Reactor, Watch, Watcher};
    ///
    /// /// Takes one byte a call, and is called again for the next.
    /// struct Bytes(Rc<PipeReader>);
    ///
    /// impl Watcher for Bytes {
    ///     fn readable(&mut self, watch: &Watch) {
    ///         let mut byte = [0];
    ///         match (&*self.0).read(&mut byte) {
    ///             Ok(1) => println!("{}", byte[0]),
    ///             _ => watch.remove(),
    ///         }
    ///     }
    /// }
    ///
    /// let (reader, mut writer) = std::io::pipe()?;
    /// let reader = Rc::new(reader);
    /// let reactor = Reactor::new()?;
    /// let watch = reactor.watch(reader.clone(), Bytes(reader))?;
    /// watch.start_reading()?;
    /// writer.write_all(b"abc")?;
    /// drop(writer);
    /// while watch.is_watching() {
    ///     reactor.iterate(Duration::from_secs(1))?;
    /// }
    /// # Ok(()) }
    /// ```
    #[doc(alias = "addReader")]
    #[doc(alias = "addWriter")]
    #[doc(alias = "IReactorFDSet")]
    pub fn watch(
        &self,
        descriptor: impl AsFd + 'static,
        watcher: impl Watcher,
    ) -> Result<Watch, OpenError> {
        let core = self.open_core().map_err(|_| OpenError::ReactorGone)?;
        let what = Box::new(watch::Descriptor(descriptor));
        watch::watch(&core, what, Box::new(watcher))
    }

    /// [`watch`](ReactorHandle::watch), for an event source of `mio`: what a library offers that is
    /// written for it. The crate is re-exported as [`mio`](crate::mio), so that the versions agree.
    pub fn watch_source(
        &self,
        source: impl mio::event::Source + 'static,
        watcher: impl Watcher,
    ) -> Result<Watch, OpenError> {
        let core = self.open_core().map_err(|_| OpenError::ReactorGone)?;
        let what = Box::new(watch::Foreign(source));
        watch::watch(&core, what, Box::new(watcher))
    }

    /// All that is watched now with [`watch`](ReactorHandle::watch) and
    /// [`watch_source`](ReactorHandle::watch_source), in no order.
    #[doc(alias = "getReaders")]
    #[doc(alias = "getWriters")]
    pub fn watches(&self) -> Vec<Watch> {
        let core = self.core.upgrade();
        core.map(|core| watch::all(&core)).unwrap_or_default()
    }

    /// Removes all watches, and nothing else: connections and ports go on. Returns how many there were.
    #[doc(alias = "removeAll")]
    pub fn remove_watches(&self) -> usize {
        let watches = self.watches();
        watches.iter().for_each(Watch::remove);
        watches.len()
    }
}
