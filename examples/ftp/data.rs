//! The connection on which a file travels. It belongs to one command, and its end is the end of the
//! file: so how it ends is all-important.

use std::cell::Cell;
use std::io::{self, Read};
use std::mem;
use std::net::IpAddr;
use std::rc::Rc;
use std::time::Duration;

use retwist::protocols::{FactoryPolicy, FileSender, Timeout};
use retwist::tls::{TlsFactory, TlsRole};
use retwist::{
    DelayedCall, FactoryRef, ListenError, ListeningPort, Protocol, ProtocolHandle, ReactorHandle,
    Reason, TcpListen, TransportRef, error_chain, factory,
};

use crate::tree::Upload;

/// For how long nothing may happen on it, and how long the client may take to connect.
const PATIENCE: Duration = Duration::from_secs(60);

/// A port for one connection of one client.
pub(crate) struct Passive {
    port: ListeningPort,
    connection: ProtocolHandle<Connection>,
    /// The client has connected, and perhaps TLS is being negotiated.
    has_come: Rc<Cell<bool>>,
}

/// What is done on the connection.
pub(crate) enum Work {
    Send(Box<dyn Read>),
    Receive(Upload),
}

impl Passive {
    /// Listens at `here` for a connection from `client`, and for TLS on it, if it is to be
    /// protected.
    pub(crate) fn listen(
        reactor: &ReactorHandle,
        here: IpAddr,
        client: Option<IpAddr>,
        tls: Option<&TlsRole>,
    ) -> Result<Self, ListenError> {
        let connection = ProtocolHandle::new(Connection::default());
        let expected = Cell::new(Some(connection.clone()));
        let has_come = Rc::<Cell<bool>>::default();
        let comes = has_come.clone();
        // The first connection from the address of the client. Another host may not fetch the files of
        // the client, nor store files in its name.
        let factory = factory(move |peer| {
            if peer.ip() == client {
                comes.set(true);
                expected.take()
            } else {
                None
            }
        });
        let patient = Timeout::new().idle(PATIENCE);
        let factory: FactoryRef = match tls {
            Some(role) => patient
                .factory(TlsFactory::new(role.clone(), factory))
                .into(),
            None => patient.factory(factory).into(),
        };
        let port = reactor.listen_tcp_factory(TcpListen::port(0).interface(here), factory)?;
        Ok(Passive {
            port,
            connection,
            has_come,
        })
    }

    pub(crate) fn port(&self) -> u16 {
        self.port.address().port().unwrap_or(0)
    }

    /// Does the work, as soon as the client is connected, and tells `report` the answer for the
    /// control connection.
    pub(crate) fn start(
        &self,
        reactor: &ReactorHandle,
        work: Work,
        report: impl FnOnce(&str) + 'static,
    ) {
        let waiting = self.connection.clone();
        let deadline = reactor.call_later(PATIENCE, move || {
            waiting.call(|connection| connection.give_up("425 you have not connected"));
        });
        let job = Job {
            work,
            deadline,
            report: Box::new(report),
        };
        self.connection
            .call(move |connection| connection.start(job));
    }

    /// Ends the work here unless the client has connected.
    pub(crate) fn end_if_alone(&self) {
        if !self.has_come.get() {
            self.abort();
        }
    }

    /// Ends the work here, whatever has become of it.
    pub(crate) fn abort(&self) {
        self.connection.call(Connection::abort);
    }
}

impl Drop for Passive {
    fn drop(&mut self) {
        self.port.stop_listening();
        self.connection.call(Connection::leave);
    }
}

/// The protocol on it.
#[derive(Default)]
struct Connection {
    state: State,
    /// From when it is established, under TLS if that is wanted, until it is lost.
    transport: Option<TransportRef>,
}

#[derive(Default)]
enum State {
    /// There is nothing to do yet.
    #[default]
    Idle,
    /// There is, and no client to do it with yet.
    Waiting(Job),
    Sending {
        report: Report,
        /// The end of the file has been handed over.
        whole: Rc<Cell<bool>>,
    },
    Receiving {
        report: Report,
        upload: Upload,
        whole: bool,
        fault: Option<io::Error>,
    },
    Over,
}

