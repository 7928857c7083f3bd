//! The services as their users write them: in a file, or on the command line.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use retwist::endpoint::client_from_string;
use retwist::error_chain;
use retwist::protocols::{Destination, Dialect};
use retwist::tls::{
    ClientCertificates, ClientOptions, Identities, Identity, Reload, ServerOptions, TicketKeys,
    TlsRole, TrustRoots,
};
use serde::Deserialize;
use toml::Spanned;

use crate::service::{Add, Bounds, Mode, Service, Strip};
use crate::support::tls::Authority;
use crate::support::{self, Mistake};
use crate::way::Way;

/// One service. On the command line each of its words is an option.
#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Entry {
    pub(crate) mode: String,
    pub(crate) dialect: String,
    pub(crate) listen: String,
    pub(crate) connect: String,
    pub(crate) cert: Option<String>,
    pub(crate) key: Option<String>,
    pub(crate) ca_out: Option<String>,
    pub(crate) client_ca: Option<String>,
    #[serde(default)]
    pub(crate) routes: BTreeMap<String, String>,
    #[serde(default)]
    pub(crate) send_proxy: bool,
    pub(crate) trust_roots: Option<String>,
    pub(crate) name: Option<String>,
    pub(crate) target: Option<String>,
    pub(crate) client_cert: Option<String>,
    #[serde(default)]
    pub(crate) alpn: Vec<String>,
    pub(crate) server_name: Option<String>,
    pub(crate) idle: Option<u64>,
    pub(crate) start: Option<u64>,
    pub(crate) total: Option<usize>,
    pub(crate) per_peer: Option<usize>,
}

/// What is wrong with a service, and in which of its words.
pub(crate) struct Fault {
    word: &'static str,
    pub(crate) why: Mistake,
}

