use std::any::{Any, TypeId};
use std::cell::{Cell, RefCell};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::rc::{Rc, Weak};

use mio::{Interest, Token};

use super::end::End;
use super::kind::Kind;
use super::options::Ends;
use super::raw_mode::RawMode;
use super::{Companion, DescriptorStream, OpenError, Terminal};
use crate::core::sources::{Served, Source, Sources};
use crate::machines::output::ReadBuffer;
use crate::stream::{Examined, Ready, Stream, Wire};
use crate::{Address, Reason};

/// One descriptor, or two, as the wire of a [`Stream`].
///
/// What is evil here: with two descriptors there are two registrations, of which each knows half of
/// what happens.
///
/// - The reader of a pipe sees its end as any stream does. The writer of a pipe learns that the last
///   reader has gone by an error event alone, which comes once, also while nothing is written. It says
///   nothing about the other direction: a child that closes its input goes on writing its output.
///   So the event goes to [`Stream::output_gone`], which ends only what cannot do without.
/// - After a failed send, a stream reads what the peer had said before. In a socket that is what its
///   buffer holds. A pipe has no such bound, since its writer may be another program that goes on and
///   on. So the count of what waits is taken when the output breaks (`left`).
/// - The system does not watch a file (EPERM): it never has to wait, so that each read is followed by
///   another in the next pass, and each short write too. A terminal, which gives one line at a time,
///   is read so as well, until it has no more. That ends with the file; a stream that does
///   not want to read is asked no more.
/// - Closing the descriptor need not end its registration, because the open file description may
///   live on in another process, or in this one under another number.
///
/// Of the two tokens, the one that is registered for the stream itself is there until the end,
/// even if there is nothing to read from. The other one is that of a [`WritingEnd`].
pub(crate) struct DescriptorWire {
    sources: Rc<Sources>,
    /// `None` once closed, and where there is none.
    input: RefCell<Option<Rc<End>>>,
    /// As `input`. The same object, if one descriptor serves both directions.
    output: RefCell<Option<Rc<End>>>,
    has_one: bool,
    /// See [`Wire::lingers`].
    lingers: bool,
    token: Cell<Token>,
    writing_token: Cell<Token>,
    /// How many bytes are still read, once the output has broken.
    left: Cell<Option<usize>>,
    pub(super) raw_mode: RefCell<Option<RawMode>>,
    address: Address,
    /// See [`Companion`].
    companion: Option<Rc<dyn Companion>>,
    /// A port has accepted it, and it is open.
    served: RefCell<Option<Served>>,
}

/// No registration has it.
const NO_TOKEN: Token = Token(usize::MAX);

impl DescriptorWire {
    pub(super) fn new(sources: &Rc<Sources>, given: DescriptorStream) -> Result<Self, OpenError> {
        let (address, companion) = (given.address, given.companion);
        let (input_guard, output_guard) = match given.guards {
            Some([input, output]) => (Some(input), Some(output)),
            None => (None, None),
        };
        let (input, output, has_one) = match given.ends {
            Ends::Same(descriptor) => {
                let guards = input_guard.zip(output_guard);
                let guards = guards.map(|guards| Box::new(guards) as Box<dyn Any>);
                let end = End::new(descriptor, true, true, guards)?;
                (Some(end.clone()), Some(end), true)
            }
            Ends::Separate { reading, writing } => {
                // The input comes first, and stays until the end: if both have the same description,
                // it is the input that takes back the flag.
                let input = reading.map(|it| End::new(it, true, false, input_guard));
                let output = writing.map(|it| End::new(it, false, true, output_guard));
                (input.transpose()?, output.transpose()?, false)
            }
        };
        if input.is_none() && output.is_none() {
            return Err(OpenError::Missing);
        }
        let can_answer =
            |end: &Option<Rc<End>>| end.as_ref().is_some_and(|end| end.can_answer(!has_one));
        Ok(DescriptorWire {
            sources: sources.clone(),
            lingers: can_answer(&input) && can_answer(&output),
            input: RefCell::new(input),
            output: RefCell::new(output),
            has_one,
            token: Cell::new(NO_TOKEN),
            writing_token: Cell::new(NO_TOKEN),
            left: Cell::new(None),
            raw_mode: RefCell::default(),
            address,
            companion,
            served: RefCell::default(),
        })
    }

