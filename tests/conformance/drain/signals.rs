//! Signals drain a reactor whose settings say so.

use std::io::ErrorKind;
use std::net::TcpStream;

use retwist::ReactorSettings;
use rustix::process::Signal;

use super::*;
use crate::child::{Process, is_child};

fn exchange(client: &mut TcpStream, word: &[u8]) {
    client.write_all(word).unwrap();
    let mut heard = vec![0; word.len()];
    client.read_exact(&mut heard).unwrap();
    assert_eq!(heard, word);
}

#[test]
fn the_first_signal_drains_and_the_second_cuts_it_short() {
    for cut_short in [false, true] {
        let mut process = Process::start("drain::signals::drains");
        let address = process.says("listening on");
        let mut client = TcpStream::connect(&address).unwrap();
        exchange(&mut client, b"before");
        process.signal(Signal::TERM);
        process.says("draining");
        let refused = TcpStream::connect(&address).unwrap_err();
        assert_eq!(refused.kind(), ErrorKind::ConnectionRefused);
        exchange(&mut client, b"meanwhile");
        if cut_short {
            process.signal(Signal::INT);
            assert_eq!(client.read(&mut [0; 1]).unwrap(), 0);
        }
        drop(client);
        process.says("ended");
        assert!(process.end().success());
    }
}

#[test]
#[ignore = "runs in a process of its own"]
fn drains() {
    if !is_child() {
        return;
    }
    let reactor = Reactor::with_settings(ReactorSettings {
        drain_timeout: LONG,
        ..ReactorSettings::default()
    })
    .unwrap();
    let listen = TcpListen::port(0).interface(Ipv4Addr::LOCALHOST);
    let port = reactor
        .listen_tcp(listen, |_| Peer::new().echoing())
        .unwrap();
    reactor.call_when_running(move || println!("\nlistening on {}", port.address()));
    reactor.add_system_event_trigger(Phase::During, SystemEvent::Drain, |_| {
        println!("\ndraining");
    });
    reactor.run().unwrap();
    println!("\nended");
}
