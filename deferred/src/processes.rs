//! Programs that are run for what they say, or for how they end.

mod error;
mod output;

pub use error::ProcessFailure;
pub use output::{ProcessOutput, process_exit, process_output, process_output_and_exit};
