use retwist_protocols::{Policy, SocksClient};

use super::values;
use crate::endpoint::{ClientEndpoint, EndpointError, Endpoints, Position, Value};

pub(super) fn add(endpoints: Endpoints) -> Endpoints {
    let names = ["host", "port", "user", "password", "timeout"];
    endpoints.client_layer("socks", names, client)
}

fn client(
    position: &Position,
    [host, port, user, password, timeout]: [Option<Value>; 5],
    below: ClientEndpoint,
) -> Result<ClientEndpoint, EndpointError> {
    let (host, name, destination) = values::destination(position, host, port)?;
    let mut policy = SocksClient::to(destination);
    if let Some((user, password)) = values::user(position, user, password)? {
        for value in [&user, &password] {
            let fits = |text: &str| (1..=255).contains(&text.len()).then_some(());
            value.read("1 to 255 bytes", fits)?;
        }
        policy = policy.user(user.text(), password.text());
    }
    if let Some(timeout) = timeout {
        policy = policy.deadline(values::seconds(&timeout)?);
    }
    Ok(below
        .over(move |above| policy.wrap(above))
        .leading_to_value(&name, &host))
}
