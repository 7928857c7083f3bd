//! What those who run an example look at it with: a console, metrics, a page in the browser; and what a
//! balancer asks.
//!
//! `--admin unix:PATH`, `--health ENDPOINT`, `--metrics ENDPOINT` and `--page ENDPOINT` bring crates that no example needs for
//! its own work. So they are there with the feature `operations` alone; without it, a sentence says so.

use std::ffi::OsString;

use super::Mistake;

/// What the help says about them.
#[cfg(feature = "operations")]
pub(crate) const HELP: &str = r"--admin unix:PATH  a console on a UNIX socket, for the user that runs the program: socat - UNIX:PATH, and then help
--health ENDPOINT  for the checks of a balancer, at /health: 200 and serving, or 503 and draining
--metrics ENDPOINT its figures for Prometheus, at /metrics
--page ENDPOINT    its figures on a page in the browser, at /";
#[cfg(not(feature = "operations"))]
pub(crate) const HELP: &str = r"--admin, --health, --metrics, --page
                   a console, its health for a balancer, its figures for Prometheus, a page in the browser: with cargo's
                   --features operations";

/// Where the program is looked at, by the option.
#[derive(Clone, Default)]
pub(crate) struct Watches {
    asked: Vec<(String, String)>,
}

impl Watches {
    /// Takes one of the options.
    pub(crate) fn ask(&mut self, option: &str, value: Option<OsString>) -> Result<(), Mistake> {
        if cfg!(not(feature = "operations")) {
            let why = format!("{option} is there with cargo's --features operations alone");
            return Err(why.into());
        }
        let Some(value) = value.and_then(|value| value.into_string().ok()) else {
            return Err(format!("missing argument for option '{option}'").into());
        };
        self.asked.push((option.to_owned(), value));
        Ok(())
    }
}

#[cfg(not(feature = "operations"))]
mod without {
    use super::{Mistake, Watches};
    use retwist::ReactorHandle;

    impl Watches {
        /// Nothing was asked for.
        pub(crate) fn start(&self, _: &ReactorHandle, _: usize) -> Result<(), Mistake> {
            Ok(())
        }
    }
}

#[cfg(feature = "operations")]
mod with {
    use std::rc::Rc;

    use retwist::ReactorHandle;
    use retwist::endpoint::server_from_string;
    use retwist::operations::metrics::Exposition;
    use retwist::operations::{Console, Health, Page};

    use super::super::{Mistake, logging, say};
    use super::Watches;

    impl Watches {
        /// Listens, on the reactor of this worker. A console is for one reactor, and that of another worker
        /// than the first has the worker's number behind its path.
        pub(crate) fn start(&self, reactor: &ReactorHandle, worker: usize) -> Result<(), Mistake> {
            for (option, endpoint) in &self.asked {
                match option.as_str() {
                    "--admin" => admin(reactor, endpoint, worker)?,
                    // All drain together, and one of them says so.
                    "--health" if worker > 0 => {}
                    "--health" => health(reactor, endpoint)?,
                    _ if worker > 0 => {
                        let why = format!("{option} shows one reactor: leave out --workers");
                        return Err(why.into());
                    }
                    "--metrics" => metrics(reactor, endpoint)?,
                    _ => page(reactor, endpoint)?,
                }
            }
            Ok(())
        }
    }

    fn admin(reactor: &ReactorHandle, endpoint: &str, worker: usize) -> Result<(), Mistake> {
        let Some(path) = endpoint.strip_prefix("unix:") else {
            return Err(
                "--admin takes unix:PATH: a console is for the owner of the program".into(),
            );
        };
        let path = match worker {
            0 => path.to_owned(),
            worker => match path.split_once(':') {
                Some((path, rest)) => format!("{path}.{worker}:{rest}"),
                None => format!("{path}.{worker}"),
            },
        };
        let mode = if path.contains(":mode=") {
            ""
        } else {
            ":mode=600"
        };
        let console = Console::new(reactor);
        console.on_log_level(logging::set_level);
        let endpoint = server_from_string(&format!("unix:{path}{mode}"))?;
        let port = endpoint.listen_factory(reactor, console.factory())?;
        reactor.call_when_running(move || say(&format!("console on {}", port.address())));
        Ok(())
    }

    fn health(reactor: &ReactorHandle, endpoint: &str) -> Result<(), Mistake> {
        let health = Health::new(Rc::new(reactor.clone()));
        let endpoint = server_from_string(endpoint)?;
        let port = endpoint.listen_factory(reactor, health.factory())?;
        reactor
            .call_when_running(move || say(&format!("health on http://{}/health", port.address())));
        Ok(())
    }

    fn metrics(reactor: &ReactorHandle, endpoint: &str) -> Result<(), Mistake> {
        let exposition = Exposition::install(Rc::new(reactor.clone()))?;
        let endpoint = server_from_string(endpoint)?;
        let port = endpoint.listen_factory(reactor, exposition.factory())?;
        reactor.call_when_running(move || {
            say(&format!("metrics on http://{}/metrics", port.address()))
        });
        Ok(())
    }

    fn page(reactor: &ReactorHandle, endpoint: &str) -> Result<(), Mistake> {
        let page = Page::new(Rc::new(reactor.clone()));
        let endpoint = server_from_string(endpoint)?;
        let port = endpoint.listen_factory(reactor, page.factory())?;
        reactor.call_when_running(move || say(&format!("page on http://{}/", port.address())));
        Ok(())
    }
}
