//! AMP: boxes, and what an unknown peer calls and answers.
#![no_main]

use libfuzzer_sys::fuzz_target;
use retwist::protocols::Framed;
use retwist::protocols::amp::{AmpBox, AmpReceiver, Argument, DateTime, Decimal};
use retwist_fuzz::{at_any_cut, receive};

struct Deaf;

impl AmpReceiver for Deaf {}

fuzz_target!(|bytes: &[u8]| {
    if let Ok(Some((found, used))) = AmpBox::decode(bytes) {
        // Of two values with one key the last counts, so the bytes may be fewer.
        let again = found.encode().expect("it came from a box");
        assert!(again.len() <= used);
        assert_eq!(AmpBox::decode(&again), Ok(Some((found, again.len()))));
    }
    if let Ok(moment) = DateTime::decode(bytes) {
        assert_eq!(DateTime::decode(&moment.encode()), Ok(moment));
    }
    if let Ok(number) = Decimal::decode(bytes) {
        assert_eq!(number.encode(), bytes);
    }
    at_any_cut(bytes, |cut| receive(Framed::amp(Deaf), bytes, cut));
});
