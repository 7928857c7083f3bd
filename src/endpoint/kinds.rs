//! The standard kinds. Each uses what [`Endpoints`] offers to applications too.

mod connect;
mod haproxy;
#[cfg(unix)]
mod inherited;
mod limit;
#[cfg(unix)]
mod process;
mod socks;
#[cfg(unix)]
mod stdio;
mod tap;
mod tcp;
mod throttle;
mod timeout;
mod tls;
mod udp;
#[cfg(unix)]
mod unix;
mod values;

use super::Endpoints;

pub(super) fn standard(endpoints: Endpoints) -> Endpoints {
    let add = [
        tcp::add,
        tls::add,
        udp::add,
        #[cfg(unix)]
        unix::add,
        #[cfg(unix)]
        inherited::add,
        #[cfg(unix)]
        process::add,
        #[cfg(unix)]
        stdio::add,
        haproxy::add,
        socks::add,
        connect::add,
        timeout::add,
        throttle::add,
        limit::add,
        tap::add,
    ];
    add.into_iter()
        .fold(endpoints, |endpoints, add| add(endpoints))
}