    /// Registers what there is. After an error the wire has to be closed.
    pub(super) fn register(stream: &Rc<Stream<Self>>) -> Result<(), OpenError> {
        let wire = &stream.wire;
        let sources = &wire.sources;
        let (input, output) = (wire.input(), wire.output());
        let token = match &input {
            Some(input) => input.register(sources, stream.clone(), Interest::READABLE)?,
            None => sources.add_unwatched(stream.clone())?,
        };
        wire.token.set(token);
        if input.is_some_and(|input| input.needs_a_first_look()) {
            sources.again(token);
        }
        if let Some(output) = output {
            let end = Rc::new(WritingEnd(stream.clone()));
            if !wire.has_one {
                let token = output.register(sources, end, Interest::WRITABLE)?;
                wire.writing_token.set(token);
            } else if !output.is_watched() {
                wire.writing_token.set(sources.add_unwatched(end)?);
            }
        }
        Ok(())
    }

    /// A port has accepted it.
    pub(crate) fn is_served(&self) {
        *self.served.borrow_mut() = Some(Served::by(&self.sources));
    }

    pub(super) fn input(&self) -> Option<Rc<End>> {
        self.input.borrow().clone()
    }

    pub(super) fn output(&self) -> Option<Rc<End>> {
        self.output.borrow().clone()
    }

    /// Lends the descriptor that is read from, unless it is closed.
    pub(crate) fn with_input<R>(&self, act: impl FnOnce(BorrowedFd<'_>) -> R) -> Option<R> {
        let input = self.input.borrow();
        input.as_ref().map(|input| act(input.as_fd()))
    }

    /// The output has broken: what has come until now is still read, and no more.
    fn note_broken(&self) {
        if !self.has_one && self.left.get().is_none() {
            let waiting = self.input().map(|input| input.waiting().unwrap_or(0));
            self.left.set(Some(waiting.unwrap_or(0)));
        }
    }

    fn recv_before_the_break(
        &self,
        end: &End,
        buffer: &mut [u8],
        left: usize,
    ) -> io::Result<usize> {
        if left == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let most = buffer.len().min(left);
        let count = end.recv(&mut buffer[..most])?;
        self.left.set(Some(left - count));
        Ok(count)
    }
}

impl Wire for DescriptorWire {
    fn recv(&self, buffer: &mut [u8]) -> io::Result<usize> {
        let input = self.input.borrow();
        match (&*input, self.left.get()) {
            (Some(input), None) => {
                let received = input.recv(buffer);
                if let Ok(count) = received
                    && (1..buffer.len()).contains(&count)
                    && !input.short_is_last()
                {
                    // No event would tell that there is more, or that this was all.
                    self.read_again();
                }
                if let (Ok(0), Some(companion)) = (&received, &self.companion) {
                    companion.input_ended()?;
                }
                received
            }
            (Some(input), Some(left)) => self.recv_before_the_break(input, buffer, left),
            // Nothing comes, until nothing can be said either.
            (None, None) if self.output.borrow().is_some() => Err(io::ErrorKind::WouldBlock.into()),
            (None, None) => Ok(0),
            (None, Some(_)) => Err(rustix::io::Errno::PIPE.into()),
        }
    }

