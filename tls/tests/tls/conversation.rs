//! The main job: in clear, into TLS, into a second TLS inside it, out of both, at every cut, with
//! the same outcome.

use std::cell::RefCell;
use std::rc::Rc;

use retwist_reactor::testing::Pair;
use retwist_reactor::{Protocol, ProtocolHandle, Reason, TransportRef};
use retwist_tls::{TlsRole, TlsTransport, start_tls, stop_tls};

use crate::common::{CUTS, client, server};

/// Lines. `TLS` starts a layer, `OFF` takes one off, anything else is echoed.
struct Lines {
    role: TlsRole,
    buffer: Vec<u8>,
    script: Option<Vec<&'static str>>,
    log: Rc<RefCell<Vec<String>>>,
}

impl Lines {
    fn script(
        role: TlsRole,
        script: Option<Vec<&'static str>>,
    ) -> (ProtocolHandle<Self>, Rc<RefCell<Vec<String>>>) {
        let log = Rc::<RefCell<Vec<String>>>::default();
        let lines = Lines {
            role,
            buffer: Vec::new(),
            script,
            log: log.clone(),
        };
        (ProtocolHandle::new(lines), log)
    }

    fn note(&self, transport: &TransportRef, what: &str) {
        let protected = TlsTransport::of(transport).is_some();
        self.log.borrow_mut().push(format!(
            "{} {what}",
            if protected { "tls" } else { "clear" }
        ));
    }

    fn next(&mut self, transport: &TransportRef) {
        let Some(script) = &mut self.script else {
            return;
        };
        if script.is_empty() {
            transport.lose_connection()
        } else {
            transport.write(format!("{}\n", script.remove(0)).as_bytes())
        }
    }

    /// True if the rest belongs to another protocol.
    fn line(&mut self, transport: &TransportRef, line: &str) -> bool {
        self.note(transport, line);
        let is_client = self.script.is_some();
        match line {
            "TLS" | "OFF" if !is_client => transport.write(format!("{line} OK\n").as_bytes()),
            "TLS OK" | "OFF OK" => {}
            _ if is_client => {
                self.next(transport);
                return false;
            }
            _ => {
                transport.write(format!("{line}\n").as_bytes());
                return false;
            }
        }
        if line.starts_with("TLS") {
            start_tls(transport, self.role.clone()).unwrap();
        } else {
            stop_tls(transport).unwrap();
        }
        line.starts_with("TLS")
    }
}

impl Protocol for Lines {
    fn connection_made(&mut self, transport: &TransportRef) {
        self.note(transport, "made");
        self.next(transport);
    }

    fn data_received(&mut self, transport: &TransportRef, data: &[u8]) {
        self.buffer.extend_from_slice(data);
        while let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.buffer.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            if self.line(transport, &line) {
                transport.unread(&std::mem::take(&mut self.buffer));
            }
        }
    }

    fn transport_switched(&mut self, transport: &TransportRef) {
        self.note(transport, "switched");
        self.buffer.clear();
        // A layer less, and nothing to wait for: the next line can go.
        let depth = self
            .log
            .borrow()
            .iter()
            .filter(|line| line.ends_with("OFF OK"))
            .count();
        let switched = self
            .log
            .borrow()
            .iter()
            .filter(|line| line.ends_with("switched"))
            .count();
        if self.script.is_some() && depth > 0 && switched > 2 {
            self.next(transport);
        }
    }

    fn handshake_completed(&mut self, transport: &TransportRef) {
        self.note(transport, "handshake");
        self.next(transport);
    }

    fn connection_lost(&mut self, reason: &Reason) {
        self.log.borrow_mut().push(format!("lost: {reason}"));
    }
}

#[test]
fn into_two_layers_and_out_of_both_at_every_cut() {
    let script = vec![
        "hello",
        "TLS",
        "one",
        "TLS",
        "two",
        "OFF",
        "one again",
        "OFF",
        "bye",
    ];
    for cut in CUTS {
        let (client, client_log) = Lines::script(client(), Some(script.clone()));
        let (server, server_log) = Lines::script(server(), None);
        let pair = Pair::new(client, server).cut(cut);
        pair.run();
        assert_eq!(
            *client_log.borrow(),
            [
                "clear made",
                "clear hello",
                "clear TLS OK",
                "clear switched",
                "tls handshake",
                "tls one",
                // The inner layer is innermost, and its handshake is not over yet.
                "tls TLS OK",
                "clear switched",
                "tls handshake",
                "tls two",
                "tls OFF OK",
                "tls switched",
                "tls one again",
                "tls OFF OK",
                "clear switched",
                "clear bye",
                "lost: connection closed cleanly",
            ],
            "{cut}"
        );
        assert_eq!(
            *server_log.borrow(),
            [
                "clear made",
                "clear hello",
                "clear TLS",
                "clear switched",
                "tls handshake",
                "tls one",
                "tls TLS",
                "clear switched",
                "tls handshake",
                "tls two",
                "tls OFF",
                "tls switched",
                "tls one again",
                "tls OFF",
                "clear switched",
                "clear bye",
                "lost: connection closed cleanly",
            ],
            "{cut}"
        );
        assert_eq!(pair.clock().pending_calls(), 0, "no timer is left");
    }
}

/// As the ticket has it: the layer is made by hand, and the protocol goes on with its transport.
#[test]
fn by_hand_it_reads_the_same() {
    use crate::common::{Heard, tape};
    use retwist_reactor::Layer;
    for cut in CUTS {
        let (above, notes) = tape(|heard, transport| {
            if let Heard::Data(data) = heard {
                transport.write(data);
            }
        });
        let (before, before_notes) = tape(move |heard, transport| {
            if let Heard::Data(data) = heard
                && let Some(end) = data.iter().position(|byte| *byte == b'!')
            {
                let tls = TlsTransport::new(server(), &above);
                transport.switch_protocol(tls.as_protocol());
                transport.unread(&data[end + 1..]);
                transport.write(b"through a revoked handle");
                tls.transport().write(b"welcome ");
            }
        });
        let (other, other_notes) = tape(|heard, transport| match heard {
            Heard::Made => {
                transport.write(b"go!");
                start_tls(transport, client()).unwrap().write(b"and on");
            }
            Heard::Data(data) if data.ends_with(b"on") => transport.lose_connection(),
            _ => {}
        });
        let pair = Pair::new(other, before).cut(cut);
        pair.run();
        assert_eq!(before_notes.log()[..1], ["made"]);
        let log = notes.log();
        assert_eq!(log[..3], ["made", "handshake", "data and on"], "{cut}");
        let log = other_notes.log();
        assert_eq!(log[..3], ["made", "switched", "handshake"], "{cut}");
        assert!(log[3].starts_with("data welcome and o"), "{cut} {log:?}");
    }
}
