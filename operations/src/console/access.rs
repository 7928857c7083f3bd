use retwist_reactor::TransportRef;

/// The users that may use a console.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Access {
    /// The user that the process runs as, and root, over a UNIX socket: the system says who is at the
    /// other end (`SO_PEERCRED`).
    Owner,
    /// Any peer that reaches the port. What can be reached over a network must not have this.
    Anyone,
}

impl Access {
    /// Why this peer may not, if it may not.
    pub(super) fn refuses(self, transport: &TransportRef) -> Option<String> {
        match self {
            Access::Anyone => None,
            Access::Owner => refuses_stranger(transport),
        }
    }
}

#[cfg(unix)]
fn refuses_stranger(transport: &TransportRef) -> Option<String> {
    let options = retwist_reactor::UnixOptions::of(transport);
    let credentials = options.and_then(|options| options.peer_credentials().ok());
    let Some(credentials) = credentials else {
        return Some("this console is for the owner of the process, on a UNIX socket".to_owned());
    };
    let own = rustix::process::geteuid().as_raw();
    let uid = credentials.uid;
    (uid != own && uid != 0)
        .then(|| format!("this console is for user {own} and root, and you are user {uid}"))
}

#[cfg(not(unix))]
fn refuses_stranger(_: &TransportRef) -> Option<String> {
    Some("this system does not say who is at the other end".to_owned())
}
