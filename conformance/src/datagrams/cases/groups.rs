//! Multicast groups and broadcasts.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use retwist_reactor::{Address, NetworkInterface, UdpError};

use crate::datagrams::{Event, Open, Peer, World};
use crate::report;

/// The loopback interface, which IPv6 has no groups on: there, groups whose scope is one machine go by
/// any other.
fn local(world: &World) -> NetworkInterface {
    match world.group() {
        IpAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(_) => NetworkInterface::Any,
    }
}

/// Whether the machine has an interface for the groups of this family. If not, it says so.
fn has_groups(world: &World) -> bool {
    let IpAddr::V6(group) = world.group() else {
        return true;
    };
    let socket = UdpSocket::bind("[::]:0").unwrap();
    let joined = socket.join_multicast_v6(&group, 0);
    let sent = joined.and_then(|()| socket.send_to(b"", (group, 9)));
    if sent.is_err() {
        let why = format_args!("since no interface of this machine has groups of IPv6");
        report::left_out("a case of groups", &world.kind(), why);
    }
    sent.is_ok()
}

/// The group, with the number of this port.
fn group(world: &World, port: &Address) -> Address {
    Address::Udp(SocketAddr::new(world.group(), port.port().unwrap()))
}

pub(crate) fn members_hear_what_is_sent_to_the_group(world: World) {
    if !has_groups(&world) {
        return;
    }
    let members = [(); 3].map(|()| Peer::new());
    let (_first, there) = world.listen(Open::shared(0), members[0].quiet());
    for member in &members[1..] {
        world.listen(Open::shared(there.port().unwrap()), member.quiet());
    }
    world.until(|| members.iter().all(|member| !member.events().is_empty()));
    for member in &members[..2] {
        member
            .transport()
            .join_group(world.group(), local(&world))
            .unwrap();
    }
    let to = group(&world, &there);
    let sender = members[0].transport();
    sender.set_multicast_interface(local(&world)).unwrap();
    sender.set_multicast_ttl(1).unwrap();
    sender.send_to(b"one", &to);
    world.until(|| {
        members[..2]
            .iter()
            .all(|member| !member.received().is_empty())
    });
    members[1]
        .transport()
        .leave_group(world.group(), local(&world))
        .unwrap();
    sender.send_to(b"two", &to);
    world.until(|| members[0].received().len() == 2);
    world.comes_to_rest();
    assert_eq!(members[0].received(), [b"one", b"two"]);
    assert_eq!(members[1].received(), [b"one"]);
}

pub(crate) fn joining_and_leaving_twice(world: World) {
    if !has_groups(&world) {
        return;
    }
    let member = Peer::new();
    world.listen(Open::shared(0), member.quiet());
    world.until(|| !member.events().is_empty());
    let transport = member.transport();
    let interface = local(&world);
    assert!(matches!(
        transport.leave_group(world.group(), interface),
        Err(UdpError::NotJoined(_))
    ));
    transport.join_group(world.group(), interface).unwrap();
    assert!(matches!(
        transport.join_group(world.group(), interface),
        Err(UdpError::AlreadyJoined(_))
    ));
    transport.leave_group(world.group(), interface).unwrap();
    assert!(matches!(
        transport.leave_group(world.group(), interface),
        Err(UdpError::NotJoined(_))
    ));
}

pub(crate) fn what_is_not_a_group(world: World) {
    let member = Peer::new();
    world.listen(Open::shared(0), member.quiet());
    world.until(|| !member.events().is_empty());
    let one: IpAddr = match world.group() {
        IpAddr::V4(_) => [127, 0, 0, 1].into(),
        IpAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
    };
    let joined = member.transport().join_group(one, NetworkInterface::Any);
    assert!(matches!(joined, Err(UdpError::NotMulticast(ip)) if ip == one));
}

pub(crate) fn a_group_of_another_family(world: World) {
    let member = Peer::new();
    world.listen(Open::shared(0), member.quiet());
    world.until(|| !member.events().is_empty());
    let other: IpAddr = match world.group() {
        IpAddr::V4(_) => "ff01::1".parse().unwrap(),
        IpAddr::V6(_) => "239.255.1.1".parse().unwrap(),
    };
    let joined = member.transport().join_group(other, NetworkInterface::Any);
    assert!(matches!(joined, Err(UdpError::AddressFamily)), "{joined:?}");
}

pub(crate) fn a_port_that_is_opened_again_has_left(world: World) {
    if !has_groups(&world) {
        return;
    }
    let (member, sender) = (Peer::new(), Peer::new());
    let (port, there) = world.listen(Open::shared(0), member.quiet());
    world.listen(Open::shared(0), sender.quiet());
    world.until(|| !member.events().is_empty() && !sender.events().is_empty());
    member
        .transport()
        .join_group(world.group(), local(&world))
        .unwrap();
    port.stop_listening();
    world.until(|| member.is_stopped());
    port.start_listening().unwrap();
    world.until(|| member.events().last() == Some(&Event::Started));
    let transport = sender.transport();
    transport.set_multicast_interface(local(&world)).unwrap();
    transport.send_to(b"unheard", &group(&world, &there));
    world.comes_to_rest();
    member
        .transport()
        .join_group(world.group(), local(&world))
        .unwrap();
    transport.send_to(b"heard", &group(&world, &there));
    world.until(|| !member.received().is_empty());
    assert_eq!(member.received(), [b"heard"]);
}
