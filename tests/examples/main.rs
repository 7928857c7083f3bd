//! The examples, run as programs by their command lines.

mod browser;
mod chat;
mod client_layers;
mod command_line;
mod compositions;
mod datagrams;
#[cfg(feature = "dns")]
mod dns;
mod echo;
mod files;
mod forward;
mod frames;
mod http;
#[cfg(unix)]
mod inetd;
mod interop;
#[cfg(feature = "dns")]
#[path = "../name_server/mod.rs"]
mod name_server;
#[cfg(all(unix, feature = "operations"))]
mod operations;
mod porting;
mod porting_datagrams;
#[cfg(unix)]
mod porting_processes;
#[cfg(unix)]
mod porting_stdio;
#[cfg(unix)]
mod porting_systemd;
mod porting_unix;
mod ports;
mod program;
mod proxy_protocol;
#[cfg(unix)]
mod run;
mod rustdoc;
#[cfg(unix)]
mod services;
mod site;
mod socks;
#[cfg(unix)]
mod stdio;
mod steady;
mod tls_endpoints;
#[cfg(all(unix, feature = "operations"))]
mod top;
mod unix_chat;
mod web;
mod websocket;
mod workers;
