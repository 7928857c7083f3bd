use retwist::{Channel, Layer, ProtocolRef, Seat};
use retwist_conformance::streams::{How, Layered, Layering, Memory};
use std::rc::Rc;

fn rot13(data: &mut [u8]) {
    for byte in data {
        let first = match byte {
            b'a'..=b'z' => b'a',
            b'A'..=b'Z' => b'A',
            _ => continue,
        };
        *byte = (*byte - first + 13) % 26 + first;
    }
}

struct Rot13Layer {
    seat: Seat,
}

impl Channel for Rot13Layer {
    fn seat(&self) -> &Seat {
        &self.seat
    }

    fn write(&self, data: &[u8]) {
        let mut turned = data.to_vec();
        rot13(&mut turned);
        self.seat.with_lower(|lower| lower.write(&turned));
    }

    fn write_control(&self, data: &[u8]) {
        let mut turned = data.to_vec();
        rot13(&mut turned);
        self.seat.with_lower(|lower| lower.write_control(&turned));
    }
}

impl Layer for Rot13Layer {
    fn data_received(&self, data: &mut [u8]) {
        rot13(data);
        self.seat.deliver(data);
    }
}

/// Puts the layer under a protocol, on each side.
struct Rot13;

impl Layering for Rot13 {
    fn new(_: &How) -> Self {
        Rot13
    }

    fn client(&self, above: ProtocolRef) -> ProtocolRef {
        Rc::new_cyclic(|me| Rot13Layer {
            seat: Seat::new(me, above),
        })
        .as_protocol()
    }
}

retwist_conformance::streams! {
    rot13: Layered<Rot13, Memory>,
}
