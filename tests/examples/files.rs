use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A folder with a key and a certificate for localhost, which goes when this is dropped.
pub(crate) struct Files(PathBuf);

impl Files {
    /// The name tells it from those of other tests.
    pub(crate) fn new(name: &str) -> Files {
        let name = format!("retwist-{name}-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&folder).unwrap();
        let mut command = Command::new("openssl");
        command.args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
        ]);
        command.args(["-nodes", "-days", "1", "-subj", "/CN=localhost"]);
        command.args(["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]);
        command.args(["-addext", "basicConstraints=critical,CA:FALSE"]);
        command.args(["-keyout", "key.pem", "-out", "certificate.pem"]);
        command.current_dir(&folder).stderr(Stdio::null());
        assert!(command.status().unwrap().success());
        Files(folder)
    }

    pub(crate) fn path(&self, name: &str) -> String {
        Path::join(&self.0, name).display().to_string()
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
