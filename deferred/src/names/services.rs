//! Which server is tried first, of those that a domain names.

use super::{MailExchange, Service};

/// Mail: the lowest preference first, and those with the same one in random order (RFC 5321,
/// section 5.1).
pub(super) fn in_mail_order(mut servers: Vec<MailExchange>) -> Vec<MailExchange> {
    fastrand::shuffle(&mut servers);
    servers.sort_by_key(|server| server.preference);
    servers
}

/// A service: the lowest priority first, and those with the same one in random order, so that each
/// has its share of being first by its weight (RFC 2782). `random` is a number from 0 to what it is
/// given.
pub(super) fn in_service_order(
    mut servers: Vec<Service>,
    mut random: impl FnMut(u32) -> u32,
) -> Vec<Service> {
    // Those without weight come first in the sum, so that they have a chance, if a small one.
    servers.sort_by_key(|server| (server.priority, server.weight > 0));
    let mut ordered = Vec::with_capacity(servers.len());
    while let Some(first) = servers.first() {
        let priority = first.priority;
        let same = servers
            .iter()
            .take_while(|server| server.priority == priority);
        let total: u32 = same.clone().map(|server| u32::from(server.weight)).sum();
        let drawn = random(total);
        let mut sum = 0;
        let chosen = same.clone().position(|server| {
            sum += u32::from(server.weight);
            sum >= drawn
        });
        ordered.push(servers.remove(chosen.unwrap_or(0)));
    }
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service(priority: u16, weight: u16, target: &str) -> Service {
        Service {
            priority,
            weight,
            port: 1,
            target: target.to_owned(),
        }
    }

    fn targets(servers: &[Service]) -> Vec<&str> {
        servers.iter().map(|server| &*server.target).collect()
    }

    #[test]
    fn priorities_come_first_and_weights_share() {
        let servers = vec![
            service(20, 0, "last"),
            service(10, 60, "big"),
            service(10, 20, "small"),
            service(10, 0, "zero"),
        ];
        // Of 80: 0 is zero's, 1 to 60 are big's, 61 to 80 small's.
        let draws = |numbers: &'static [u32]| {
            let mut numbers = numbers.iter();
            move |most: u32| (*numbers.next().unwrap()).min(most)
        };
        for (drawn, expected) in [
            (&[0, 60, 20, 0][..], ["zero", "big", "small", "last"]),
            (&[1, 0, 20, 0], ["big", "zero", "small", "last"]),
            (&[60, 1, 0, 0], ["big", "small", "zero", "last"]),
            (&[61, 60, 0, 0], ["small", "big", "zero", "last"]),
            (&[80, 0, 60, 0], ["small", "zero", "big", "last"]),
        ] {
            let ordered = in_service_order(servers.clone(), draws(drawn));
            assert_eq!(targets(&ordered), expected, "{drawn:?}");
        }
    }

    #[test]
    fn the_share_of_a_server_is_its_weight() {
        let servers = vec![service(0, 30, "a"), service(0, 10, "b")];
        let mut state = 1_u32;
        let mut random = |most: u32| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) % (most + 1)
        };
        let ordered = (0..10_000).map(|_| in_service_order(servers.clone(), &mut random));
        let first = ordered.filter(|servers| servers[0].target == "a").count();
        assert!((7_300..7_800).contains(&first), "{first}");
    }

    #[test]
    fn mail_goes_to_the_lowest_preference() {
        let server = |preference, exchange: &str| MailExchange {
            preference,
            exchange: exchange.to_owned(),
        };
        let servers = vec![server(20, "b"), server(10, "a"), server(20, "c")];
        let mut seconds = Vec::new();
        for _ in 0..200 {
            let ordered = in_mail_order(servers.clone());
            assert_eq!(ordered[0].exchange, "a");
            seconds.push(ordered[1].exchange.clone());
        }
        assert!(seconds.contains(&"b".to_owned()) && seconds.contains(&"c".to_owned()));
    }
}
