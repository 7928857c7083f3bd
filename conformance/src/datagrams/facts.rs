use std::fmt;
use std::net::IpAddr;

/// What a kind of port does by its nature. It does everything, unless it says that it does not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    longest: usize,
    group: Option<IpAddr>,
    /// A bit for each [`Ability`] that is missing.
    missing: u32,
}

impl Facts {
    /// A kind that does everything but join groups. `longest` is the length of the longest datagram
    /// that it takes, in bytes: 65,507 for UDP over IPv4.
    pub const fn new(longest: usize) -> Self {
        Facts {
            longest,
            group: None,
            missing: 1 << Ability::Groups as u32,
        }
    }

    /// It has multicast groups, and cases may use this one. Its ports have addresses of the same
    /// family.
    #[must_use]
    pub const fn group(mut self, group: IpAddr) -> Self {
        self.group = Some(group);
        self.missing &= !(1 << Ability::Groups as u32);
        self
    }

    /// It does not do this. Cases that are about it are left out, with a line on the error output.
    #[must_use]
    pub const fn without(mut self, ability: Ability) -> Self {
        self.missing |= 1 << ability as u32;
        self
    }

    /// The length of the longest datagram that it takes, in bytes.
    pub const fn longest(self) -> usize {
        self.longest
    }

    /// A multicast group for the use of cases; `None` where there are none.
    pub const fn a_group(self) -> Option<IpAddr> {
        self.group
    }

    /// Whether it does this.
    pub const fn can(self, ability: Ability) -> bool {
        self.missing & 1 << ability as u32 == 0
    }
}

/// What some kinds of port do, and others cannot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Ability {
    /// Ports join multicast groups. A kind has it by [`Facts::group`].
    Groups,
    /// A datagram goes to all of a network, once the port is allowed to send such. IPv4 has it.
    Broadcast,
    /// A connected port hears that its peer does not listen.
    Refuse,
    /// A datagram that is longer than the port takes is told as cut.
    NoteCut,
}

/// The end of "a kind that cannot …".
impl fmt::Display for Ability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Ability::Groups => "join groups",
            Ability::Broadcast => "broadcast",
            Ability::Refuse => "tell that a peer does not listen",
            Ability::NoteCut => "tell that a datagram was cut",
        })
    }
}