/// Says that the fault lies in this word.
fn within<T, E: Into<Mistake>>(word: &'static str, outcome: Result<T, E>) -> Result<T, Fault> {
    outcome.map_err(|why| Fault {
        word,
        why: why.into(),
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    service: Vec<Spanned<Entry>>,
}

/// The services in a file.
pub(crate) fn read(path: &Path) -> Result<Vec<Service>, Mistake> {
    let shown = path.display();
    let text = fs::read_to_string(path).map_err(|error| format!("cannot read {shown}: {error}"))?;
    let at = |offset: usize| {
        let before = &text.as_bytes()[..offset.min(text.len())];
        let line = before.iter().filter(|&&byte| byte == b'\n').count() + 1;
        let column = before
            .iter()
            .rev()
            .take_while(|&&byte| byte != b'\n')
            .count()
            + 1;
        format!("{shown}, line {line}, column {column}")
    };
    let file: File = toml::from_str(&text).map_err(|error| {
        let offset = error.span().map_or(0, |span| span.start);
        let why = error.message().lines().collect::<Vec<_>>().join(" ");
        format!("{}: {why}", at(offset))
    })?;
    if file.service.is_empty() {
        return Err(format!("{shown} has no [[service]]").into());
    }
    let services = file.service.iter().map(|entry| {
        entry.as_ref().service().map_err(|fault| {
            let place = at(place_of(&text, &entry.span(), fault.word));
            Mistake::from(format!("{place}: {}", error_chain(&*fault.why)))
        })
    });
    services.collect()
}

/// Where a word of a service stands: at the beginning of a line of it, or else where the service
/// begins.
fn place_of(text: &str, service: &std::ops::Range<usize>, word: &str) -> usize {
    let mut offset = service.start;
    for line in text[service.start..].split_inclusive('\n') {
        let is_next = line.trim_start().starts_with("[[") && offset > service.start;
        if is_next {
            break;
        }
        let body = line.trim_start();
        let names = body
            .strip_prefix(word)
            .is_some_and(|rest| rest.trim_start().starts_with('='));
        if names {
            return offset + line.len() - body.len();
        }
        offset += line.len();
    }
    service.start
}

impl Entry {
    /// Checks all words, and makes the service.
    pub(crate) fn service(&self) -> Result<Service, Fault> {
        let way: Way = within("dialect", self.dialect.parse())?;
        let listen = within("listen", support::server(&self.listen))?;
        let connect = within("connect", client_from_string(&self.connect))?;
        let (mode, role) = match self.mode.as_str() {
            "add" => self.add(way)?,
            "strip" => self.strip(way, connect.host())?,
            other => {
                let why = format!("a proxy can add or strip TLS, not {other:?}");
                return within("mode", Err(why));
            }
        };
        Ok(Service {
            way,
            mode,
            listen,
            connect: self.connect.clone(),
            role,
            server_name: self
                .server_name
                .clone()
                .unwrap_or_else(|| "localhost".into()),
            bounds: Bounds {
                idle: Duration::from_secs(self.idle.unwrap_or(1800)),
                start: Duration::from_secs(self.start.unwrap_or(30)),
                total: self.total.unwrap_or(1000),
                per_peer: self.per_peer.unwrap_or(1000),
            },
        })
    }

    fn add(&self, way: Way) -> Result<(Mode, TlsRole), Fault> {
        for (word, given) in [
            ("trust-roots", self.trust_roots.is_some()),
            ("name", self.name.is_some()),
            ("target", self.target.is_some()),
            ("client-cert", self.client_cert.is_some()),
        ] {
            if given {
                return within(word, Err(format!("{word} is for strip alone")));
            }
        }
        if way == Way::StartTls(Dialect::Mysql) && !self.routes.is_empty() {
            let why = "a MySQL server greets before TLS, so no name can choose it";
            return within("routes", Err(why));
        }
        for endpoint in self.routes.values() {
            within("routes", client_from_string(endpoint))?;
        }
        let identities = Identities::new(self.identity()?);
        let mut reload = Reload::new().identities(&identities);
        let mut server = ServerOptions::choosing(identities).alpn(&self.alpn);
        if let Some(file) = &self.client_ca {
            let roots = within("client-ca", TrustRoots::from_pem_file(file))?;
            reload = reload.roots(&roots);
            server = server.client_certificates(ClientCertificates::Required(roots));
        }
        let keys = within("cert", TicketKeys::across_restarts("starttls_proxy"))?;
        let config = within("alpn", server.ticket_keys(keys).build())?;
        let add = Add {
            routes: self.routes.clone(),
            send_proxy: self.send_proxy,
            reload,
        };
        Ok((Mode::Add(add), TlsRole::server(config)))
    }

    /// The identity in the files; without files, one that lives as long as the program.
    fn identity(&self) -> Result<Identity, Fault> {
        match (&self.cert, &self.key, &self.ca_out) {
            (Some(_), _, Some(_)) => within("ca-out", Err("ca-out is for a proxy without cert")),
            (None, Some(_), _) => within("key", Err("key needs cert")),
            (Some(cert), None, _) => within("cert", Identity::from_pem_file(cert)),
            (Some(cert), Some(key), _) => within("cert", Identity::from_pem_files(cert, key)),
            (None, None, file) => {
                let authority = within("cert", Authority::new())?;
                if let Some(file) = file {
                    within("ca-out", authority.write(file.as_ref()))?;
                }
                within("cert", authority.identity())
            }
        }
    }

    fn strip(&self, way: Way, host: Option<&str>) -> Result<(Mode, TlsRole), Fault> {
        for (word, given) in [
            ("cert", self.cert.is_some()),
            ("key", self.key.is_some()),
            ("ca-out", self.ca_out.is_some()),
            ("client-ca", self.client_ca.is_some()),
            ("routes", !self.routes.is_empty()),
            ("send-proxy", self.send_proxy),
        ] {
            if given {
                return within(word, Err(format!("{word} is for add alone")));
            }
        }
        let is_through_proxy = matches!(way, Way::Http | Way::Socks);
        if self.target.is_some() && !is_through_proxy {
            return within("target", Err("target is for http and socks alone"));
        }
        let host = if is_through_proxy { None } else { host };
        let name = self.name.as_deref().or(host);
        let name = within(
            "name",
            name.ok_or("name is missing: which server to expect"),
        )?;
        let target = match &self.target {
            Some(target) => Some(within("target", destination(target))?),
            None if is_through_proxy => Some((name.to_owned(), 443)),
            None => None,
        };
        let roots = match &self.trust_roots {
            Some(file) => within("trust-roots", TrustRoots::from_pem_file(file))?,
            None => within("trust-roots", TrustRoots::platform())?,
        };
        let mut reload = Reload::new().roots(&roots);
        let mut client = ClientOptions::new(roots).alpn(&self.alpn);
        if let Some(file) = &self.client_cert {
            let identity = within("client-cert", Identity::from_pem_file(file))?;
            let identities = Identities::new(identity);
            reload = reload.identities(&identities);
            client = client.choosing(identities);
        }
        let config = within("alpn", client.build())?;
        let role = within("name", TlsRole::client(Arc::clone(&config), name))?;
        let name = name.to_owned();
        Ok((
            Mode::Strip(Strip {
                name,
                target,
                reload,
            }),
            role,
        ))
    }
}

/// `example.org:443`, `[2001:db8::1]:443`
fn destination(text: &str) -> Result<(String, u16), Mistake> {
    let parts = text.rsplit_once(':');
    let parts = parts.and_then(|(host, port)| Some((host, port.parse().ok()?)));
    let (host, port) = parts.ok_or_else(|| format!("{text:?} is no target: HOST:PORT"))?;
    let host = host
        .strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host);
    // It has to be one that a proxy can be told.
    Destination::new(host, port)?;
    Ok((host.to_owned(), port))
}
