//! retwist
