//! Clients of mail: those of [`protocols::mail`](retwist_protocols::mail), and [`send_mail`], which
//! connects, sends, and leaves.

use std::sync::Arc;

use retwist_deferred::{Deferred, Dialer, Failure};
pub use retwist_protocols::mail::*;

use self::smtp::{Delivery, Mail, SendError, Smtp, SmtpOptions};

/// Sends one message: connects by `dialer`, gives the message to the server, and says goodbye.
///
/// The Deferred fires when the server has had its last word, and does not wait for the goodbye. It fails
/// with a [`SendError`], which says of each recipient whether the server may have taken the message.
/// Cancelling closes the connection; then the message may have been taken as well.
///
/// ```no_run
/// use retwist::Reactor;
/// use retwist::endpoint::{Network, client_from_string};
/// use retwist::mail::smtp::{Mail, SmtpOptions};
/// use retwist::mail::{Login, StartTls, send_mail};
/// use retwist::tls::{ClientOptions, TlsRole, TrustRoots, start_tls};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let reactor = Reactor::new()?;
/// let network = Network::new(&reactor);
/// let server = client_from_string("tcp:mail.example.org:587")?.on(&network);
/// let config = ClientOptions::new(TrustRoots::platform()?).build()?;
/// let role = TlsRole::client(config, "mail.example.org")?;
/// let options = SmtpOptions::new()
///     .name("client.example.org")
///     .start_tls(StartTls::required(move |transport| start_tls(transport, role.clone())))
///     .login(Login::new("ann", "pencil"));
/// let mail = Mail::new(
///     "ann@example.org",
///     ["bob@example.org", "eve@example.org"],
///     "From: ann@example.org\nTo: bob@example.org\nSubject: tea\n\nAt five?\n",
/// );
/// let handle = reactor.handle();
/// send_mail(&server, options, mail).done(move |sent| {
///     match sent {
///         Ok(delivery) => println!("{delivery}"),
///         Err(failure) => eprintln!("{}", retwist::error_chain(&failure)),
///     }
///     handle.stop();
/// });
/// reactor.run()?;
/// # Ok(()) }
/// ```
#[doc(alias = "sendmail")]
pub fn send_mail(
    dialer: &dyn Dialer,
    options: SmtpOptions,
    mail: Mail,
) -> Deferred<Delivery, SendError> {
    let (protocol, smtp) = Smtp::new(options);
    let sent = Deferred::from_callback(|done| smtp.send(mail, done));
    smtp.quit(|_| {});
    dialer
        .connect(protocol)
        .add_both(move |connected| match connected {
            Ok(connector) => {
                let (promise, cancellable) =
                    Deferred::with_canceller(move |_| connector.disconnect());
                sent.done(move |outcome| {
                    promise.fire(outcome);
                });
                cancellable
            }
            // The protocol is dropped, and so `sent` fails, with what there is to say of recipients.
            Err(Failure::Cancelled) => Deferred::from_outcome(Err(Failure::Cancelled)),
            Err(failure) => sent.map_err(move |mut unsent| {
                unsent.error = MailError::Connect(Arc::new(failure));
                unsent
            }),
        })
}
