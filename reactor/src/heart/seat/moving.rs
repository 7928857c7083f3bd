use super::*;

/// A connection that moves from one reactor to another, and so from one seat to another.
impl Seat {
    /// The connection leaves: for the occupant, it is closed from now on. Returns what waits for the
    /// occupant, which will hear nothing of it.
    pub(crate) fn leave(&self) -> Vec<u8> {
        let waiting = self.take_unread();
        self.begin_close();
        waiting
    }

    /// Bytes that came before the connection was here: the occupant gets them first.
    pub(crate) fn begin_with(&self, data: Vec<u8>) {
        if !data.is_empty() {
            self.cold(|cold| cold.unread = data);
            self.state.set(Facts::UNREAD | Facts::REDELIVER);
        }
    }
}
