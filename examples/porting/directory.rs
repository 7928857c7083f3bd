//! Says what a domain has in DNS: where its mail goes, where its services are, and what it says of
//! itself.

use std::error::Error;
use std::net::IpAddr;
use std::process::ExitCode;
use std::rc::Rc;

use retwist::ReactorHandle;
use retwist::deferred::names::{DnsError, DnsResolver, DnsSettings, RecordType};
use retwist::deferred::{Deferred, Failure, react};

/// Prints a line for each, in order; or that there is no such name.
async fn show<T>(
    what: &str,
    answer: Deferred<Vec<T>, DnsError>,
    line: impl Fn(&T) -> String,
) -> Result<(), Failure<DnsError>> {
    let mut lines: Vec<_> = match answer.await {
        Ok(found) => found.iter().map(line).collect(),
        Err(Failure::Error(DnsError::NoSuchName(_))) => vec!["no such name".to_owned()],
        Err(Failure::Error(DnsError::NoRecords(..))) => Vec::new(),
        Err(failure) => return Err(failure),
    };
    lines.sort();
    for line in lines {
        println!("{what}: {line}");
    }
    Ok(())
}

async fn ask(reactor: ReactorHandle) -> Result<(), Box<dyn Error>> {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    let [server, port, domain] = &arguments[..] else {
        return Err("usage: directory SERVER PORT DOMAIN".into());
    };
    let server: IpAddr = server.parse()?;
    let settings = DnsSettings {
        servers: vec![(server, port.parse()?).into()],
        ..DnsSettings::default()
    };
    let names = DnsResolver::new(Rc::new(reactor), settings);
    // All are asked for at once.
    let mail = names.mail_exchanges(domain);
    let services = names.services(&format!("_imap._tcp.{domain}"));
    let texts = names.texts(domain);
    let web = names.lookup(&format!("www.{domain}"), RecordType::A);
    let host = names.addresses(&format!("host.{domain}"));

    show("mail", mail, |mx| {
        format!("{} {}", mx.preference, mx.exchange)
    })
    .await?;
    show("imap", services, |srv| {
        format!(
            "{} {} {}:{}",
            srv.priority, srv.weight, srv.target, srv.port
        )
    })
    .await?;
    show("text", texts, |text| {
        String::from_utf8_lossy(&text.joined()).into_owned()
    })
    .await?;
    let web = web.map(|answer| answer.records);
    show("web", web, |record| record.data.to_string()).await?;
    let first = host.map(|found| {
        found
            .into_iter()
            .find(IpAddr::is_ipv4)
            .into_iter()
            .collect()
    });
    show("host", first, IpAddr::to_string).await?;
    Ok(())
}

fn main() -> ExitCode {
    react(|reactor, _| ask(reactor))
}
