use lexopt::{Arg, Parser, ValueExt};
use retwist::WorkerCount;

use crate::config::{self, Entry};
use crate::service::Service;
use crate::support::{self, Mistake};

/// Understands the command line: how many workers, and which services.
pub(crate) fn read(mut arguments: Parser) -> Result<(WorkerCount, Vec<Service>), Mistake> {
    let (mut values, mut workers) = (Vec::new(), WorkerCount::default());
    let mut entry = Entry::default();
    let mut has_options = false;
    while let Some(argument) = arguments.next()? {
        let option = match argument {
            Arg::Value(value) => {
                values.push(value.string()?);
                continue;
            }
            Arg::Long("workers") => {
                workers = support::value(&mut arguments, "--workers")?;
                continue;
            }
            Arg::Long("send-proxy") => {
                entry.send_proxy = true;
                has_options = true;
                continue;
            }
            Arg::Long(option) => option.to_owned(),
            Arg::Short(_) => return Err(argument.unexpected().into()),
        };
        has_options = true;
        let place = match option.as_str() {
            "cert" => &mut entry.cert,
            "key" => &mut entry.key,
            "ca-out" => &mut entry.ca_out,
            "client-ca" => &mut entry.client_ca,
            "trust-roots" => &mut entry.trust_roots,
            "name" => &mut entry.name,
            "target" => &mut entry.target,
            "client-cert" => &mut entry.client_cert,
            "server-name" => &mut entry.server_name,
            "alpn" => {
                let names = arguments.value()?.string()?;
                entry.alpn = names.split(',').map(String::from).collect();
                continue;
            }
            "route" => {
                let route = arguments.value()?.string()?;
                let (name, endpoint) = route
                    .split_once('=')
                    .ok_or("--route is NAME=CONNECT, such as mail.example.org=tcp:10.0.0.7:143")?;
                entry.routes.insert(name.to_owned(), endpoint.to_owned());
                continue;
            }
            "idle" => {
                entry.idle = Some(support::value(&mut arguments, "--idle")?);
                continue;
            }
            "start" => {
                entry.start = Some(support::value(&mut arguments, "--start")?);
                continue;
            }
            "total" => {
                entry.total = Some(support::value(&mut arguments, "--total")?);
                continue;
            }
            "per-peer" => {
                entry.per_peer = Some(support::value(&mut arguments, "--per-peer")?);
                continue;
            }
            other => return Err(Arg::Long(other).unexpected().into()),
        };
        *place = Some(arguments.value()?.string()?);
    }
    let services = match &values[..] {
        [file] if file.ends_with(".toml") => {
            if has_options {
                return Err("with a file, all options but --workers are in the file".into());
            }
            config::read(file.as_ref())?
        }
        [mode, dialect, listen, connect] => {
            entry.mode.clone_from(mode);
            entry.dialect.clone_from(dialect);
            entry.listen.clone_from(listen);
            entry.connect.clone_from(connect);
            vec![entry.service().map_err(|mistake| mistake.why)?]
        }
        _ => {
            return Err(
                "the arguments are add|strip DIALECT LISTEN CONNECT, or FILE.toml; see --help"
                    .into(),
            );
        }
    };
    Ok((workers, services))
}
