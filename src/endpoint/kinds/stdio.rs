use retwist_reactor::StandardIo;

use crate::endpoint::{EndpointError, Endpoints, Position, ServerEndpoint, Value};

pub(super) fn add(endpoints: Endpoints) -> Endpoints {
    endpoints.server("stdio", ["raw"], server)
}

fn server(_: &Position, [raw]: [Option<Value>; 1]) -> Result<ServerEndpoint, EndpointError> {
    let read = |raw: Value| {
        raw.read("yes or no", |text| match text {
            "yes" => Some(true),
            // As in `stdio:`.
            "no" | "" => Some(false),
            _ => None,
        })
    };
    let options = StandardIo::new().raw(raw.map(read).transpose()?.unwrap_or(false));
    Ok(ServerEndpoint::new(move |reactor, settings, factory| {
        reactor.listen_standard_io(options.clone().settings(settings), factory)
    }))
}

#[cfg(test)]
mod tests {
    use retwist_reactor::testing::MemoryReactor;
    use retwist_reactor::{Protocol, TransportRef};

    use crate::endpoint::server_from_string;

    struct Echo;

    impl Protocol for Echo {
        fn data_received(&mut self, transport: &TransportRef, data: &[u8]) {
            transport.write(data);
        }
    }

    struct User;

    impl Protocol for User {}

    #[test]
    fn a_server_of_one_connection() {
        for text in ["stdio:", "stdio", "tap:stdio:", "stdio:raw=yes"] {
            let reactor = MemoryReactor::new();
            let endpoint = server_from_string(text).unwrap();
            let port = endpoint.listen(&reactor, |_| Echo).unwrap();
            assert_eq!(port.address().to_string(), "standard input and output");
            assert!(reactor.accept(&port.address(), User).is_some());
            let refused = endpoint.listen(&reactor, |_| Echo);
            assert!(refused.is_err(), "there is one standard input");
        }
    }

    #[test]
    fn mistakes() {
        for (text, wanted) in [
            ("stdio:raw=maybe", "is not yes or no"),
            ("stdio:mode=660", "no argument"),
        ] {
            let error = server_from_string(text).unwrap_err().to_string();
            assert!(error.contains(wanted), "{error}");
        }
    }
}
