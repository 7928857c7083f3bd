use retwist_reactor::Address;

/// The port that a case opens.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Open {
    /// Where: `None` for any address that is free, by which the ports of this machine reach it.
    pub at: Option<Address>,
    /// The only peer of the port: `None` for a port that is not connected.
    pub connected_to: Option<Address>,
    /// The longest datagram that the port takes, in bytes: `None` for the default of the kind.
    pub max_datagram: Option<usize>,
    /// For members of a group: a port of this number, or a free one for 0, on all addresses, that
    /// others may share. Of all kinds that [have groups](super::Ability::Groups).
    pub shared: Option<u16>,
}

impl Open {
    /// A port at any address that is free.
    pub fn free() -> Self {
        Open {
            at: None,
            connected_to: None,
            max_datagram: None,
            shared: None,
        }
    }

    /// A port at this address.
    pub fn at(address: &Address) -> Self {
        Open {
            at: Some(address.clone()),
            ..Open::free()
        }
    }

    /// A port for members of a group: see [`Open::shared`](Open#structfield.shared).
    pub fn shared(port: u16) -> Self {
        Open {
            shared: Some(port),
            ..Open::free()
        }
    }

    /// Connected to this peer.
    #[must_use]
    pub fn connected_to(mut self, peer: &Address) -> Self {
        self.connected_to = Some(peer.clone());
        self
    }

    /// It takes datagrams of at most this many bytes.
    #[must_use]
    pub fn max_datagram(mut self, bytes: usize) -> Self {
        self.max_datagram = Some(bytes);
        self
    }
}
