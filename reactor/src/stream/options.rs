use std::any::TypeId;
use std::rc::{Rc, Weak};

use super::*;
use crate::{Transport, TransportRef};

/// The settings of a live connection, at the bottom of a stack of layers: what
/// [`StreamSettings`] were given to its port or client, to be changed for this connection alone.
/// Weak, like every handle.
///
/// ```
/// # use retwist_reactor as retwist;
/// use retwist::{Protocol, StreamOptions, TransportRef};
///
/// struct Download;
/// impl Protocol for Download {
///     fn connection_made(&mut self, transport: &TransportRef) {
///         if let Some(options) = StreamOptions::of(transport) {
///             options.change(|settings| settings.high_water = 1024 * 1024);
///         }
///     }
///
///     fn data_received(&mut self, _: &TransportRef, _: &[u8]) {}
/// }
/// ```
#[doc(alias = "bufferSize")]
#[derive(Clone)]
pub struct StreamOptions {
    stream: Weak<dyn LiveSettings>,
}

impl StreamOptions {
    /// The options of the stream that `transport` ends in; `None` if that is not a byte stream of the
    /// reactor's own.
    pub fn of(transport: &TransportRef) -> Option<StreamOptions> {
        let found = Transport::extension(&**transport, TypeId::of::<StreamOptions>())?;
        found.downcast_ref::<StreamOptions>().cloned()
    }

    /// The settings that hold now; `None` once the connection has gone.
    pub fn settings(&self) -> Option<StreamSettings> {
        Some((*self.stream.upgrade()?.live_settings()?).clone())
    }

    /// Changes settings. They hold from now on; a deadline that runs already keeps its length until
    /// it is looked at next. Nothing happens if the connection has gone.
    pub fn change(&self, change: impl FnOnce(&mut StreamSettings)) {
        if let Some(stream) = self.stream.upgrade()
            && let Some(settings) = stream.live_settings()
        {
            let mut settings = (*settings).clone();
            change(&mut settings);
            stream.set_live_settings(settings);
        }
    }
}

impl fmt::Debug for StreamOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StreamOptions")
            .field("settings", &self.settings())
            .finish()
    }
}

/// A stream, whatever its wire, as its options see it.
trait LiveSettings {
    /// `None` once the connection has gone.
    fn live_settings(&self) -> Option<Rc<StreamSettings>>;
    fn set_live_settings(&self, settings: StreamSettings);
}

impl<W: Wire> LiveSettings for Stream<W> {
    fn live_settings(&self) -> Option<Rc<StreamSettings>> {
        (!self.phase.get().is_dead()).then(|| self.settings())
    }

    fn set_live_settings(&self, settings: StreamSettings) {
        self.cold(|cold| cold.settings = Some(Rc::new(settings)));
        // What is pending may be little now, or much.
        self.relieve();
        self.press_back(self.waiting());
    }
}

impl<W: Wire> Stream<W> {
    pub(super) fn options(&self) -> StreamOptions {
        let stream: Weak<Self> = self.me();
        StreamOptions { stream }
    }
}
