//! The examples as people run them: as programs, by their command lines.

mod chat;
mod command_line;
mod echo;
mod forward;
mod frames;
mod program;
mod proxy_protocol;
mod socks;
