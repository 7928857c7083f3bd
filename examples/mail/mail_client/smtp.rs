//! Sends the message on standard input.

use retwist::Reactor;
use retwist::deferred::Failure;
use retwist::mail::send_mail;
use retwist::mail::smtp::{Delivery, Fate, Mail, SmtpOptions};

use crate::Outcome;
use crate::input;
use crate::options::{Envelope, Options};
use crate::support::{Mistake, say};

pub(crate) fn send(
    reactor: &Reactor,
    options: &Options,
    envelope: Envelope,
    outcome: Outcome,
) -> Result<(), Mistake> {
    let mut settings = SmtpOptions::new().start_tls(options.start_tls()?);
    if let Some(login) = options.login() {
        settings = settings.login(login);
    }
    let (network, server) = options.network(reactor);
    let message = input::read_all(reactor, &network)?;
    message.done(move |message| {
        // Where a thread reads, the pool of the network has to live until here.
        drop(network);
        let message = match message {
            Ok(message) => message,
            Err(failure) => {
                return outcome.end(Err(format!("cannot read the message: {failure}").into()));
            }
        };
        let mail = Mail::new(envelope.sender, envelope.recipients, message);
        send_mail(&server, settings, mail).done(move |sent| {
            outcome.end(match sent {
                Ok(delivery) => report(&delivery),
                Err(Failure::Error(error)) => Err(error.into()),
                Err(failure) => Err(failure.into()),
            });
        });
    });
    Ok(())
}

/// Says what came of each recipient. All of them have to be served.
fn report(delivery: &Delivery) -> Result<(), Mistake> {
    let mut refused = Vec::new();
    for recipient in &delivery.recipients {
        let line = format!("{}: {}", recipient.address, recipient.fate);
        match recipient.fate {
            Fate::Sent(_) => say(&line),
            _ => refused.push(line),
        }
    }
    if refused.is_empty() {
        return Ok(());
    }
    Err(format!("the message was not sent to all: {}", refused.join(", ")).into())
}
