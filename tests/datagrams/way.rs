//! The kinds of port that the suite runs over. To add one: write a type that is a [`Way`], and give
//! it a line in [`over_every_way`].

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::{Duration, Instant};

use retwist::testing::DatagramNetwork;
use retwist::{Address, Clock, DatagramProtocolRef, ListeningPort, Reactor, ReactorUdp, UdpListen};

/// A loop with ports that reach each other. When it is dropped, its loop ends.
pub trait Way {
    /// The address by which the ports of this machine reach each other.
    const LOCAL: IpAddr;
    /// A multicast group of that family.
    const GROUP: IpAddr;

    fn new() -> Self;

    fn reactor(&self) -> &dyn ReactorUdp;

    /// One pass of the loop, or several. If there is nothing to do, it lets up to `wait` pass.
    fn pass(&self, wait: Duration);

    fn clock(&self) -> Clock;

    /// A free port on [`LOCAL`](Way::LOCAL).
    fn free() -> UdpListen {
        UdpListen::address(SocketAddr::new(Self::LOCAL, 0))
    }

    /// Opens a port; returns it and its address.
    #[track_caller]
    fn listen(
        &self,
        options: UdpListen,
        protocol: impl Into<DatagramProtocolRef>,
    ) -> (ListeningPort, Address) {
        let port = self.reactor().listen_datagrams(options, protocol.into());
        let port = port.expect("a port that is free");
        let address = port.address();
        (port, address)
    }

    /// Runs until it is true.
    #[track_caller]
    fn until(&self, condition: impl Fn() -> bool) {
        let start = Instant::now();
        while !condition() {
            assert!(start.elapsed() < HANGING, "it never happens");
            self.pass(Duration::from_millis(20));
        }
    }

    /// Runs until whatever was under way has arrived: over the loopback interface that is so when a
    /// send returns, and a few passes take all of it.
    fn comes_to_rest(&self) {
        for _ in 0..50 {
            self.pass(Duration::ZERO);
        }
    }
}

/// When a case is given up: only a case that fails comes so far.
const HANGING: Duration = Duration::from_secs(30);

pub struct Udp4(Reactor);
pub struct Udp6(Reactor);
pub struct Memory(DatagramNetwork);

impl Way for Udp4 {
    const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    const GROUP: IpAddr = IpAddr::V4(Ipv4Addr::new(239, 255, 42, 99));

    fn new() -> Self {
        Udp4(Reactor::new().unwrap())
    }

    fn reactor(&self) -> &dyn ReactorUdp {
        &self.0
    }

    fn pass(&self, wait: Duration) {
        self.0.iterate(wait).unwrap();
    }

    fn clock(&self) -> Clock {
        self.0.clock().clone()
    }
}

impl Way for Udp6 {
    const LOCAL: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);
    // Of this machine alone: ff01 is the scope of one interface.
    const GROUP: IpAddr = IpAddr::V6(Ipv6Addr::new(0xff01, 0, 0, 0, 0, 0, 0x42, 0x99));

    fn new() -> Self {
        Udp6(Reactor::new().unwrap())
    }

    fn reactor(&self) -> &dyn ReactorUdp {
        &self.0
    }

    fn pass(&self, wait: Duration) {
        self.0.iterate(wait).unwrap();
    }

    fn clock(&self) -> Clock {
        self.0.clock().clone()
    }
}

impl Way for Memory {
    const LOCAL: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    const GROUP: IpAddr = IpAddr::V4(Ipv4Addr::new(239, 255, 42, 99));

    fn new() -> Self {
        Memory(DatagramNetwork::new())
    }

    fn reactor(&self) -> &dyn ReactorUdp {
        &self.0
    }

    fn pass(&self, wait: Duration) {
        self.0.advance(wait);
    }

    fn clock(&self) -> Clock {
        Clock::clone(self.0.clock())
    }
}

/// Makes a test of each case over each way.
macro_rules! over_every_way {
    ($($case:ident),* $(,)?) => {
        over_every_way!(@way udp4: $crate::way::Udp4; $($case),*);
        over_every_way!(@way udp6: $crate::way::Udp6; $($case),*);
        over_every_way!(@way memory: $crate::way::Memory; $($case),*);
    };
    (@way $name:ident: $way:ty; $($case:ident),*) => {
        mod $name {
            $(
                #[test]
                fn $case() {
                    super::$case(<$way as $crate::way::Way>::new());
                }
            )*
        }
    };
}
