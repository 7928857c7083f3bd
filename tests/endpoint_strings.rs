//! Any text as an endpoint: it parses, or the error says where it does not.

use proptest::prelude::*;
use retwist::endpoint::{client_from_string, quote, server_from_string};

proptest! {
    #[test]
    fn no_string_panics(text in any::<String>()) {
        let _ = server_from_string(&text);
        let _ = client_from_string(&text);
    }

    #[test]
    fn a_mistake_has_its_place_in_the_text(
        text in r"(tcp6?|unix|tap|tls|haproxy|throttle|limit|timeout|socks|connect|\PC)(:(tcp|tap|port=|timeout=|read=|\\|=|[0-9a-z.]{0,6}|\PC{0,3})){0,7}"
    ) {
        for error in [server_from_string(&text).err(), client_from_string(&text).err()].into_iter().flatten() {
            prop_assert!(error.position() <= text.chars().count());
            prop_assert!(!error.to_string().contains('\n'));
        }
    }

    /// The error about an unknown kind shows the kind as it was before it was quoted.
    #[test]
    fn what_is_quoted_comes_back(kind in "[a-z:=\\\\]{1,12}") {
        let unknown = format!("no{kind}");
        let error = server_from_string(&format!("{}:1", quote(&unknown))).expect_err("no such kind");
        prop_assert!(error.to_string().contains(&format!("{unknown:?}")), "{error}");
    }
}
