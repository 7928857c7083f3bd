//! A program at a path of its own, which a new version can replace.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::load::{Load, Plain};
use crate::service::{self, Service};

pub struct Installed {
    path: PathBuf,
    program: PathBuf,
}

impl Installed {
    /// The example `echo`.
    pub fn new(name: &str) -> Self {
        Installed::program(name, service::example("echo"), "ECHO \"$@\"")
    }

    /// Another program, which is called `ECHO` in the script that starts it.
    pub fn program(name: &str, program: PathBuf, script: &str) -> Self {
        let path = service::scratch(name).join("server");
        let installed = Installed { path, program };
        installed.install(Some(script));
        installed
    }

    /// Puts another version there: a script, or echo itself.
    pub fn install(&self, script: Option<&str>) {
        // It is told the path of the script as its own: there the next version is.
        let runs = format!("exec -a \"$0\" {}", self.program.display());
        let script = script.unwrap_or("ECHO \"$@\"").replace("ECHO", &runs);
        let next = self.path.with_extension("next");
        fs::write(&next, format!("#!/bin/bash\n{script}\n")).unwrap();
        fs::set_permissions(&next, fs::Permissions::from_mode(0o755)).unwrap();
        fs::rename(&next, &self.path).unwrap();
    }

    /// The next version is as it should be, and takes over.
    pub fn is_replaced(&self, service: &mut Service) {
        self.install(None);
        let before = service.pid();
        service.restart();
        assert_ne!(service.pid(), before);
    }

    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Runs it under load, and asserts that the load sees nothing of what `happens`.
pub fn under_load(name: &str, happens: impl FnOnce(&Installed, &mut Service)) {
    let installed = Installed::new(name);
    let arguments = ["tcp:0:interface=127.0.0.1"];
    let mut service = Service::start_at(installed.path(), &arguments);
    let mut load = Load::of(Plain(service.address()));
    load.begin(5);
    load.fill(20);
    happens(&installed, &mut service);
    load.let_go();
    load.fill(20);
    load.end().assert_whole();
    service.stop();
}
