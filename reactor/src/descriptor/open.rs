use std::rc::Rc;

use super::wire::DescriptorWire;
use super::{DescriptorStream, OpenError};
use crate::core::Core;
use crate::stream::{Owner, Stream, Wire};
use crate::{Channel, ProtocolRef};

/// Makes the stream, which tells its protocol in a later turn than this one. The owner hears of its
/// end after the protocol. After an error the protocol has heard nothing.
pub(crate) fn open(
    core: &Rc<Core>,
    given: DescriptorStream,
    protocol: ProtocolRef,
    owner: Option<Rc<dyn Owner>>,
) -> Result<Rc<Stream<DescriptorWire>>, OpenError> {
    let settings = Rc::new(given.settings.clone());
    let wire = DescriptorWire::new(&core.sources, given)?;
    let stream = Stream::new(wire, protocol, core.context.clone(), settings, owner);
    if let Err(error) = DescriptorWire::register(&stream) {
        stream.wire.close(false);
        return Err(error);
    }
    stream.seat().wants_turn();
    Ok(stream)
}
