use std::cell::Cell;
use std::rc::Rc;

use retwist::protocols::Relay;
use retwist::{
    Address, ProcessExit, Program, Protocol, ReactorHandle, Reason, TransportRef, error_chain,
};

/// What is run, and on which reactor.
pub(super) struct Service {
    pub(super) program: Program,
    pub(super) reactor: ReactorHandle,
}

/// A connection that has come in, until its program is started.
pub(super) struct Entrance(pub(super) Rc<Service>);

impl Protocol for Entrance {
    fn connection_made(&mut self, transport: &TransportRef) {
        let mut program = self.0.program.clone();
        if let Some(client) = transport.peer().socket() {
            program = program
                .env("REMOTE_ADDR", client.ip().to_string())
                .env("REMOTE_PORT", client.port().to_string());
        }
        // The relay reads nothing before the program runs. If it cannot be started, that is in the
        // log, and the connection breaks.
        let (client, child) = Relay::pair();
        let child = Cell::new(Some(ProgramSide(child)));
        self.0
            .reactor
            .connect_process(program, move |_: &Address| child.take());
        transport.switch_protocol(client.into());
    }
}

/// The program's side of the relay. A program that ends with a code has said all that it had to say,
/// whatever the code; one that a signal has ended may have been in the middle.
struct ProgramSide(Relay);

impl Protocol for ProgramSide {
    fn connection_made(&mut self, transport: &TransportRef) {
        self.0.connection_made(transport);
    }

    fn data_received(&mut self, transport: &TransportRef, data: &[u8]) {
        self.0.data_received(transport, data);
    }

    fn read_connection_lost(&mut self, transport: &TransportRef) {
        self.0.read_connection_lost(transport);
    }

    fn write_connection_lost(&mut self, transport: &TransportRef) {
        self.0.write_connection_lost(transport);
    }

    fn shutting_down(&mut self, transport: &TransportRef) {
        self.0.shutting_down(transport);
    }

    fn connection_lost(&mut self, reason: &Reason) {
        log::info!("{}", error_chain(reason));
        let exit = reason.downcast_ref::<ProcessExit>();
        match exit.and_then(|exit| exit.code()) {
            Some(_) => self.0.connection_lost(&Reason::Done),
            None => self.0.connection_lost(reason),
        }
    }
}
