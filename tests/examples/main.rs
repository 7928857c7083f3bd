//! The examples as people run them: as programs, by their command lines.

mod command_line;
mod echo;
mod forward;
mod program;
