//! Asks the catalogue of a library where its books stand.

use std::collections::VecDeque;
use std::error::Error;
use std::fmt;
use std::process::ExitCode;

use retwist::deferred::{Ask, Deferred, DialerExt, Failure, Promise, deferred_list, react};
use retwist::endpoint::{Network, client_from_string};
use retwist::protocols::{Framed, LineReceiver, LineTransport, WeakReceiver};
use retwist::{ReactorHandle, Reason};

#[derive(Debug)]
struct NotFound;

impl fmt::Display for NotFound {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("not here")
    }
}

impl Error for NotFound {}

/// Questions are answered in order: with a place, or with an empty line.
#[derive(Default)]
struct Catalogue {
    asked: VecDeque<Promise<String, NotFound>>,
}

impl Catalogue {
    fn find(&mut self, transport: &LineTransport, title: &str) -> Deferred<String, NotFound> {
        transport.send_line(format!("FIND {title}"));
        let (promise, answer) = Deferred::new();
        self.asked.push_back(promise);
        answer
    }
}

impl LineReceiver for Catalogue {
    fn line_received(&mut self, transport: &LineTransport, line: &[u8]) {
        let Some(answer) = self.asked.pop_front() else {
            return transport.abort_connection();
        };
        if line.is_empty() {
            answer.errback(NotFound);
        } else {
            answer.callback(String::from_utf8_lossy(line).into());
        }
    }

    fn connection_lost(&mut self, _: &Reason) {
        self.asked.clear();
    }
}

async fn ask(reactor: ReactorHandle) -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let endpoint = arguments
        .next()
        .ok_or("usage: catalogue ENDPOINT TITLE...")?;
    let titles: Vec<_> = arguments.collect();
    let library = client_from_string(&endpoint)?.on(&Network::new(&reactor));
    let connected = library
        .connect_to(Framed::lines(Catalogue::default()))
        .await?;
    let catalogue = WeakReceiver::from(&connected);
    let answers = titles
        .iter()
        .cloned()
        .map(|title| catalogue.ask(move |catalogue, transport| catalogue.find(transport, &title)));
    let answers = deferred_list(answers.collect()).await?;
    for (title, answer) in titles.iter().zip(answers) {
        match answer {
            Ok(place) => println!("{title}: {place}"),
            Err(Failure::Error(NotFound)) => println!("{title}: not here"),
            Err(_) => println!("{title}: no answer"),
        }
    }
    catalogue.call(|_, transport| transport.lose_connection());
    Ok(())
}

fn main() -> ExitCode {
    react(|reactor, _| ask(reactor))
}
