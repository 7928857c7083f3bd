use std::rc::Rc;

use retwist_reactor::{FactoryRef, UnixConnect, UnixListen, UnixName};

use super::values;
use crate::endpoint::{ClientEndpoint, EndpointError, Endpoints, Position, ServerEndpoint, Value};

const SERVER: [&str; 4] = ["path", "mode", "lockfile", "backlog"];
const CLIENT: [&str; 2] = ["path", "timeout"];

pub(super) fn add(endpoints: Endpoints) -> Endpoints {
    endpoints
        .server("unix", SERVER, server)
        .client("unix", CLIENT, client)
}

fn server(
    position: &Position,
    [path, mode, lock_file, backlog]: [Option<Value>; 4],
) -> Result<ServerEndpoint, EndpointError> {
    let mut listen = UnixListen::name(name(position, path)?);
    if let Some(mode) = mode {
        let octal = |text: &str| u32::from_str_radix(text, 8).ok();
        let wanted = "the mode of a file, an octal number such as 660";
        let mode = mode.read(wanted, |text| octal(text).filter(|mode| *mode <= 0o777))?;
        listen = listen.mode(mode);
    }
    if let Some(lock) = lock_file {
        listen = listen.lock_file(lock.read("yes or no", |text| match text {
            "yes" | "1" => Some(true),
            "no" | "0" => Some(false),
            _ => None,
        })?);
    }
    if let Some(backlog) = backlog {
        listen = listen.backlog(values::count(&backlog)?);
    }
    Ok(ServerEndpoint::new(move |reactor, settings, factory| {
        reactor.listen_unix_socket(listen.clone().settings(settings), factory)
    }))
}

fn client(
    position: &Position,
    [path, timeout]: [Option<Value>; 2],
) -> Result<ClientEndpoint, EndpointError> {
    let mut connect = UnixConnect::name(name(position, path)?);
    if let Some(timeout) = timeout {
        connect = connect.timeout(values::seconds(&timeout)?);
    }
    Ok(ClientEndpoint::new(move |network, settings| {
        let (reactor, connect) = (network.reactor(), connect.clone().settings(settings));
        Rc::new(move |factory: FactoryRef| reactor.connect_unix_socket(connect.clone(), factory))
    }))
}

/// A path, or an abstract name with `@` before it.
fn name(position: &Position, path: Option<Value>) -> Result<UnixName, EndpointError> {
    let path = path.ok_or_else(|| position.missing("path"))?;
    let wanted = "the path of a UNIX socket, of 1 to about 100 bytes";
    path.read(wanted, |text| UnixName::parse(text).ok())
}

#[cfg(test)]
mod tests {
    use std::rc::Rc;
    use std::time::Duration;

    use retwist_deferred::{Deferred, DialerExt, ResolveError};
    use retwist_reactor::testing::MemoryReactor;
    use retwist_reactor::{Protocol, TransportRef, UnixConnect, UnixListen, UnixName};

    use crate::endpoint::{Network, client_from_string, server_from_string};

    struct Deaf;

    impl Protocol for Deaf {
        fn data_received(&mut self, _: &TransportRef, _: &[u8]) {}
    }

    #[track_caller]
    fn listened(text: &str) -> UnixListen {
        let reactor = MemoryReactor::new();
        let endpoint = server_from_string(text).unwrap();
        endpoint.listen(&reactor, |_| Deaf).unwrap();
        reactor.listening_unix().remove(0)
    }

    #[track_caller]
    fn connected(text: &str) -> UnixConnect {
        let reactor = Rc::new(MemoryReactor::new());
        let no_names = |_: &str, _| Deferred::<_, ResolveError>::succeed(Vec::new());
        let network = Network::with(reactor.clone(), Rc::new(no_names));
        let endpoint = client_from_string(text).unwrap();
        let _connecting = endpoint.on(&network).connect_to(Deaf);
        reactor.connecting_unix().remove(0).options().clone()
    }

    #[test]
    fn servers() {
        let plain = UnixListen::name(UnixName::path("/run/x").unwrap());
        assert_eq!(listened("unix:/run/x"), plain);
        assert_eq!(listened("unix:path=/run/x"), plain);
        assert_eq!(listened("timeout:idle=60:unix:/run/x"), plain);
        let ours = plain.clone().mode(0o660);
        assert_eq!(listened("unix:/run/x:mode=660"), ours);
        assert_eq!(listened("unix:/run/x:660"), ours);
        let locked = ours.lock_file(true);
        assert_eq!(listened("unix:/run/x:mode=660:lockfile=1"), locked);
        assert_eq!(listened("unix:/run/x:660:yes"), locked);
        assert_eq!(listened("unix:/run/x:lockfile=0"), plain);
        assert_eq!(listened("unix:/run/x:backlog=5"), plain.backlog(5));
        let with_colon = UnixName::path("/run/a:b").unwrap();
        assert_eq!(listened(r"unix:/run/a\:b"), UnixListen::name(with_colon));
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn abstract_names() {
        let name = UnixName::abstract_name("x").unwrap();
        assert_eq!(listened("unix:@x"), UnixListen::name(name.clone()));
        assert_eq!(connected("unix:@x"), UnixConnect::name(name));
        let path = UnixName::path("./@x").unwrap();
        assert_eq!(listened("unix:./@x"), UnixListen::name(path));
    }

    #[test]
    fn clients() {
        let plain = UnixConnect::name(UnixName::path("/run/x").unwrap());
        assert_eq!(connected("unix:/run/x"), plain);
        assert_eq!(connected("tap:unix:path=/run/x"), plain);
        let patient = plain.timeout(Duration::from_secs(90));
        assert_eq!(connected("unix:/run/x:timeout=90"), patient);
    }

    #[test]
    fn mistakes() {
        let long = format!("unix:/{}", "x".repeat(200));
        for (text, wanted) in [
            ("unix", "the path is missing"),
            ("unix:", "is not the path of a UNIX socket"),
            (long.as_str(), "is not the path of a UNIX socket"),
            ("unix:/run/x:mode=rw", "is not the mode of a file"),
            ("unix:/run/x:mode=680", "is not the mode of a file"),
            ("unix:/run/x:mode=7777", "is not the mode of a file"),
            ("unix:/run/x:lockfile=maybe", "is not yes or no"),
            ("unix:/run/x:backlog=0", "is not a number from 1"),
        ] {
            let error = server_from_string(text).unwrap_err().to_string();
            assert!(error.contains(wanted), "{error}");
        }
        let error = client_from_string("unix:/run/x:mode=660").unwrap_err();
        assert!(error.to_string().contains("no argument"), "{error}");
    }
}
