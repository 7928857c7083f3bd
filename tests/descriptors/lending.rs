//! The descriptors of connections, ports and connectors, for options that have no setting.

use std::os::fd::AsFd;

use retwist::testing::RecordingTransport;
use retwist::{Address, ConnectorState, UdpListen};
use socket2::SockRef;

use crate::world::{Story, open_files, pass, reactor, until};

#[test]
fn a_connection_a_port_and_a_connector() {
    let (reactor, server, client) = (reactor(), Story::default(), Story::default());
    let accepted = server.clone();
    let port = reactor
        .listen_tcp(([127, 0, 0, 1], 0), move |_| accepted.protocol())
        .unwrap();
    let listens =
        |fd: std::os::fd::BorrowedFd<'_>| SockRef::from(&fd).local_addr().unwrap().as_socket();
    let found = port.with_descriptor(listens).unwrap();
    assert_eq!(found.map(Address::Tcp), Some(port.address()));

    let connecting = client.clone();
    let address = port.address().socket().unwrap();
    let connector = reactor.connect_tcp(address, move |_| connecting.protocol());
    assert_eq!(connector.state(), ConnectorState::Connecting);
    let set = |fd: std::os::fd::BorrowedFd<'_>| SockRef::from(&fd).set_tos_v4(0x10);
    connector.with_descriptor(set).unwrap().unwrap();
    until(&reactor, || {
        client.told() == "made" && server.told() == "made"
    });
    let tos = |fd: std::os::fd::BorrowedFd<'_>| SockRef::from(&fd).tos_v4().unwrap();
    assert_eq!(connector.with_descriptor(tos).unwrap(), 0x10);

    // What is lent is given back.
    let before = open_files();
    assert!(
        connector
            .with_descriptor(|fd| fd.as_fd().try_clone_to_owned().is_ok())
            .unwrap()
    );
    assert_eq!(open_files(), before);

    connector.disconnect();
    until(&reactor, || client.is_over() && server.is_over());
    assert!(connector.with_descriptor(|_| ()).is_err());
    port.stop_listening();
    assert!(port.with_descriptor(|_| ()).is_err());
}

#[test]
fn a_transport_through_its_layers() {
    let (reader, _writer) = std::io::pipe().unwrap();
    let (reactor, story) = (reactor(), Story::default());
    let stream = retwist::DescriptorStream::reading(reader);
    let transport = crate::world::open(&reactor, stream, &story);
    let kind = |fd: std::os::fd::BorrowedFd<'_>| {
        let status = rustix::fs::fstat(fd).unwrap();
        rustix::fs::FileType::from_raw_mode(status.st_mode)
    };
    assert_eq!(
        transport.with_descriptor(kind).unwrap(),
        rustix::fs::FileType::Fifo
    );
    // It may do anything to its transport meanwhile.
    transport
        .with_descriptor(|_| transport.abort_connection())
        .unwrap();
    pass(&reactor);
    assert!(transport.with_descriptor(|_| ()).is_err());

    let recording = RecordingTransport::connect(Story::default().protocol());
    assert!(recording.transport().with_descriptor(|_| ()).is_err());
}

#[test]
fn a_port_of_datagrams() {
    struct Deaf;
    impl retwist::DatagramProtocol for Deaf {
        fn datagram_received(&mut self, _: &retwist::DatagramTransport, _: &[u8], _: &Address) {}
    }
    let reactor = reactor();
    let port = reactor
        .listen_udp(UdpListen::address(([127, 0, 0, 1], 0).into()), Deaf)
        .unwrap();
    let size = port.with_descriptor(|fd| SockRef::from(&fd).recv_buffer_size().unwrap());
    assert!(size.unwrap() > 0);
}
