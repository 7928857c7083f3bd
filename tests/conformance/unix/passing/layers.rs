//! Descriptors, layers and other protocols.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use retwist::Layer;
use retwist::tls::{TlsRole, TlsTransport};

use super::super::listen;
use super::*;
use crate::ways::configs;

#[test]
fn a_protocol_that_is_switched_in_takes_what_the_other_has_left() {
    let (folder, reactor) = (Folder::new("switched"), reactor());
    let (server, client) = accepting(&folder, &reactor, 2);
    let files = [file(&folder, "one"), file(&folder, "two")];
    pass(&client, b"12", &[files[0].as_fd(), files[1].as_fd()]);
    until(&reactor, || server.count() == 2);
    let before = descriptors(&server);
    assert_eq!(text(before.take().unwrap()), "one");
    let next = Peer::new();
    server.transport().switch_protocol(next.quiet());
    until(&reactor, || next.is_made());
    // The first has no further say.
    assert!(before.take().is_none());
    let refused = before.write(b"x", [file(&folder, "late")]).unwrap_err();
    assert!(matches!(refused.error, retwist::DescriptorError::Closed));
    assert_eq!(refused.descriptors.len(), 1);
    assert_eq!(text(descriptors(&next).take().unwrap()), "two");
}

#[test]
fn a_protocol_that_is_paused_gets_them_with_its_bytes() {
    let (folder, reactor) = (Folder::new("paused"), reactor());
    let (server, client) = accepting(&folder, &reactor, 2);
    server.transport().pause_producing();
    pass(&client, b"a", &[file(&folder, "a").as_fd()]);
    pass(&client, b"b", &[file(&folder, "b").as_fd()]);
    for _ in 0..5 {
        reactor.iterate(Duration::ZERO).unwrap();
    }
    assert!(descriptors(&server).take().is_none());
    server.transport().resume_producing();
    until(&reactor, || server.count() == 2);
    assert_eq!(text(descriptors(&server).take().unwrap()), "a");
    assert_eq!(text(descriptors(&server).take().unwrap()), "b");
}

#[test]
fn they_go_through_tls() {
    let (folder, reactor) = (Folder::new("tls"), reactor());
    let path = folder.path("socket");
    let (client, server) = (Peer::new(), Peer::new());
    let taken = Rc::<RefCell<Vec<_>>>::default();
    let into = taken.clone();
    let sends = client.reacting(move |transport, event| {
        if matches!(event, Event::Made) {
            let passing = UnixDescriptors::of(transport).unwrap();
            for name in ["a", "b", "c"] {
                passing
                    .write(name.as_bytes(), [file(&folder, name)])
                    .unwrap();
            }
            transport.lose_connection();
        }
    });
    let takes = server.reacting(move |transport, event| {
        if let Event::Data(data) = event {
            let passing = UnixDescriptors::of(transport).unwrap();
            for byte in *data {
                let file = text(passing.take().unwrap());
                assert_eq!(file.as_bytes(), [*byte]);
                into.borrow_mut().push(file);
            }
        }
    });
    let (accepting, connecting) = configs();
    let server_role = TlsRole::server(accepting.clone());
    let client_role = TlsRole::client(connecting.clone(), "localhost").unwrap();
    let takes = Cell::new(Some(TlsTransport::new(server_role, takes).as_protocol()));
    let sends = Cell::new(Some(TlsTransport::new(client_role, sends).as_protocol()));
    // What comes with the last message of the handshake comes before the protocol hears of it.
    let accepts = listen(&path).accept_descriptors(8);
    reactor.listen_unix(accepts, move |_| takes.take()).unwrap();
    reactor.connect_unix(&path, move |_| sends.take());
    until(&reactor, || server.is_over());
    assert_eq!(*taken.borrow(), ["a", "b", "c"]);
    assert!(server.reason().is_clean());
}
