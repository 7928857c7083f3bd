use std::any::{Any, TypeId};
use std::fmt;
use std::io;
use std::os::fd::AsFd;
use std::rc::{Rc, Weak};

use rustix::termios::{Winsize, tcgetwinsize, tcsetwinsize};

use super::end::End;
use super::kind::Kind;
use super::raw_mode::RawMode;
use super::wire::DescriptorWire;
use crate::stream::Stream;
use crate::{TransportRef, WindowSize};

/// The terminal at the bottom of a stack of layers: standard input and output, or a terminal that
/// was opened as a stream.
///
/// A weak handle, like all handles: once the stream has ended, each method returns
/// [`NotConnected`](io::ErrorKind::NotConnected).
///
/// ```
/// # use retwist_reactor as retwist;
/// use retwist::{Protocol, Terminal, TransportRef};
///
/// struct Keys;
/// impl Protocol for Keys {
///     fn connection_made(&mut self, transport: &TransportRef) {
///         // Each key as it is pressed, and no echo. A pipe has no such thing.
///         if let Some(terminal) = Terminal::of(transport)
///             && let Err(error) = terminal.set_raw()
///         {
///             log::warn!("the terminal stays as it is: {error}");
///         }
///     }
/// }
/// ```
#[derive(Clone)]
pub struct Terminal {
    stream: Weak<dyn Any>,
}

impl Terminal {
    pub(super) fn extension(
        wire: &DescriptorWire,
        stream: Weak<dyn Any>,
        wanted: TypeId,
    ) -> Option<Rc<dyn Any>> {
        let is_wanted = wanted == TypeId::of::<Terminal>() && wire.terminal().is_some();
        is_wanted.then(|| Rc::new(Terminal { stream }) as Rc<dyn Any>)
    }

    /// The terminal that `transport` ends in, or `None` if that is something else.
    pub fn of(transport: &TransportRef) -> Option<Terminal> {
        let found = transport.extension(TypeId::of::<Terminal>())?;
        found.downcast_ref::<Terminal>().cloned()
    }

    /// Sets raw mode: each key comes as it is pressed, without echo, and no key has a meaning for the
    /// system. Ctrl-C is the byte 3.
    ///
    /// The mode that was there before is given back when the stream ends, whatever the way: a close,
    /// a panic, the end or the drop of the reactor, and a signal that ends the process (SIGINT,
    /// SIGTERM, SIGHUP, SIGQUIT; for which a thread waits from now on). It is not given back by
    /// [`std::process::exit`] and an abort of the process. Nothing happens if it is set already.
    #[doc(alias = "setraw")]
    pub fn set_raw(&self) -> io::Result<()> {
        self.with(DescriptorWire::set_raw)
    }

    /// Gives the terminal the mode back that it had before [`set_raw`](Terminal::set_raw). Nothing
    /// happens if it has it.
    pub fn restore(&self) -> io::Result<()> {
        self.with(|wire| {
            wire.restore();
            Ok(())
        })
    }

    /// The size of the window.
    pub fn size(&self) -> io::Result<WindowSize> {
        self.with(|wire| {
            let size = tcgetwinsize(existing(wire)?)?;
            Ok(WindowSize::new(size.ws_row, size.ws_col))
        })
    }

    /// Sets the size of the window, of which the programs on a pseudo-terminal are told (SIGWINCH).
    pub fn set_size(&self, size: WindowSize) -> io::Result<()> {
        self.with(|wire| {
            let size = Winsize {
                ws_row: size.rows,
                ws_col: size.columns,
                ws_xpixel: 0,
                ws_ypixel: 0,
            };
            Ok(tcsetwinsize(existing(wire)?, size)?)
        })
    }

    fn with<R>(&self, act: impl FnOnce(&DescriptorWire) -> io::Result<R>) -> io::Result<R> {
        let stream = self.stream.upgrade();
        let stream = stream
            .as_deref()
            .and_then(<dyn Any>::downcast_ref::<Stream<DescriptorWire>>);
        act(&stream.ok_or(io::ErrorKind::NotConnected)?.wire)
    }
}

fn existing(wire: &DescriptorWire) -> io::Result<Rc<End>> {
    let found = wire.terminal();
    found.ok_or_else(|| io::ErrorKind::NotConnected.into())
}

impl DescriptorWire {
    /// The end of the stream that is a terminal.
    fn terminal(&self) -> Option<Rc<End>> {
        let ends = [self.input(), self.output()].into_iter().flatten();
        ends.into_iter().find(|end| end.kind == Kind::Terminal)
    }

    pub(crate) fn set_raw(&self) -> io::Result<()> {
        let terminal = existing(self)?;
        let mut raw_mode = self.raw_mode.borrow_mut();
        if raw_mode.is_none() {
            *raw_mode = Some(RawMode::enter(terminal.as_fd())?);
        }
        Ok(())
    }

    pub(super) fn restore(&self) {
        let raw_mode = self.raw_mode.borrow_mut().take();
        drop(raw_mode);
    }
}

impl fmt::Debug for Terminal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Terminal")
            .field("size", &self.size().ok())
            .finish()
    }
}
