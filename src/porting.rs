#![doc = include_str!("porting/guide.md")]
//!
//! # Programs and their ports
//!
//! Of each two programs, the first one runs on Twisted, and the second one is its port. They stand side by
//! side where there is room for both. The tests run both and compare what they say; where there is a
//! client and a server, each talks to each.
//!
//! ## Long work in the loop
//!
//! Some answers take long to work out. Each is worked out in small steps, one in each pass of the
//! loop, so that other connections are served meanwhile.
//!
//! <div style="display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,44em),1fr));gap:1em;font-size:85%">
//! <div style="min-width:0">
//!
//! ```python
#![doc = include_str!("../examples/porting/primes.py")]
//! ```
//!
//! </div><div style="min-width:0">
//!
//! ```no_run
#![doc = include_str!("../examples/porting/primes.rs")]
//! ```
//!
//! </div></div>
//!
//! The timer ends with its connection, so the port needs no `if not self.connected`.
//!
//! ## State that connections share
//!
//! An auction: lines, and a price that all bidders share. In both languages, the shared state is the
//! factory.
//!
//! <div style="display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,44em),1fr));gap:1em;font-size:85%">
//! <div style="min-width:0">
//!
//! ```python
#![doc = include_str!("../examples/porting/auction.py")]
//! ```
//!
//! </div><div style="min-width:0">
//!
//! ```no_run
#![doc = include_str!("../examples/porting/auction.rs")]
//! ```
//!
//! </div></div>
//!
//! The methods of a factory get `&self`, since all its protocols refer to it: what changes lies in a
//! `Cell` or a `RefCell`. A transport in a table is weak; `Bidder` still removes its own in
//! `connection_lost`, so that the table does not grow.
//!
//! ## A login, whose check is a Deferred
//!
//! The check may fire at once or later. What a visitor pipelines behind the number is read
//! meanwhile, as in Twisted.
//!
//! <div style="display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,44em),1fr));gap:1em;font-size:85%">
//! <div style="min-width:0">
//!
//! ```python
#![doc = include_str!("../examples/porting/gate.py")]
//! ```
//!
//! </div><div style="min-width:0">
//!
//! ```no_run
#![doc = include_str!("../examples/porting/gate.rs")]
//! ```
//!
//! </div></div>
//!
//! `transport.me(self)` is weak. So there is no cycle of protocol, Deferred and callback, and a visitor
//! who leaves before the check fires is not called. If the check fires at once, `checked` runs before the
//! next line.
//!
//! ## STARTTLS, the server
//!
//! A locker that does not speak of secrets in clear.
//!
//! <div style="display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,44em),1fr));gap:1em;font-size:85%">
//! <div style="min-width:0">
//!
//! ```python
#![doc = include_str!("../examples/porting/locker.py")]
//! ```
//!
//! </div><div style="min-width:0">
//!
//! ```no_run
#![doc = include_str!("../examples/porting/locker.rs")]
//! ```
//!
//! </div></div>
//!
//! The role says which side of TLS this is; it does not depend on who dialled. What a client sends in
//! clear behind `SECURE`, in the same segment, never reaches `line_received`: it goes to the TLS
//! engine, which finds that it is not a handshake, and the connection ends.
//!
//! ## STARTTLS, the client
//!
//! Its visitor, which checks who the locker is before it says the secret.
//!
//! <div style="display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,44em),1fr));gap:1em;font-size:85%">
//! <div style="min-width:0">
//!
//! ```python
#![doc = include_str!("../examples/porting/visitor.py")]
//! ```
//!
//! </div><div style="min-width:0">
//!
//! ```no_run
#![doc = include_str!("../examples/porting/visitor.rs")]
//! ```
//!
//! </div></div>
//!
//! `handshake_completed` comes when the certificate of the server has been verified. If it does not
//! verify, `connection_lost` comes instead, and its reason says why.
//!
//! ## A client that is told what to ask
//!
//! `connectProtocol`, and a method that other code calls, which returns a Deferred.
//!
//! <div style="display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,44em),1fr));gap:1em;font-size:85%">
//! <div style="min-width:0">
//!
//! ```python
#![doc = include_str!("../examples/porting/catalogue.py")]
//! ```
//!
//! </div><div style="min-width:0">
//!
//! ```no_run
#![doc = include_str!("../examples/porting/catalogue.rs")]
//! ```
//!
//! </div></div>
//!
//! `ask` calls the method between two lines and returns its Deferred. A promise that is dropped fails
//! its Deferred, so `connection_lost` only empties the queue.
//!
//! ## A service of systemd
//!
//! A server on sockets that systemd opens, and its units.
//!
//! <div style="display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,44em),1fr));gap:1em;font-size:85%">
//! <div style="min-width:0">
//!
//! ```python
#![doc = include_str!("../examples/porting/greeter.py")]
//! ```
//!
//! </div><div style="min-width:0">
//!
//! ```no_run
#![doc = include_str!("../examples/porting/greeter.rs")]
//! ```
//!
//! </div></div>
//!
//! ```ini
#![doc = include_str!("../examples/porting/greeter.socket")]
#![doc = include_str!("../examples/porting/greeter.service")]
//! ```
//!
//! A program that is started otherwise says what it misses, where the original has no sockets and fails
//! with a `KeyError`.
//!
//! ## Datagrams
//!
//! Scales that add up what each datagram puts on them. (`examples/porting` also has a client that is
//! connected to them, and beacons that find each other by broadcast and by multicast.)
//!
//! <div style="display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,44em),1fr));gap:1em;font-size:85%">
//! <div style="min-width:0">
//!
//! ```python
#![doc = include_str!("../examples/porting/scales.py")]
//! ```
//!
//! </div><div style="min-width:0">
//!
//! ```no_run
#![doc = include_str!("../examples/porting/scales.rs")]
//! ```
//!
//! </div></div>
//!
//! A send returns nothing. What the system does not send is told to
//! [`send_failed`](crate::DatagramProtocol::send_failed) in a later turn; the port stays open. All
//! answers of a turn go out together. A panic closes the port, where Twisted logs the exception and
//! goes on; a peer that does not listen is told to `connection_refused`, where Twisted's epoll reactor
//! closes the port.
//!
//! ## Open files over a UNIX socket
//!
//! A lender passes each file open, with its name in a line. (`examples/porting` also has a borrower.)
//!
//! <div style="display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,44em),1fr));gap:1em;font-size:85%">
//! <div style="min-width:0">
//!
//! ```python
#![doc = include_str!("../examples/porting/lender.py")]
//! ```
//!
//! </div><div style="min-width:0">
//!
//! ```no_run
#![doc = include_str!("../examples/porting/lender.rs")]
//! ```
//!
//! </div></div>
//!
//! A descriptor is passed together with the bytes that it belongs to, so there is no
//! `FileDescriptorOverrun`, and the transport owns it from then on. A protocol that wants descriptors
//! says so, and [takes](crate::UnixDescriptors::take) each when its line has come; what it does not take
//! is closed. In Twisted `fileDescriptorReceived` is called before all lines of one read, and the
//! number that it is given has to be closed by hand.
//!
//! ## Standard input and output
//!
//! A parrot, in a terminal or in a pipe. (`examples/porting` also has a prompt that runs errands on the
//! network.)
//!
//! <div style="display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,44em),1fr));gap:1em;font-size:85%">
//! <div style="min-width:0">
//!
//! ```python
#![doc = include_str!("../examples/porting/parrot.py")]
//! ```
//!
//! </div><div style="min-width:0">
//!
//! ```no_run
#![doc = include_str!("../examples/porting/parrot.rs")]
//! ```
//!
//! </div></div>
//!
//! Files, full disks, and a reader that goes while nothing is written are told as on any other
//! transport. The descriptors 0 and 1 are not closed but become `/dev/null`, and the terminal of the
//! shell is left as it was, where Twisted leaves it non-blocking.
//!
#![doc = include_str!("porting/names.md")]
