use std::rc::Rc;

use super::StandardIo;
use super::taken::{self, Taken};
use crate::core::Core;
use crate::descriptor::{self, DescriptorWire};
use crate::stream::{Owner, Stream};
use crate::{OpenError, ProtocolRef};

/// Makes the stream of both, which tells its protocol in a later turn than this one.
pub(crate) fn open(
    core: &Rc<Core>,
    options: &StandardIo,
    protocol: ProtocolRef,
) -> Result<Rc<Stream<DescriptorWire>>, OpenError> {
    open_taken(core, options, taken::take()?, protocol, None)
}

pub(super) fn open_taken(
    core: &Rc<Core>,
    options: &StandardIo,
    taken: Taken,
    protocol: ProtocolRef,
    owner: Option<Rc<dyn Owner>>,
) -> Result<Rc<Stream<DescriptorWire>>, OpenError> {
    let is_open = taken.opener();
    let given = taken.stream.settings(options.settings.clone());
    let stream = descriptor::open(core, given, protocol, owner)?;
    is_open();
    if options.raw
        && let Err(error) = stream.wire.set_raw()
        && error.kind() != std::io::ErrorKind::NotConnected
    {
        log::warn!("the terminal is not set to raw mode: {error}");
    }
    Ok(stream)
}
