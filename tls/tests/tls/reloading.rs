//! Certificates, keys and trust roots that change while a server goes on.

use std::fs::{self, File};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use retwist_reactor::Layer;
use retwist_reactor::testing::Pair;
use retwist_tls::{
    ClientCertificates, ClientOptions, Identities, Identity, Reload, Resumption, ServerOptions,
    TlsRole, TlsTransport, TrustRoots,
};
use rustls::SignatureScheme;
use rustls::client::ResolvesClientCert;
use rustls::sign::CertifiedKey;

use crate::common::{AUTHORITY, Authority, quiet};
use crate::logged::logged;

/// A directory of the test's own, gone at its end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let name = format!("retwist-tls-reload-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        logged();
        Scratch(path)
    }

    /// Writes a file in place. Each write has a time of its own, however fast the test is.
    fn put(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        static WRITES: AtomicU64 = AtomicU64::new(1);
        let path = self.0.join(name);
        fs::write(&path, content).unwrap();
        let later = Duration::from_millis(WRITES.fetch_add(1, Ordering::Relaxed));
        let file = File::options().write(true).open(&path).unwrap();
        file.set_modified(SystemTime::now() + later).unwrap();
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Whether the session was resumed, and the certificate that the client was shown.
pub(crate) fn meet(dial: &TlsRole, serve: &TlsRole) -> Result<(bool, Vec<u8>), String> {
    let ((a, a_notes), (b, b_notes)) = (quiet(), quiet());
    let pair = Pair::new(
        TlsTransport::new(dial.clone(), a).as_protocol(),
        TlsTransport::new(serve.clone(), b).as_protocol(),
    );
    pair.run();
    let reasons = [a_notes.reason(), b_notes.reason()].concat();
    if !reasons.is_empty() {
        return Err(reasons);
    }
    let info = TlsTransport::of(&a_notes.transport()).unwrap();
    Ok((info.resumed, info.peer_certificates[0].to_vec()))
}

pub(crate) fn client_of(roots: TrustRoots) -> TlsRole {
    TlsRole::client(ClientOptions::new(roots).build().unwrap(), "localhost").unwrap()
}

fn shown(serve: &TlsRole) -> Vec<u8> {
    meet(&client_of(AUTHORITY.roots()), serve).unwrap().1
}

pub(crate) fn serving(identities: &Arc<Identities>) -> TlsRole {
    TlsRole::server(ServerOptions::choosing(identities.clone()).build().unwrap())
}

#[test]
fn a_certificate_is_renewed_by_its_time() {
    let files = Scratch::new("renewed");
    let (chain, key) = AUTHORITY.certify(&["localhost"]);
    let path = files.put("both.pem", format!("{chain}{key}"));
    let identities = Identities::new(Identity::from_pem_file(&path).unwrap());
    let serve = serving(&identities);
    let first = shown(&serve);
    let pair = Pair::new(quiet().0, quiet().0);
    let interval = Duration::from_secs(5);
    let reloading = Reload::new()
        .identities(&identities)
        .every(interval, pair.clock());
    pair.advance(interval);
    assert!(logged().is_empty());

    // Half of it is written: the old one stays, and the log says so once.
    let (chain, key) = AUTHORITY.certify(&["localhost"]);
    let whole = format!("{chain}{key}");
    let mut told = Vec::new();
    for cut in [0, 1, 100, chain.len() - 2, chain.len(), chain.len() + 40] {
        files.put("both.pem", &whole[..cut]);
        for _ in 0..3 {
            pair.advance(interval);
        }
        assert_eq!(shown(&serve), first, "{cut}");
        told.extend(logged());
    }
    assert!((2..=6).contains(&told.len()), "{told:#?}");
    for line in &told {
        assert!(
            line.starts_with("ERROR the certificate for localhost in "),
            "{line}"
        );
        assert!(line.contains("both.pem has changed and cannot be used, so the old one stays: "));
    }

    files.put("both.pem", &whole);
    pair.advance(interval);
    let second = shown(&serve);
    assert_ne!(second, first);
    let told = logged();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(
        told[0].ends_with("both.pem has changed, and is shown from now on"),
        "{told:?}"
    );

    // Put in its place by a new name, and gone for a while.
    let (chain, key) = AUTHORITY.certify(&["localhost"]);
    fs::remove_file(&path).unwrap();
    pair.advance(interval);
    assert_eq!(shown(&serve), second);
    assert!(logged()[0].contains("cannot read"));
    fs::rename(files.put("new.pem", format!("{chain}{key}")), &path).unwrap();
    pair.advance(interval);
    assert_ne!(shown(&serve), second);
    logged();

    reloading.stop();
    fs::remove_file(&path).unwrap();
    pair.advance(interval * 3);
    assert!(logged().is_empty());
    assert_eq!(pair.clock().pending_calls(), 0);
}

#[test]
fn the_chain_and_the_key_change_together() {
    let files = Scratch::new("together");
    let (chain, key) = AUTHORITY.certify(&["localhost"]);
    let paths = [files.put("chain.pem", chain), files.put("key.pem", key)];
    let identity = || Identity::from_pem_files(&paths[0], &paths[1]).unwrap();
    let identities = Identities::new(identity());
    // The same one under another name, and one that came from no file.
    identities.set("localhost", identity());
    identities.set("example.org", AUTHORITY.identity(&["example.org"]));
    let serve = serving(&identities);
    let first = shown(&serve);
    let reload = Reload::new().identities(&identities);

    let (chain, key) = AUTHORITY.certify(&["localhost"]);
    files.put("chain.pem", chain);
    reload.look();
    reload.look();
    assert_eq!(shown(&serve), first);
    let told = logged();
    assert!(
        told[0].contains("does not belong to the certificate"),
        "{told:?}"
    );
    assert_eq!(told.len(), 2, "once for each identity: {told:?}");

    files.put("key.pem", key);
    reload.look();
    assert_ne!(shown(&serve), first);
}

#[test]
fn one_that_is_broken_does_not_hold_up_the_others() {
    let files = Scratch::new("others");
    let identity = |name: &str| {
        let (chain, key) = AUTHORITY.certify(&["localhost"]);
        Identity::from_pem_file(files.put(name, format!("{chain}{key}"))).unwrap()
    };
    let identities = Identities::new(identity("good.pem"));
    identities.set("example.org", identity("bad.pem"));
    let serve = serving(&identities);
    let first = shown(&serve);
    let _ = identity("good.pem");
    files.put("bad.pem", "nothing");
    logged();
    assert!(identities.reload().is_err(), "all or nothing");
    assert_eq!(shown(&serve), first);
    Reload::new().identities(&identities).now();
    assert_ne!(shown(&serve), first);
    let told = logged();
    assert_eq!(told.len(), 2, "{told:?}");
}

#[test]
fn a_response_is_read_again_with_its_certificate() {
    let files = Scratch::new("staple");
    let (chain, key) = AUTHORITY.certify(&["localhost"]);
    let path = files.put("both.pem", format!("{chain}{key}"));
    let response = files.put("response.der", "first");
    let identity = Identity::from_pem_file(&path).unwrap();
    let identities = Identities::new(identity.ocsp_response_file(&response).unwrap());
    let serve = serving(&identities);
    let stapled = || {
        let (a, notes) = quiet();
        let pair = Pair::new(
            TlsTransport::new(client_of(AUTHORITY.roots()), a).as_protocol(),
            TlsTransport::new(serve.clone(), quiet().0).as_protocol(),
        );
        pair.run();
        TlsTransport::of(&notes.transport())
            .unwrap()
            .ocsp_response
            .clone()
    };
    assert_eq!(stapled().as_deref(), Some(&b"first"[..]));
    files.put("response.der", "second");
    Reload::new().identities(&identities).look();
    assert_eq!(stapled().as_deref(), Some(&b"second"[..]));
}

#[test]
fn roots_change_for_a_client_and_its_sessions() {
    let files = Scratch::new("roots");
    let other = Authority::new();
    let path = files.put("ca.pem", &AUTHORITY.pem);
    let roots = TrustRoots::from_pem_file(&path).unwrap();
    let serve = |authority: &Authority| {
        let options = ServerOptions::new(authority.identity(&["localhost"]));
        TlsRole::server(options.build().unwrap())
    };
    let (ours, theirs) = (serve(&AUTHORITY), serve(&other));
    let dial = client_of(roots.clone());
    let reload = Reload::new().roots(&roots);
    assert!(!meet(&dial, &ours).unwrap().0);
    assert!(meet(&dial, &ours).unwrap().0, "resumed");
    assert!(
        meet(&dial, &theirs)
            .unwrap_err()
            .contains("not among our trust roots")
    );

    for broken in ["", "nothing", &other.pem[..200]] {
        files.put("ca.pem", broken);
        reload.look();
        reload.look();
    }
    assert!(meet(&dial, &ours).unwrap().0, "still trusted");
    let told = logged();
    assert_eq!(told.len(), 2, "two kinds of what is wrong: {told:?}");
    assert!(
        told[0].contains("the set of trust roots in ") && told[0].contains("the old one stays")
    );

    files.put("ca.pem", &other.pem);
    reload.look();
    assert!(logged()[0].ends_with("ca.pem has changed, and counts from now on"));
    assert!(meet(&dial, &theirs).is_ok());
    let refused = meet(&dial, &ours).unwrap_err();
    assert!(
        refused.contains("not among our trust roots"),
        "not resumed: {refused}"
    );

    // The same roots, written again, end no session.
    files.put("ca.pem", &other.pem);
    assert!(!roots.reload().unwrap());
    assert!(meet(&dial, &theirs).unwrap().0);

    // What is joined is a set of its own.
    let joined = roots.clone().and(AUTHORITY.roots());
    let dial = client_of(joined.clone());
    assert!(meet(&dial, &ours).is_ok() && meet(&dial, &theirs).is_ok());
    files.put("ca.pem", &AUTHORITY.pem);
    Reload::new().roots(&joined).look();
    assert!(meet(&dial, &ours).is_ok());
    assert!(meet(&dial, &theirs).is_err());
}

/// Shows what it has, and remembers which authorities the server named.
#[derive(Debug)]
struct Hinted {
    certified: Arc<CertifiedKey>,
    hints: Mutex<Vec<usize>>,
}

impl ResolvesClientCert for Hinted {
    fn resolve(&self, hints: &[&[u8]], _: &[SignatureScheme]) -> Option<Arc<CertifiedKey>> {
        self.hints.lock().unwrap().push(hints.len());
        Some(self.certified.clone())
    }

    fn has_certs(&self) -> bool {
        true
    }
}

#[test]
fn roots_change_for_a_server_and_its_sessions() {
    for resumption in [Resumption::Memory(10), Resumption::Tickets] {
        let files = Scratch::new(&format!("clients-{}", resumption == Resumption::Tickets));
        let other = Authority::new();
        let path = files.put("ca.pem", &AUTHORITY.pem);
        let roots = TrustRoots::from_pem_file(&path).unwrap();
        let serve = ServerOptions::new(AUTHORITY.identity(&["localhost"]))
            .client_certificates(ClientCertificates::Required(roots.clone()))
            .resumption(resumption);
        let serve = TlsRole::server(serve.build().unwrap());
        let hinted = |authority: &Authority| {
            let certified = authority.identity(&["a client"]).certified_key();
            let hints = Mutex::default();
            let hinted = Arc::new(Hinted { certified, hints });
            let options = ClientOptions::new(AUTHORITY.roots()).choosing(hinted.clone());
            let role = TlsRole::client(options.build().unwrap(), "localhost").unwrap();
            (role, hinted)
        };
        let ((ours, hints), (theirs, _)) = (hinted(&AUTHORITY), hinted(&other));
        assert!(!meet(&ours, &serve).unwrap().0);
        assert!(meet(&ours, &serve).unwrap().0, "resumed");
        assert!(meet(&theirs, &serve).is_err());

        files.put("ca.pem", format!("{}{}", AUTHORITY.pem, other.pem));
        Reload::new().roots(&roots).look();
        assert!(meet(&theirs, &serve).is_ok());
        assert!(!meet(&ours, &serve).unwrap().0, "under other roots");
        assert!(meet(&ours, &serve).unwrap().0);
        assert_eq!(*hints.hints.lock().unwrap(), [1, 2]);

        files.put("ca.pem", &other.pem);
        Reload::new().roots(&roots).look();
        let refused = meet(&ours, &serve).unwrap_err();
        assert!(refused.contains("not among our trust roots"), "{refused}");
    }
}

#[cfg(unix)]
#[test]
fn what_came_from_a_pipe_is_read_once() {
    let files = Scratch::new("pipe");
    let pipe = files.0.join("both.pem");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status();
    assert!(made.unwrap().success());
    let (chain, key) = AUTHORITY.certify(&["localhost"]);
    let writer = std::thread::spawn({
        let pipe = pipe.clone();
        move || fs::write(pipe, chain + &key).unwrap()
    });
    let identity = Identity::from_pem_file(&pipe).unwrap();
    writer.join().unwrap();
    let identities = Identities::new(identity);
    Reload::new().identities(&identities).look();
    Reload::new().identities(&identities).now();
    assert!(logged().is_empty());
    shown(&serving(&identities));
}

#[test]
fn a_file_without_end_is_no_certificate() {
    let files = Scratch::new("large");
    let path = files.put("large.pem", vec![b'\n'; (16 << 20) + 1]);
    let error = TrustRoots::from_pem_file(&path).unwrap_err();
    assert!(retwist_reactor::error_chain(&error).ends_with("it has more than 16 MiB"));
}
