//! What programs have in common that make one connection and end with it.

use std::process::ExitCode;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use retwist::deferred::Dialer;
use retwist::protocols::{Policy, Tap, TapEvent};
use retwist::{ProtocolRef, ReactorHandle, error_chain};

/// Whether all went well.
#[derive(Clone, Default)]
pub(crate) struct Outcome {
    failed: Arc<AtomicBool>,
}

impl Outcome {
    pub(crate) fn fail(&self) {
        self.failed.store(true, Ordering::Relaxed);
    }

    /// What the program exits with: that it has failed, or else what its reactor says.
    pub(crate) fn or(&self, ended: ExitCode) -> ExitCode {
        if self.failed.load(Ordering::Relaxed) {
            ExitCode::FAILURE
        } else {
            ended
        }
    }

    /// Connects `protocol`, and ends the program when its connection has ended, or cannot be made.
    pub(crate) fn of(
        &self,
        reactor: &ReactorHandle,
        dialer: &impl Dialer,
        protocol: impl Into<ProtocolRef>,
    ) {
        let (reactor, outcome) = (reactor.clone(), self.clone());
        let end = Rc::new(move |fault: Option<String>| {
            if let Some(fault) = fault {
                log::error!("{fault}");
                outcome.fail();
            }
            // It fails only if the program is ending already.
            reactor.stop();
        });
        let ended = end.clone();
        let watch = Tap::new().to(move |_, event| {
            if let TapEvent::Lost(reason) = event {
                ended((!reason.is_clean()).then(|| error_chain(*reason)));
            }
        });
        dialer
            .connect(watch.wrap(protocol))
            .done(move |connected| match connected {
                Ok(_) => {}
                Err(failure) => end(Some(format!("cannot connect: {}", error_chain(&failure)))),
            });
    }
}
