//! One connection, whatever its code does, delays the others by no more than its share.

use std::io::Write;
use std::time::Duration;

use retwist::{Protocol, Reactor, ReactorSettings, TransportRef};

use crate::lifecycle::Log;
use crate::shutdown::{connect, serve, stop_when};

/// Gives its input back again and again, and resumes: bytes are always due.
struct Restless(Log);

impl Protocol for Restless {
    fn data_received(&mut self, transport: &TransportRef, data: &[u8]) {
        self.0.say("data");
        transport.unread(data);
        transport.pause_producing();
        transport.resume_producing();
    }

    fn shutting_down(&mut self, transport: &TransportRef) {
        self.0.say("asked");
        transport.lose_connection();
    }
}

#[test]
fn a_protocol_that_is_never_done_with_its_input_hears_that_the_reactor_stops() {
    let reactor = Reactor::with_settings(ReactorSettings {
        signals: false,
        shutdown_timeout: Duration::from_secs(3600),
        ..ReactorSettings::default()
    })
    .unwrap();
    let log = Log::default();
    let port = serve(&reactor, Restless(log.clone()).into());
    let mut client = connect(&port);
    client.write_all(b"x").unwrap();
    let seen = log.clone();
    stop_when(&reactor, move || seen.story().contains("data"));
    reactor.run().unwrap();
    assert!(log.story().ends_with("asked"), "it was never asked");
}
