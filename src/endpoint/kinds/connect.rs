use retwist_protocols::{HttpConnect, Policy};

use super::values;
use crate::endpoint::{ClientEndpoint, EndpointError, Endpoints, Position, Value};

pub(super) fn add(endpoints: Endpoints) -> Endpoints {
    let names = ["host", "port", "user", "password", "timeout"];
    endpoints.client_layer("connect", names, client)
}

fn client(
    position: &Position,
    [host, port, user, password, timeout]: [Option<Value>; 5],
    below: ClientEndpoint,
) -> Result<ClientEndpoint, EndpointError> {
    let (host, name, destination) = values::destination(position, host, port)?;
    let mut policy = HttpConnect::to(destination);
    if let Some((user, password)) = values::user(position, user, password)? {
        // RFC 7617, section 2.
        let without_colon = |text: &str| (!text.contains(':')).then_some(());
        user.read("a name without a colon", without_colon)?;
        policy = policy.user(user.text(), password.text());
    }
    if let Some(timeout) = timeout {
        policy = policy.deadline(values::seconds(&timeout)?);
    }
    Ok(below
        .over(move |above| policy.wrap(above))
        .leading_to_value(&name, &host))
}
