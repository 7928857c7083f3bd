//! Base64 in lines, and the texts of verifiers.

use proptest::prelude::*;
use retwist_protocols::sasl::{
    MAX_MESSAGE, SaslError, Verifier, decode, decode_initial, encode, encode_initial,
    password_matches,
};

proptest! {
    #[test]
    fn every_message_comes_back(message in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert_eq!(decode(encode(&message)).unwrap(), &message[..]);
        prop_assert_eq!(decode_initial(encode_initial(&message)).unwrap(), &message[..]);
    }

    #[test]
    fn no_text_is_too_strange(text in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(message) = decode(&text) {
            prop_assert_eq!(encode(&message).into_bytes(), text);
        }
    }
}

#[test]
fn lengths_are_bounded() {
    let longest = vec![7; MAX_MESSAGE];
    assert_eq!(decode(encode(&longest)).unwrap(), longest);
    for length in [MAX_MESSAGE + 1, MAX_MESSAGE + 3, 10 * MAX_MESSAGE] {
        let text = encode(&vec![7; length]);
        assert!(matches!(decode(text), Err(SaslError::TooLong)), "{length}");
    }
}

#[test]
fn what_is_not_a_message() {
    assert!(matches!(decode("*"), Err(SaslError::Cancelled)));
    assert!(matches!(decode_initial("*"), Err(SaslError::Cancelled)));
    for text in [
        "=", "a", "ab", "abc", "a b=", "YQ", "YR==", "\u{e4}", "YQ==\r",
    ] {
        assert!(matches!(decode(text), Err(SaslError::Base64)), "{text:?}");
    }
    assert_eq!(encode_initial(b""), "=");
    assert_eq!(decode("").unwrap(), b"");
}

#[test]
fn a_verifier_as_text() {
    let verifier = Verifier::with("pencil", b"salt", 5000).unwrap();
    let text = verifier.to_string();
    assert!(text.starts_with("SCRAM-SHA-256$5000:c2FsdA==$"), "{text}");
    let read: Verifier = text.parse().unwrap();
    assert_eq!(read, verifier);
    assert!(password_matches("user", "pencil", Some(&read)));
    assert!(!password_matches("user", "pen", Some(&read)));
    assert!(!password_matches("user", "", Some(&read)));
    assert!(!password_matches("user", "pencil", None));
    for bad in [
        String::new(),
        text.replace("256", "1"),
        text.replace("5000", "4095"),
        text.replace("5000", "600001"),
        text.replace("c2FsdA==", ""),
        text.replace('$', ":"),
        text[..text.len() - 4].to_owned(),
    ] {
        assert!(bad.parse::<Verifier>().is_err(), "{bad}");
    }
    // Fewer iterations than clients accept are raised.
    let few = Verifier::with("pencil", b"salt", 1).unwrap().to_string();
    assert!(few.starts_with("SCRAM-SHA-256$4096:"), "{few}");
}
