//! What all targets do: hold a conversation of which the input is one side, with the input in one
//! piece and in small ones. What is heard must be the same, and the memory that it takes bounded.
//! A panic anywhere, also in a callback, ends the run.

mod ear;
mod obedient;
pub mod tls;

use std::fmt::Debug;

use peak_alloc::PeakAlloc;
use retwist::testing::RecordingTransport;
use retwist::{ProtocolRef, Reason};

pub use ear::{Ear, Log};
pub use obedient::obey;

#[global_allocator]
static ALLOCATED: PeakAlloc = PeakAlloc;

/// Sizes of pieces.
const CUTS: [usize; 5] = [1, 2, 3, 7, 64];

/// What a conversation may take, whatever is said in it: the buffers of a reactor, and limits of
/// frames. Behind it is what an input may take for each of its bytes, which is in the log as well.
const MEMORY: usize = 512 * 1024;
const MEMORY_PER_BYTE: usize = 64;

/// Holds a conversation over `bytes` at each cut; what comes out must not differ.
pub fn at_any_cut<T: Debug + PartialEq>(bytes: &[u8], converse: impl Fn(usize) -> T) {
    let whole = bounded(bytes, || converse(usize::MAX));
    for cut in CUTS {
        let pieces = bounded(bytes, || converse(cut));
        assert_eq!(pieces, whole, "in pieces of {cut}");
    }
}

/// What a protocol that hears `bytes` in pieces of `cut` has written, and whether it closed.
pub fn receive(protocol: impl Into<ProtocolRef>, bytes: &[u8], cut: usize) -> (Vec<u8>, bool) {
    let recording = RecordingTransport::connect(protocol);
    for piece in bytes.chunks(cut) {
        recording.receive(piece);
    }
    let outcome = (recording.written(), recording.is_closing());
    recording.lose(Reason::Done);
    let timers = recording.clock().pending_calls();
    assert_eq!(timers, 0, "a timer of a connection that is lost");
    outcome
}

fn bounded<T>(bytes: &[u8], run: impl FnOnce() -> T) -> T {
    ALLOCATED.reset_peak_usage();
    let before = ALLOCATED.current_usage();
    let outcome = run();
    let taken = ALLOCATED.peak_usage().saturating_sub(before);
    let most = MEMORY + MEMORY_PER_BYTE * bytes.len();
    assert!(
        taken <= most,
        "{taken} bytes of memory for {} of input",
        bytes.len()
    );
    outcome
}