    fn send(&self, data: &[u8]) -> io::Result<usize> {
        let output = self.output.borrow();
        let Some(output) = &*output else {
            return Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "the stream has no descriptor to write to",
            ));
        };
        let sent = output.send(data);
        if let Err(error) = &sent
            && !matches!(
                error.kind(),
                io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted
            )
        {
            self.note_broken();
        }
        sent
    }

    fn shutdown_write(&self) -> io::Result<()> {
        if self.has_one {
            return self
                .output()
                .map_or(Ok(()), |output| output.shutdown_write());
        }
        let output = self.output.borrow_mut().take();
        let outcome = output.map_or(Ok(()), |output| {
            output.remove(&self.sources, self.writing_token.get());
            output.shutdown_write()
        });
        if self.input.borrow().is_none() {
            // This was all of the stream.
            self.read_again();
        }
        outcome
    }

    fn close(&self, reset: bool) {
        self.restore();
        let input = self.input.borrow_mut().take();
        let output = self.output.borrow_mut().take();
        if let Some(output) = &output {
            if reset {
                output.prepare_reset();
            }
            if !self.has_one {
                output.remove(&self.sources, self.writing_token.get());
            }
        }
        self.sources.forget(self.writing_token.get());
        match &input {
            Some(input) => input.remove(&self.sources, self.token.get()),
            None => self.sources.forget(self.token.get()),
        }
        drop(output);
        drop(input);
        self.served.take();
        if let Some(companion) = &self.companion {
            companion.closed(reset);
        }
    }

    fn read_again(&self) {
        self.sources.again(self.token.get());
    }

    fn wants_writable(&self) -> io::Result<()> {
        let Some(output) = self.output() else {
            return Ok(());
        };
        if !output.is_watched() {
            self.sources.again(self.writing_token.get());
        } else if self.has_one {
            let both = Interest::READABLE | Interest::WRITABLE;
            return output.reregister(&self.sources, self.token.get(), both);
        }
        // Otherwise it is watched for that alone.
        Ok(())
    }

    fn unacknowledged(&self) -> Option<usize> {
        match self.output() {
            Some(output) if output.kind == Kind::Socket => None,
            // Linux tells the writer of a pipe how much is in it.
            Some(output) if output.kind == Kind::Pipe && cfg!(target_os = "linux") => {
                output.waiting()
            }
            // What was written is not lost if this side closes.
            _ => Some(0),
        }
    }

    fn lingers(&self) -> bool {
        self.lingers
    }

    fn ends_with_peer(&self) -> bool {
        self.companion.is_some()
    }

    fn outcome(&self) -> Option<Reason> {
        match &self.companion {
            Some(companion) => companion.outcome(),
            None => Some(Reason::Done),
        }
    }

    fn take_error(&self) -> io::Error {
        self.note_broken();
        let error = self.output().and_then(|output| output.take_error());
        error.unwrap_or_else(|| rustix::io::Errno::PIPE.into())
    }

    fn peer(&self) -> Address {
        self.address.clone()
    }

    fn host(&self) -> Address {
        self.address.clone()
    }

    fn duplicate(&self) -> Option<io::Result<OwnedFd>> {
        let end = self.input().or_else(|| self.output())?;
        Some(end.as_fd().try_clone_to_owned())
    }

    fn extension(&self, stream: Weak<dyn Any>, wanted: TypeId) -> Option<Rc<dyn Any>> {
        let of_companion = self.companion.as_ref();
        of_companion
            .and_then(|companion| companion.extension(wanted))
            .or_else(|| Terminal::extension(self, stream, wanted))
    }
}

/// The stream, for the descriptor that it reads from, or that it has for both directions.
impl Source for Stream<DescriptorWire> {
    fn ready(&self, ready: Ready, buffer: &mut ReadBuffer) {
        let ready = if self.wire.has_one {
            ready
        } else {
            ready.of_input_alone()
        };
        Stream::ready(self, ready, buffer);
    }

    fn drain(&self) {
        if self.wire.served.borrow().is_some() {
            Stream::drain(self);
        }
    }

    fn stop(&self) {
        Stream::stop(self);
    }

    fn abort(&self, reason: Reason) {
        self.end(reason);
    }

    fn stream(&self) -> Option<&dyn Examined> {
        Some(self)
    }
}

/// The stream, for a descriptor that it only writes to.
struct WritingEnd(Rc<Stream<DescriptorWire>>);

impl Source for WritingEnd {
    fn ready(&self, ready: Ready, buffer: &mut ReadBuffer) {
        if ready.tells_of_an_end() {
            if self.0.wire.input().is_none() {
                // There is nothing else that the stream could live on for.
                self.0.wire.note_broken();
            }
            self.0.output_gone(buffer);
        } else {
            // A file, too, asks with this for another try.
            Stream::ready(&self.0, Ready::WRITABLE, buffer);
        }
    }

    /// The stream is told by its other token.
    fn stop(&self) {}

    fn abort(&self, reason: Reason) {
        self.0.end(reason);
    }
}
