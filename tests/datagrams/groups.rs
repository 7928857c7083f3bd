//! Multicast groups and broadcasts.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

use retwist::{Address, NetworkInterface, UdpError, UdpListen};

use crate::peer::{Event, Peer};
use crate::way::{Memory, Way};

over_every_way! {
    members_hear_what_is_sent_to_the_group,
    joining_and_leaving_twice,
    what_is_no_group,
    a_group_of_another_family,
    a_port_that_is_opened_again_has_left,
}

/// Several members on one machine, on this port or a free one.
fn shared<W: Way>(port: u16) -> UdpListen {
    let any: IpAddr = match W::LOCAL {
        IpAddr::V4(_) => [0; 4].into(),
        IpAddr::V6(_) => [0; 16].into(),
    };
    UdpListen::address(SocketAddr::new(any, port)).reuse_address(true)
}

/// The loopback interface, which IPv6 has no groups on: there, groups whose scope is one machine go by
/// any other.
fn local<W: Way>() -> NetworkInterface {
    match W::LOCAL {
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => NetworkInterface::Any,
    }
}

/// Whether the machine has an interface for the groups of this family.
fn has_groups<W: Way>() -> bool {
    let IpAddr::V6(group) = W::GROUP else {
        return true;
    };
    let socket = UdpSocket::bind("[::]:0").unwrap();
    let joined = socket.join_multicast_v6(&group, 0);
    joined
        .and_then(|()| socket.send_to(b"", (group, 9)))
        .is_ok()
}

fn group<W: Way>(port: &Address) -> Address {
    Address::Udp(SocketAddr::new(W::GROUP, port.port().unwrap()))
}

fn members_hear_what_is_sent_to_the_group<W: Way>(way: W) {
    if !has_groups::<W>() {
        return;
    }
    let members = [(); 3].map(|()| Peer::new());
    let (_first, there) = way.listen(shared::<W>(0), members[0].quiet());
    for member in &members[1..] {
        way.listen(shared::<W>(there.port().unwrap()), member.quiet());
    }
    way.until(|| members.iter().all(|member| !member.events().is_empty()));
    for member in &members[..2] {
        member
            .transport()
            .join_group(W::GROUP, local::<W>())
            .unwrap();
    }
    let to = group::<W>(&there);
    let sender = members[0].transport();
    sender.set_multicast_interface(local::<W>()).unwrap();
    sender.set_multicast_ttl(1).unwrap();
    sender.send_to(b"one", &to);
    way.until(|| {
        members[..2]
            .iter()
            .all(|member| !member.received().is_empty())
    });
    members[1]
        .transport()
        .leave_group(W::GROUP, local::<W>())
        .unwrap();
    sender.send_to(b"two", &to);
    way.until(|| members[0].received().len() == 2);
    way.comes_to_rest();
    assert_eq!(members[0].received(), [b"one", b"two"]);
    assert_eq!(members[1].received(), [b"one"]);
}

fn joining_and_leaving_twice<W: Way>(way: W) {
    if !has_groups::<W>() {
        return;
    }
    let member = Peer::new();
    way.listen(shared::<W>(0), member.quiet());
    way.until(|| !member.events().is_empty());
    let transport = member.transport();
    let interface = local::<W>();
    assert!(matches!(
        transport.leave_group(W::GROUP, interface),
        Err(UdpError::NotJoined(_))
    ));
    transport.join_group(W::GROUP, interface).unwrap();
    assert!(matches!(
        transport.join_group(W::GROUP, interface),
        Err(UdpError::AlreadyJoined(_))
    ));
    transport.leave_group(W::GROUP, interface).unwrap();
    assert!(matches!(
        transport.leave_group(W::GROUP, interface),
        Err(UdpError::NotJoined(_))
    ));
}

fn what_is_no_group<W: Way>(way: W) {
    let member = Peer::new();
    way.listen(shared::<W>(0), member.quiet());
    way.until(|| !member.events().is_empty());
    let joined = member
        .transport()
        .join_group(W::LOCAL, NetworkInterface::Any);
    assert!(matches!(joined, Err(UdpError::NotMulticast(ip)) if ip == W::LOCAL));
}

fn a_group_of_another_family<W: Way>(way: W) {
    let member = Peer::new();
    way.listen(shared::<W>(0), member.quiet());
    way.until(|| !member.events().is_empty());
    let other: IpAddr = match W::LOCAL {
        IpAddr::V4(_) => "ff01::1".parse().unwrap(),
        IpAddr::V6(_) => "239.255.1.1".parse().unwrap(),
    };
    let joined = member.transport().join_group(other, NetworkInterface::Any);
    assert!(matches!(joined, Err(UdpError::AddressFamily)), "{joined:?}");
}

fn a_port_that_is_opened_again_has_left<W: Way>(way: W) {
    if !has_groups::<W>() {
        return;
    }
    let (member, sender) = (Peer::new(), Peer::new());
    let (port, there) = way.listen(shared::<W>(0), member.quiet());
    way.listen(shared::<W>(0), sender.quiet());
    way.until(|| !member.events().is_empty() && !sender.events().is_empty());
    member
        .transport()
        .join_group(W::GROUP, local::<W>())
        .unwrap();
    port.stop_listening();
    way.until(|| member.is_stopped());
    port.start_listening().unwrap();
    way.until(|| member.events().last() == Some(&Event::Started));
    let transport = sender.transport();
    transport.set_multicast_interface(local::<W>()).unwrap();
    transport.send_to(b"unheard", &group::<W>(&there));
    way.comes_to_rest();
    member
        .transport()
        .join_group(W::GROUP, local::<W>())
        .unwrap();
    transport.send_to(b"heard", &group::<W>(&there));
    way.until(|| !member.received().is_empty());
    assert_eq!(member.received(), [b"heard"]);
}

/// In memory: the loopback interface gives back what it is given, whatever the sender wants.
#[test]
fn a_sender_that_does_not_want_to_hear_itself() {
    let way = Memory::new();
    let member = Peer::new();
    let (_port, there) = way.listen(shared::<Memory>(0), member.quiet());
    way.until(|| !member.events().is_empty());
    let transport = member.transport();
    transport
        .join_group(Memory::GROUP, local::<Memory>())
        .unwrap();
    transport
        .set_multicast_interface(local::<Memory>())
        .unwrap();
    transport.set_multicast_loopback(false).unwrap();
    transport.send_to(b"silent", &group::<Memory>(&there));
    way.comes_to_rest();
    transport.set_multicast_loopback(true).unwrap();
    transport.send_to(b"loud", &group::<Memory>(&there));
    way.until(|| !member.received().is_empty());
    assert_eq!(member.received(), [b"loud"]);
}
