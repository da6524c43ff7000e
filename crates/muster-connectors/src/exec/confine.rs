//! The walls around a program: which files it may read and write, which ports it may connect to, which system calls it may make, and no rights
//! that its user has beyond that.
//!
//! They are put around a thread that does nothing but start the program, which inherits them; so they stand before its first instruction, and the
//! runner's other threads have none. A program cannot take them down, nor can what it forks.

mod calls;
mod paths;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::thread;

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, NetPort, Ruleset, RulesetAttr, RulesetCreatedAttr,
    RulesetStatus, Scope, path_beneath_rules,
};
use rustix::thread::{CapabilitySet, CapabilitySets, capabilities, set_capabilities, set_no_new_privs};
use serde::Deserialize;

use super::program::Program;

/// The newest interface of landlock whose walls are built. Of an older kernel's, those that it knows.
const ABI: ABI = ABI::V7;

/// Whether a program is confined.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Confine {
    /// As far as the kernel can.
    #[default]
    Available,
    /// The same, and it is not run where the kernel cannot hold files and system calls, nor ports if it may not connect to all.
    Required,
    /// Not at all: it may do what the runner's user may.
    None,
}

impl Confine {
    /// Its name: `available`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Available => "available",
            Self::Required => "required",
            Self::None => "none",
        }
    }
}

/// What a program's walls let through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cage {
    confine: Confine,
    /// To be read and run.
    reads: Vec<PathBuf>,
    /// To be written too, beside the folder of its run.
    writes: Vec<PathBuf>,
}

/// Which walls this kernel can build.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// Files: landlock.
    pub files: bool,
    /// Ports of TCP: landlock since Linux 6.7.
    pub ports: bool,
    /// Signals to processes outside, and their abstract sockets: landlock since Linux 6.12.
    pub signals: bool,
    /// System calls: seccomp.
    pub calls: bool,
}

impl Held {
    /// Whether there is nothing that it cannot.
    #[must_use]
    pub fn is_whole(self) -> bool {
        self.missing().is_empty()
    }

    fn missing(self) -> Vec<&'static str> {
        let all = [
            (self.files, "files (landlock)"),
            (self.ports, "ports (landlock, Linux 6.7)"),
            (self.signals, "signals (landlock, Linux 6.12)"),
            (self.calls, "system calls (seccomp)"),
        ];
        all.into_iter()
            .filter(|(held, _)| !held)
            .map(|(_, what)| what)
            .collect()
    }
}

impl fmt::Display for Held {
    /// What is not held: `files (landlock), ports (landlock, Linux 6.7)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.missing().join(", "))
    }
}

/// Which walls this kernel can build. They are tried once, around a thread that ends at once.
#[must_use]
pub fn held() -> Held {
    static HELD: OnceLock<Held> = OnceLock::new();
    let try_all = || {
        let tried = thread::Builder::new().name("walls".to_owned()).spawn(|| Held {
            files: is_enforced(|ruleset| ruleset.handle_access(AccessFs::from_all(ABI::V1))),
            ports: is_enforced(|ruleset| ruleset.handle_access(AccessNet::from_all(ABI::V4))),
            signals: is_enforced(|ruleset| ruleset.scope(Scope::from_all(ABI::V6))),
            calls: calls::deny().is_ok(),
        });
        let none = Held {
            files: false,
            ports: false,
            signals: false,
            calls: false,
        };
        tried.ok().and_then(|thread| thread.join().ok()).unwrap_or(none)
    };
    *HELD.get_or_init(try_all)
}

/// Whether the kernel enforces all of this on the calling thread.
fn is_enforced(handle: impl FnOnce(Ruleset) -> Result<Ruleset, landlock::RulesetError>) -> bool {
    let ruleset = Ruleset::default().set_compatibility(CompatLevel::BestEffort);
    let status = handle(ruleset)
        .and_then(Ruleset::create)
        .and_then(|created| created.restrict_self());
    status.is_ok_and(|status| status.ruleset == RulesetStatus::FullyEnforced)
}

impl Cage {
    /// The walls of a program that has this environment.
    pub(super) fn new(program: &Program, environment: &BTreeMap<OsString, OsString>) -> Self {
        Self {
            confine: program.confine,
            reads: paths::readable(program, environment),
            writes: program.write_paths.clone(),
        }
    }

    /// Whether there are any walls.
    pub(super) fn is_closed(&self) -> bool {
        self.confine != Confine::None
    }

    /// Starts a program by `spawn`, inside of these walls; it may write into `folder` and connect to these ports of TCP, `None` to all.
    pub(super) fn start<T: Send>(
        &self,
        folder: &Path,
        ports: Option<&[u16]>,
        spawn: impl FnOnce() -> io::Result<T> + Send,
    ) -> io::Result<T> {
        if !self.is_closed() {
            return spawn();
        }
        let held = held();
        let needs_ports = ports.is_some_and(|ports| !ports.is_empty());
        let is_enough = held.files && held.calls && (held.ports || !needs_ports);
        if self.confine == Confine::Required && !is_enough {
            return Err(io::Error::other(format!(
                "`confine` is `required`, and this machine's kernel cannot hold {held}"
            )));
        }
        thread::scope(|scope| {
            let starting = thread::Builder::new()
                .name("walls".to_owned())
                .spawn_scoped(scope, || {
                    self.close(folder, ports)?;
                    spawn()
                })?;
            starting
                .join()
                .unwrap_or_else(|_| Err(io::Error::other("the thread that was to start it has panicked")))
        })
    }

    /// Puts the walls around the calling thread, as far as the kernel can.
    fn close(&self, folder: &Path, ports: Option<&[u16]>) -> io::Result<()> {
        let held = held();
        set_no_new_privs(true)?;
        // Those of root, and those that a service manager has given to the runner. Nothing regains them, without new privileges.
        let own = capabilities(None)?;
        if !(own.permitted | own.inheritable).is_empty() {
            let none = CapabilitySet::empty();
            let sets = CapabilitySets {
                effective: none,
                permitted: none,
                inheritable: none,
            };
            set_capabilities(None, sets)?;
        }
        if held.files {
            self.restrict(folder, ports).map_err(io::Error::other)?;
        }
        if held.calls {
            calls::deny().map_err(io::Error::other)?;
        }
        Ok(())
    }

    fn restrict(&self, folder: &Path, ports: Option<&[u16]>) -> Result<(), landlock::RulesetError> {
        // A connector waits for nobody: it opens no port.
        let net = match ports {
            Some(_) => AccessNet::BindTcp | AccessNet::ConnectTcp,
            None => AccessNet::BindTcp.into(),
        };
        let devices = AccessFs::from_file(ABI);
        let mut walls = Ruleset::default()
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(AccessFs::from_all(ABI))?
            .handle_access(net)?
            .scope(Scope::from_all(ABI))?
            .create()?
            .add_rules(path_beneath_rules(paths::SYSTEM, AccessFs::from_read(ABI)))?
            .add_rules(path_beneath_rules(&self.reads, AccessFs::from_read(ABI)))?
            .add_rules(path_beneath_rules(paths::DEVICES, devices))?
            .add_rules(path_beneath_rules(&self.writes, AccessFs::from_all(ABI)))?
            .add_rules(path_beneath_rules([folder], AccessFs::from_all(ABI)))?;
        for port in ports.unwrap_or_default() {
            walls = walls.add_rule(NetPort::new(*port, AccessNet::ConnectTcp))?;
        }
        walls.restrict_self()?;
        Ok(())
    }
}