struct Job {
    work: Work,
    report: Report,
    /// When the client must be there.
    deadline: DelayedCall,
}

type Report = Box<dyn FnOnce(&str)>;

impl Connection {
    fn start(&mut self, job: Job) {
        match self.state {
            State::Idle => self.state = State::Waiting(job),
            // It has come and gone.
            _ => return job.end("425 there is no data connection"),
        }
        self.begin();
    }

    /// Does what is to be done, if the client is here and there is something.
    fn begin(&mut self) {
        let Some(transport) = &self.transport else {
            return;
        };
        let State::Waiting(job) = mem::take(&mut self.state) else {
            // Nothing is read before a command wants it.
            return transport.pause_producing();
        };
        // The deadline for the client to connect: it has connected.
        job.deadline.cancel();
        transport.resume_producing();
        match job.work {
            Work::Receive(upload) => {
                self.state = State::Receiving {
                    report: job.report,
                    upload,
                    whole: false,
                    fault: None,
                };
            }
            Work::Send(file) => {
                let whole = Rc::new(Cell::new(false));
                self.state = State::Sending {
                    report: job.report,
                    whole: whole.clone(),
                };
                let sender = FileSender::new(file, move |sent| whole.set(sent.is_ok()));
                // The close waits for the sender, and under TLS ends in close_notify: the client
                // knows that it has all.
                match sender.begin(transport) {
                    Ok(()) => transport.lose_connection(),
                    Err(_) => transport.abort_connection(),
                }
            }
        }
    }

    fn give_up(&mut self, answer: &str) {
        if let State::Waiting(job) = mem::replace(&mut self.state, State::Over) {
            job.end(answer);
        }
    }

    fn abort(&mut self) {
        match &self.transport {
            // What follows is told as of any other loss.
            Some(transport) => transport.abort_connection(),
            None => self.give_up("426 it has not begun"),
        }
    }

    /// The control connection has ended. A transfer that is under way goes on.
    fn leave(&mut self) {
        if let State::Idle = self.state
            && let Some(transport) = &self.transport
        {
            transport.abort_connection();
        }
    }
}

impl Job {
    fn end(self, answer: &str) {
        self.deadline.cancel();
        (self.report)(answer);
    }
}

impl Protocol for Connection {
    fn connection_made(&mut self, transport: &TransportRef) {
        self.transport = Some(transport.clone());
        self.begin();
    }

    fn data_received(&mut self, transport: &TransportRef, data: &[u8]) {
        if let State::Receiving { upload, fault, .. } = &mut self.state
            && let Err(error) = upload.write(data)
        {
            *fault = Some(error);
            transport.abort_connection();
        }
    }

    /// The client has sent all: it has said close_notify, or, in clear, just closed. Without
    /// close_notify this is not called under TLS.
    fn read_connection_lost(&mut self, transport: &TransportRef) {
        if let State::Receiving { whole, .. } = &mut self.state {
            *whole = true;
        }
        transport.lose_connection();
    }

    fn connection_lost(&mut self, reason: &Reason) {
        self.transport = None;
        let why = error_chain(reason);
        match mem::replace(&mut self.state, State::Over) {
            State::Idle | State::Over => {}
            State::Waiting(job) => job.end(&format!("425 there is no data connection: {why}")),
            State::Sending { report, whole } => {
                if whole.get() && reason.is_clean() {
                    report("226 that is all")
                } else {
                    report(&format!("426 not all was sent: {why}"))
                }
            }
            State::Receiving {
                report,
                upload,
                whole,
                fault,
            } => match fault.map_or_else(|| whole.then(|| upload.complete()).transpose(), Err) {
                Ok(Some(())) => report("226 stored"),
                Ok(None) => report(&format!("426 not stored: {why}")),
                Err(error) => report(&format!("452 not stored: {error}")),
            },
        }
    }
}
