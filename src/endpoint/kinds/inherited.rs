//! Sockets that the program was started with: `systemd:` and `fd:`.

use retwist_reactor::{
    AdoptError, AdoptedSocket, InheritedError, ListenFds, SocketFamily, inherited_descriptor,
};

use crate::endpoint::{EndpointError, Endpoints, Position, ServerEndpoint, Value};

const SYSTEMD: [&str; 3] = ["domain", "index", "name"];
const FD: [&str; 2] = ["number", "domain"];

pub(super) fn add(endpoints: Endpoints) -> Endpoints {
    endpoints
        .server("systemd", SYSTEMD, systemd)
        .server("fd", FD, fd)
}

fn systemd(
    position: &Position,
    [domain, index, name]: [Option<Value>; 3],
) -> Result<ServerEndpoint, EndpointError> {
    let wanted = "the index of a socket, a number from 0";
    match (index, name) {
        (Some(index), None) => {
            let family = family(domain)?;
            let index: usize = index.read(wanted, |text| text.parse().ok())?;
            Ok(given(family, move || ListenFds::get()?.at(index)))
        }
        (None, Some(name)) => {
            let family = family(domain)?;
            let name = name.read("the name of a socket", |text| Some(text.to_owned()))?;
            Ok(given(family, move || ListenFds::get()?.named(&name)))
        }
        (None, None) => Err(position.missing("index or the name")),
        (Some(_), Some(name)) => {
            name.read(
                "needed, since the index is given",
                |_| None::<ServerEndpoint>,
            )
        }
    }
}

fn fd(
    position: &Position,
    [number, domain]: [Option<Value>; 2],
) -> Result<ServerEndpoint, EndpointError> {
    let number = number.ok_or_else(|| position.missing("number"))?;
    let wanted = "the number of a descriptor, from 0";
    let number: u16 = number.read(wanted, |text| text.parse().ok())?;
    let family = family(domain)?;
    Ok(given(family, move || inherited_descriptor(number.into())))
}

/// Listens on the socket that `get` returns.
fn given(
    family: Option<SocketFamily>,
    get: impl Fn() -> Result<std::os::fd::OwnedFd, InheritedError> + Send + Sync + 'static,
) -> ServerEndpoint {
    ServerEndpoint::new(move |reactor, settings, factory| {
        let socket = AdoptedSocket::from(get().map_err(AdoptError::from)?).settings(settings);
        let socket = match family {
            Some(family) => socket.family(family),
            None => socket,
        };
        reactor.adopt_listener(socket, factory)
    })
}

fn family(domain: Option<Value>) -> Result<Option<SocketFamily>, EndpointError> {
    let Some(domain) = domain else {
        return Ok(None);
    };
    let family = domain.read("INET, INET6 or UNIX", |text| match text {
        "INET" => Some(SocketFamily::Ipv4),
        "INET6" => Some(SocketFamily::Ipv6),
        "UNIX" => Some(SocketFamily::Unix),
        _ => None,
    })?;
    Ok(Some(family))
}

#[cfg(test)]
mod tests {
    use retwist_reactor::testing::MemoryReactor;
    use retwist_reactor::{AdoptError, InheritedError, ListenError, Protocol, TransportRef};

    use crate::endpoint::server_from_string;

    struct Deaf;

    impl Protocol for Deaf {
        fn data_received(&mut self, _: &TransportRef, _: &[u8]) {}
    }

    #[test]
    fn mistakes() {
        for (text, wanted) in [
            ("systemd", "the index or the name is missing"),
            ("systemd:", "the index or the name is missing"),
            ("systemd:0", "the index or the name is missing"),
            ("systemd:domain=INET", "the index or the name is missing"),
            ("systemd:INET:index=-1", "is not the index of a socket"),
            ("systemd:INET:0:web", "\"web\" is not needed"),
            ("systemd:domain=IPX:index=0", "is not INET, INET6 or UNIX"),
            ("systemd:INET:0:fd=3", "no argument"),
            ("fd", "the number is missing"),
            ("fd:three", "is not the number of a descriptor"),
            ("fd:-1", "is not the number of a descriptor"),
        ] {
            let error = server_from_string(text).unwrap_err().to_string();
            assert!(error.contains(wanted), "{error}");
        }
    }

    /// This test was not started by a service manager.
    #[test]
    fn what_was_not_passed_is_missed_when_it_listens() {
        let reactor = MemoryReactor::new();
        for (text, is_it) in [
            ("systemd:domain=INET:index=0", is_nothing as fn(&_) -> bool),
            ("systemd:domain=UNIX:name=web", is_nothing),
            ("tap:systemd:index=0", is_nothing),
            ("fd:60000", is_not_open),
        ] {
            let endpoint = server_from_string(text).unwrap();
            assert_eq!(endpoint.to_string(), text);
            match endpoint.listen(&reactor, |_| Deaf) {
                Err(ListenError::Adopt(AdoptError::Inherited(error))) => {
                    assert!(is_it(&error), "{text}: {error:?}");
                }
                other => panic!("{text}: {other:?}"),
            }
        }
    }

    fn is_nothing(error: &InheritedError) -> bool {
        matches!(error, InheritedError::NothingPassed)
    }

    fn is_not_open(error: &InheritedError) -> bool {
        matches!(error, InheritedError::NotOpen(60_000, _))
    }
}
