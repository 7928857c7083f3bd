//! The commands that both sides know: those of Twisted's `ampserver.py`, and three more.

use std::convert::Infallible;
use std::error::Error;
use std::fmt;

use retwist::protocols::amp::{Bytes, Command, CommandError};
use retwist::protocols::amp_arguments;

amp_arguments! {
    /// Adds two numbers.
    pub(crate) struct Sum { pub(crate) a: i64, pub(crate) b: i64 }
    /// Their sum.
    pub(crate) struct Total { pub(crate) total: i64 }

    /// Divides two numbers.
    pub(crate) struct Divide { pub(crate) numerator: i64, pub(crate) denominator: i64 }
    /// Their quotient.
    pub(crate) struct Quotient { pub(crate) result: f64 }

    /// Asks for some bytes, and is the answer as well.
    pub(crate) struct Echo { pub(crate) data: Bytes }

    /// Asks for an answer after this many milliseconds.
    pub(crate) struct Slow { pub(crate) ms: u32 }
}

impl Command for Sum {
    const NAME: &'static str = "Sum";
    type Response = Total;
    type Error = SumError;
}

impl Command for Divide {
    const NAME: &'static str = "Divide";
    type Response = Quotient;
    type Error = DivideError;
}

impl Command for Echo {
    const NAME: &'static str = "Echo";
    type Response = Echo;
    type Error = Infallible;
}

impl Command for Slow {
    const NAME: &'static str = "Slow";
    type Response = ();
    type Error = Infallible;
}

/// The sum of two numbers has more than 64 bits.
#[derive(Debug)]
pub(crate) struct SumError;

impl fmt::Display for SumError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the sum is too large")
    }
}

impl Error for SumError {}

impl CommandError for SumError {
    fn code(&self) -> &str {
        "OVERFLOW"
    }

    fn from_code(code: &str, _: &str) -> Option<Self> {
        (code == "OVERFLOW").then_some(SumError)
    }
}

/// The denominator is zero.
#[derive(Debug)]
pub(crate) struct DivideError;

impl fmt::Display for DivideError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("division by zero")
    }
}

impl Error for DivideError {}

impl CommandError for DivideError {
    fn code(&self) -> &str {
        "ZERO_DIVISION"
    }

    fn from_code(code: &str, _: &str) -> Option<Self> {
        (code == "ZERO_DIVISION").then_some(DivideError)
    }
}
