use retwist::protocols::{ByteFraming, FrameReceiver, FrameTransport, Framed};
use retwist::testing::RecordingTransport;
use retwist::{Protocol, Reason, TransportRef};

use crate::{Log, at_any_cut};

/// Units of one framing, which say what is done with them.
pub fn obey<F: ByteFraming>(framing: impl Fn() -> F, bytes: &[u8]) {
    at_any_cut(bytes, |cut| {
        let log = Log::default();
        let receiver = Obedient {
            log: log.clone(),
            raw: 0,
        };
        let recording = RecordingTransport::connect(Framed::new(framing(), receiver));
        for piece in bytes.chunks(cut) {
            recording.receive(piece);
            while recording.is_paused() {
                recording.transport().resume_producing();
                recording.clock().run();
            }
        }
        recording.lose(Reason::Done);
        (log.take(), recording.written())
    });
}

/// Pauses, changes modes, switches and closes as its units say, and echoes the rest.
struct Obedient {
    log: Log,
    /// How many raw bytes are still to come.
    raw: usize,
}

impl<F: ByteFraming> FrameReceiver<F> for Obedient {
    fn frame_received(&mut self, transport: &FrameTransport<F>, frame: &[u8]) {
        self.log.note("frame", frame);
        match frame.first() {
            Some(b'p') => transport.pause_producing(),
            Some(b'q') => {
                transport.pause_producing();
                transport.resume_producing();
            }
            Some(b'r') => {
                self.raw = frame.len();
                transport.set_raw_mode();
            }
            Some(b's') => drop(transport.switch_protocol(Next(self.log.clone()).into())),
            Some(b'c') => transport.lose_connection(),
            Some(b'a') => transport.abort_connection(),
            Some(b'u') => transport.set_frame_mode(&frame[1..]),
            _ => drop(transport.send(frame)),
        }
    }

    fn raw_data_received(&mut self, transport: &FrameTransport<F>, data: &[u8]) {
        let (used, behind) = data.split_at(data.len().min(self.raw));
        self.log.stream(used);
        self.raw -= used.len();
        if self.raw == 0 {
            transport.set_frame_mode(behind);
        }
    }

    fn framing_failed(&mut self, transport: &FrameTransport<F>, error: &F::Error, _: &[u8]) {
        self.log.note("failed", error.to_string().as_bytes());
        transport.lose_connection();
    }

    fn connection_lost(&mut self, reason: &Reason) {
        self.log.note("lost", reason.to_string().as_bytes());
    }
}

/// Takes what an obedient one has left.
struct Next(Log);

impl Protocol for Next {
    fn data_received(&mut self, _: &TransportRef, data: &[u8]) {
        self.0.stream(data);
    }
}
