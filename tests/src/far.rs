//! A network of a runner's own, whose packets can be lost without a word: no connection is closed by that, and nobody is told.

use std::io::Read as _;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use crate::process::run_by;

/// Whose packets are lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// Nobody's.
    Nobodys,
    /// The runner's.
    Runners,
    /// The coordinator's.
    Coordinators,
    /// All.
    Everybodys,
}

/// A network namespace with a link to the coordinator's. It goes with the process that holds it, and the link with it.
#[derive(Debug)]
pub struct FarNetwork {
    holder: Child,
    /// Names the link, and is a part of its addresses.
    number: u8,
}

/// The hardware's address of each end of the link, and one that nobody has: what is sent there is taken by nobody, and its sender does not hear of it.
const HERE: &str = "02:00:00:00:00:01";
const THERE: &str = "02:00:00:00:00:02";
const NOWHERE: &str = "02:00:00:00:00:03";

impl FarNetwork {
    /// A network in which `coordinator`, which listens on the loopback, is at the same address; `None` where this process may not make one, or there is no
    /// `ip`.
    ///
    /// # Panics
    /// When one may be made, and cannot be set up.
    #[must_use]
    pub fn make(coordinator: SocketAddr) -> Option<Self> {
        let mut holder = Command::new("unshare")
            .args(["--net", "sh", "-c", "echo made && exec sleep infinity"])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .ok()?;
        let mut said = [0; 4];
        let is_made = holder.stdout.take()?.read_exact(&mut said).is_ok();
        let mut network = Self { holder, number: 0 };
        if !is_made {
            return None;
        }
        let pid = network.holder.id().to_string();
        // Another one may have the number, of another test.
        network.number = std::iter::repeat_with(|| fastrand::u8(..)).take(20).find(|number| {
            let mut add = Command::new("ip");
            add.args(["link", "add", &device(*number), "address", HERE, "type", "veth"]);
            add.args(["peer", "name", "coordinator", "address", THERE, "netns", &pid]);
            add.output().is_ok_and(|added| added.status.success())
        })?;
        let (link, here, there) = (device(network.number), network.address(1), network.address(2));
        for (namespace, device, own) in [(false, link.as_str(), &here), (true, "coordinator", &there)] {
            network.ip(namespace, &["address", "add", &format!("{own}/30"), "dev", device]);
            network.ip(namespace, &["link", "set", device, "up"]);
            // A packet from or to the loopback is else dropped where it does not come from there.
            let setting = format!("net.ipv4.conf.{device}.route_localnet=1");
            network.run(namespace, "sysctl", &["-qw", &setting]);
        }
        let coordinator = coordinator.ip().to_string();
        let route = [
            "route",
            "add",
            &coordinator,
            "via",
            &here,
            "dev",
            "coordinator",
            "src",
            &there,
        ];
        network.ip(true, &route);
        network.lose(Lost::Nobodys);
        Some(network)
    }

    /// Has these packets be lost from now on, and no others.
    ///
    /// # Panics
    /// When the system refuses.
    pub fn lose(&self, lost: Lost) {
        let (to_coordinator, to_runner) = match lost {
            Lost::Nobodys => (HERE, THERE),
            Lost::Runners => (NOWHERE, THERE),
            Lost::Coordinators => (HERE, NOWHERE),
            Lost::Everybodys => (NOWHERE, NOWHERE),
        };
        let link = device(self.number);
        for (namespace, device, other, at) in [
            (false, link.as_str(), self.address(2), to_runner),
            (true, "coordinator", self.address(1), to_coordinator),
        ] {
            self.ip(
                namespace,
                &[
                    "neigh",
                    "replace",
                    &other,
                    "lladdr",
                    at,
                    "dev",
                    device,
                    "nud",
                    "permanent",
                ],
            );
        }
    }

    /// The same command in this network.
    #[must_use]
    pub fn command(&self, inner: &Command) -> Command {
        let mut command = Command::new("nsenter");
        command.args(["--net", "--target", &self.holder.id().to_string()]);
        run_by(command, inner)
    }

    /// Of a network that is meant for tests.
    fn address(&self, end: u8) -> String {
        format!("198.18.{}.{end}", self.number)
    }

    fn ip(&self, in_namespace: bool, arguments: &[&str]) {
        self.run(in_namespace, "ip", arguments);
    }

    fn run(&self, in_namespace: bool, program: &str, arguments: &[&str]) {
        let mut command = Command::new(program);
        command.args(arguments);
        if in_namespace {
            command = self.command(&command);
        }
        let output = command.output().expect("it is there");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{command:?}: {said}");
    }
}

fn device(number: u8) -> String {
    format!("muster-{number}")
}

impl Drop for FarNetwork {
    fn drop(&mut self) {
        let _ = self.holder.kill();
        let _ = self.holder.wait();
    }
}
