//! Values: addresses, errors, reasons, settings; and the net that catches the panics of applications.

pub(crate) mod address;
pub(crate) mod address_error;
#[cfg(unix)]
pub(crate) mod adopt_error;
pub(crate) mod connection_id;
pub(crate) mod error;
#[cfg(unix)]
pub(crate) mod inherited_error;
pub(crate) mod log_limit;
pub(crate) mod panic;
#[cfg(unix)]
pub(crate) mod pass_error;
#[cfg(unix)]
pub(crate) mod process_error;
#[cfg(unix)]
pub(crate) mod process_exit;
pub(crate) mod reason;
pub(crate) mod settings;
#[cfg(unix)]
pub(crate) mod signal;
#[cfg(unix)]
pub(crate) mod signal_error;
pub(crate) mod socket_address;
pub(crate) mod stats;
