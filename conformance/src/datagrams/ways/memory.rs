use std::net::{IpAddr, Ipv4Addr};
use std::time::Duration;

use retwist_reactor::testing::DatagramNetwork;
use retwist_reactor::{Clock, DatagramProtocolRef, ListenError, ListeningPort, ReactorUdp};

use super::udp;
use crate::datagrams::{Facts, Open, Way};

/// Ports that are joined in memory, on a clock that is moved by hand.
pub struct Memory(DatagramNetwork);

impl Way for Memory {
    fn facts() -> Facts {
        Facts::new(65_507).group(udp::GROUP_V4)
    }

    fn new() -> Self {
        Memory(DatagramNetwork::new())
    }

    fn open(
        &self,
        open: Open,
        protocol: DatagramProtocolRef,
    ) -> Result<ListeningPort, ListenError> {
        let options = udp::options(open, IpAddr::V4(Ipv4Addr::LOCALHOST));
        self.0.listen_datagrams(options, protocol)
    }

    fn pass(&self, wait: Duration) {
        self.0.advance(wait);
    }

    fn clock(&self) -> Clock {
        Clock::clone(self.0.clock())
    }
}
