//! What programs have in common that make one connection and end with it.

use std::cell::Cell;
use std::process::ExitCode;
use std::rc::Rc;

use retwist::{
    Address, ConnectError, Connector, Factory, ProtocolRef, ReactorHandle, Reason, chain,
};

/// Makes one protocol, and ends the program when its connection has ended.
pub(crate) struct Once {
    pub(crate) protocol: ProtocolRef,
    pub(crate) reactor: ReactorHandle,
    pub(crate) outcome: Outcome,
}

impl Once {
    fn end(&self, fault: Option<String>) {
        if let Some(fault) = fault {
            log::error!("{fault}");
            self.outcome.fail();
        }
        // It fails only if the program is ending already.
        let _ = self.reactor.stop();
    }
}

impl Factory for Once {
    fn build_protocol(&self, _: &Address) -> Option<ProtocolRef> {
        Some(self.protocol.clone())
    }

    fn client_connection_failed(&self, connector: &Connector, error: &ConnectError) {
        let server = connector.destination();
        self.end(Some(format!(
            "cannot connect to {server}: {}",
            chain(error)
        )));
    }

    fn client_connection_lost(&self, _: &Connector, reason: &Reason) {
        self.end((!reason.is_clean()).then(|| chain(reason)));
    }
}

/// Whether all went well.
#[derive(Clone, Default)]
pub(crate) struct Outcome {
    failed: Rc<Cell<bool>>,
}

impl Outcome {
    pub(crate) fn fail(&self) {
        self.failed.set(true);
    }

    /// What the program exits with: that it has failed, or else what its reactor says.
    pub(crate) fn or(&self, ended: ExitCode) -> ExitCode {
        match self.failed.get() {
            true => ExitCode::FAILURE,
            false => ended,
        }
    }
}
