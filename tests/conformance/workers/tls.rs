use std::cell::RefCell;
use std::collections::BTreeSet;
use std::io::Write;
use std::rc::Rc;

use retwist::deferred::DialerExt;
use retwist::endpoint::{Network, client_from_string, server_from_string};
use retwist::tls::TlsTransport;
use retwist::{Protocol, Reason, TransportRef};

use super::{Running, any, connect, serve};
use crate::lifecycle::{reactor, until};

/// Says which worker it is of, and whether the session was resumed, and closes.
struct Server(u8);

impl Protocol for Server {
    fn connection_made(&mut self, transport: &TransportRef) {
        let negotiated = TlsTransport::of(transport).unwrap();
        transport.write(&[self.0, u8::from(negotiated.resumed)]);
        transport.lose_connection();
    }

    fn data_received(&mut self, _: &TransportRef, _: &[u8]) {}
}

#[derive(Default)]
struct Client {
    heard: Vec<u8>,
    ended: Rc<RefCell<Option<Vec<u8>>>>,
}

impl Protocol for Client {
    fn data_received(&mut self, _: &TransportRef, data: &[u8]) {
        self.heard.extend(data);
    }

    fn connection_lost(&mut self, _: &Reason) {
        *self.ended.borrow_mut() = Some(std::mem::take(&mut self.heard));
    }
}

#[test]
fn a_session_of_one_worker_is_resumed_at_another() {
    let pem = std::env::temp_dir().join(format!("retwist-workers-{}.pem", std::process::id()));
    let signed = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let both = signed.cert.pem() + &signed.signing_key.serialize_pem();
    std::fs::write(&pem, both).unwrap();
    let endpoint = format!("tls:privateKey={}:tcp:0:interface=127.0.0.1", pem.display());
    let endpoint = server_from_string(&endpoint).unwrap();
    let running = Running::start(2, move |worker| {
        let number = worker.number() as u8;
        endpoint.listen(worker, move |_| Server(number))?;
        Ok(serve(worker, any())?)
    });
    let (secure, clear) = (running.address(), running.address());

    let reactor = reactor();
    let client = format!(
        "tls:127.0.0.1:{}:name=localhost:trustRoots={}",
        secure.port(),
        pem.display()
    );
    let client = client_from_string(&client).unwrap();
    let dialer = client.on(&Network::new(&reactor));
    let mut workers = BTreeSet::new();
    for number in 0..40 {
        let client = Client::default();
        let ended = client.ended.clone();
        let _connecting = dialer.connect_to(client);
        until(&reactor, || ended.borrow().is_some());
        let heard = ended.take().unwrap();
        assert_eq!(heard[1], u8::from(number > 0), "connection {number}");
        workers.insert(heard[0]);
    }
    assert_eq!(workers.len(), 2);

    connect(clear).0.write_all(b"s").unwrap();
    running.end();
    std::fs::remove_file(pem).unwrap();
}
