//! DNS on the reactor itself: no thread, the reactor's clock, and every type of record.
//!
//! | to | look at |
//! |---|---|
//! | use it where a [`Resolver`](crate::Resolver) is wanted, in place of the system and its threads | [`DnsResolver`] |
//! | find addresses, mail servers, services, texts, names of addresses | [`DnsResolver`] |
//! | find records of any type | [`DnsResolver::lookup`], [`RecordType`], [`Answer`] |
//! | say which servers are asked, and how | [`DnsSettings`], [`DnsResolver::resolv_conf`] |
//! | find out why there is no answer | [`DnsError`], [`ServerError`] |
//!
//! It asks name servers that find the answer, as those in `/etc/resolv.conf` do, and believes them:
//! it checks no signatures (DNSSEC) and asks no root servers. It knows the hosts file and DNS, and
//! nothing else that a system may be set to ask (`nsswitch.conf`): for LDAP, mDNS or NIS use
//! [`SystemResolver`](crate::SystemResolver).
//!
//! Datagrams can be forged, so each question goes out from a port of its own with an id of its own,
//! both random, and what comes back from another address, with another id or for another question
//! is passed over. What is too long for a datagram is asked for again over TCP.

mod address;
mod cache;
mod core;
mod error;
mod exchange;
mod families;
mod finding;
mod host;
mod hosts;
mod message;
mod name;
mod order;
mod record;
mod record_type;
mod resolv_conf;
mod resolver;
mod services;
mod settings;
mod tcp;
mod udp;
mod watched_file;

pub use error::{DnsError, ResponseCode, ServerError};
pub use record::{Answer, MailExchange, Record, RecordData, Service, Soa, Text};
pub use record_type::{RecordType, UnknownRecordType};
pub use resolver::DnsResolver;
pub use settings::DnsSettings;
