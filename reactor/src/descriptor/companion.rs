use std::any::{Any, TypeId};
use std::fmt;
use std::io;
use std::rc::Rc;

use crate::Reason;

/// What lives and dies with a stream: the child whose pipes it is on.
pub(crate) trait Companion {
    /// Both directions are closed: with which reason the stream ends. `None` if it is about to be
    /// known: a turn of the stream follows then.
    fn outcome(&self) -> Option<Reason>;

    /// The input has ended. With an error, the stream breaks off in place of that: with `WouldBlock`, the
    /// stream reads again later, since it is not known yet.
    fn input_ended(&self) -> io::Result<()> {
        Ok(())
    }

    /// The stream is closed; with `reset`, not in order.
    fn closed(&self, reset: bool);

    /// See [`Wire::extension`](crate::stream::Wire::extension).
    fn extension(&self, wanted: TypeId) -> Option<Rc<dyn Any>>;
}

impl fmt::Debug for dyn Companion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Companion")
    }
}
