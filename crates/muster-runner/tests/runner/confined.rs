//! What the real binary lets a real program do: each thing is first done by a program without walls, so that it is known to be possible, and is
//! then tried by the same program as runners run it. As root, and as nobody.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use muster_connectors::exec::held;
use muster_core::decide::Work;
use muster_core::words::SessionId;
use muster_proto::v1;
use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::coordinator::{Coordinator, LIMIT, Session};
use crate::harness::work;

const PROBE: &str = include_str!("probe.py");

/// Nobody's id, where root runs the tests.
const NOBODY: u32 = 65_534;

/// A runner whose programs try things.
struct Scene {
    folder: TempDir,
    session: Session,
    offered: Vec<String>,
    _coordinator: Coordinator,
    runner: Child,
    works: u128,
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = self.runner.kill();
        let _ = self.runner.wait();
        if std::thread::panicking() {
            eprintln!(
                "{}",
                fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
            );
        }
    }
}

fn is_root() -> bool {
    fs::metadata("/proc/self").is_ok_and(|own| own.uid() == 0)
}

/// Whose runners there are to be.
fn users() -> Vec<Option<u32>> {
    if is_root() {
        vec![None, Some(NOBODY)]
    } else {
        vec![None]
    }
}

impl Scene {
    /// The programs `free` (which nothing confines) and `held` (as by default), and more of the configuration.
    async fn start(user: Option<u32>, more: impl FnOnce(&Path) -> String) -> Self {
        Self::start_by(user, more, Command::spawn).await
    }

    async fn start_by(
        user: Option<u32>,
        more: impl FnOnce(&Path) -> String,
        spawn: impl FnOnce(&mut Command) -> std::io::Result<Child>,
    ) -> Self {
        let mut coordinator = Coordinator::start().await;
        let folder = tempfile::tempdir().expect("a folder");
        let program = folder.path().join("program/probe.py");
        fs::create_dir(folder.path().join("program")).expect("made");
        fs::write(&program, PROBE).expect("written");
        // In a folder beside the runner's own, as a file of somebody else on the machine.
        fs::create_dir(folder.path().join("others")).expect("made");
        fs::write(folder.path().join("others/shadow"), "secret").expect("written");
        fs::create_dir(folder.path().join("data")).expect("made");
        let python = python();
        let table = |name: &str, rest: &str| {
            format!("[exec.{name}]\nprogram = {python:?}\narguments = [\"-I\", {program:?}]\n{rest}\n")
        };
        let config = format!(
            "{}\n{}{}",
            more(folder.path()),
            table("free", "confine = \"none\""),
            table("held", "memory_mib_max = 64\nprocesses_max = 20")
        );
        // What stands outside of all tables must come first.
        fs::write(folder.path().join("runner.toml"), config).expect("written");
        let mut command = match user {
            Some(user) => {
                give(folder.path(), user);
                let mut command = Command::new("setpriv");
                command.args([format!("--reuid={user}"), format!("--regid={user}")]);
                command
                    .args(["--clear-groups", "--"])
                    .arg(env!("CARGO_BIN_EXE_muster-runner"));
                command
            }
            None => Command::new(env!("CARGO_BIN_EXE_muster-runner")),
        };
        command
            .env_clear()
            .env("PATH", "/usr/bin:/bin")
            .env("MUSTER_SECRET_TOKEN", "hunter2")
            .stdin(Stdio::null());
        command
            .arg("--coordinator")
            .arg(format!("http://{}", coordinator.address));
        command.arg("--data-folder").arg(folder.path().join("data"));
        command.arg("--config").arg(folder.path().join("runner.toml"));
        command.stderr(fs::File::create(folder.path().join("log")).expect("made"));
        let runner = spawn(&mut command).expect("started");
        let (session, hello) = coordinator.welcome(SessionId(1)).await;
        Self {
            folder,
            session,
            offered: hello.connectors.into_iter().map(|one| one.connector).collect(),
            _coordinator: coordinator,
            runner,
            works: 0,
        }
    }

    fn at(&self, path: &str) -> PathBuf {
        self.folder.path().join(path)
    }

    async fn begin(&mut self, connector: &str, config: &Value) -> Work {
        self.works += 1;
        let work = work(self.works);
        self.session.assign_to(connector, "device", work, config.clone()).await;
        work
    }

    async fn can(&mut self, connector: &str, config: Value) -> v1::Completed {
        let work = self.begin(connector, &config).await;
        self.session.completed(work).await
    }

    async fn cannot(&mut self, connector: &str, config: Value) -> v1::Failure {
        let work = self.begin(connector, &config).await;
        self.session.failed(work).await
    }

    /// The program without walls can do it, and the one within is told this.
    async fn is_held(&mut self, config: Value, told: &str) {
        self.can("free", config.clone()).await;
        let failure = self.cannot("held", config.clone()).await;
        assert_eq!(failure.message, told, "{config}");
    }
}

/// The interpreter that is the system's own: nobody's home is open to nobody.
fn python() -> PathBuf {
    let found = ["/usr/bin/python3", "/usr/local/bin/python3"].map(PathBuf::from);
    found
        .into_iter()
        .find(|path| path.exists())
        .expect("these tests need Python 3")
}

/// Gives a folder, and all that is in it, to somebody.
fn give(folder: &Path, user: u32) {
    chown(folder, Some(user), Some(user)).expect("given");
    for entry in fs::read_dir(folder).expect("listed").flatten() {
        match entry.path() {
            path if path.is_dir() => give(&path, user),
            path => chown(path, Some(user), Some(user)).expect("given"),
        }
    }
}

/// Whether the kernel holds what a test needs; says so if not, since the test then shows nothing.
fn holds(what: bool, name: &str) -> bool {
    if !what {
        eprintln!("skipped: no {name}");
    }
    what
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_reads_and_writes_what_is_its_own_and_nothing_else() {
    if !holds(held().files, "landlock") {
        return;
    }
    for user in users() {
        let mut scene = Scene::start(user, |_| String::new()).await;
        let (shadow, others) = (scene.at("others/shadow"), scene.at("others"));
        scene
            .is_held(json!({"do": "read", "path": shadow}), "read: Permission denied")
            .await;
        scene
            .is_held(json!({"do": "list", "path": others}), "list: Permission denied")
            .await;
        scene
            .is_held(json!({"do": "list", "path": "/"}), "list: Permission denied")
            .await;
        for place in ["others/mine", "data/mine", "program/mine"] {
            let path = scene.at(place);
            scene
                .is_held(json!({"do": "write", "path": path}), "write: Permission denied")
                .await;
            fs::remove_file(path).expect("the free one has written it");
        }
        let link = scene.at("program/link");
        std::os::unix::fs::symlink(&shadow, &link).expect("linked");
        scene
            .is_held(json!({"do": "read", "path": link}), "read: Permission denied")
            .await;
        scene
            .is_held(json!({"do": "read environment"}), "read environment: Permission denied")
            .await;

        let program = scene.at("program/probe.py");
        scene.can("held", json!({"do": "read", "path": program})).await;
        scene.can("held", json!({"do": "read", "path": "/etc/hosts"})).await;
        for _ in 0..2 {
            scene.can("held", json!({"do": "write own"})).await;
            scene.can("free", json!({"do": "write own"})).await;
        }
        assert_eq!(fs::read_dir(scene.at("data/runs")).expect("listed").count(), 0);
        let runs = fs::metadata(scene.at("data/runs")).expect("there");
        assert_eq!(runs.permissions().mode() & 0o777, 0o700);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_reads_and_writes_what_its_table_adds() {
    for user in users() {
        let table = |folder: &Path| {
            let (python, program, others) = (python(), folder.join("program/probe.py"), folder.join("others"));
            format!(
                "[exec.wide]\nprogram = {python:?}\narguments = [\"-I\", {program:?}]\nread_paths = [{:?}]\n\
                 [exec.writer]\nprogram = {python:?}\narguments = [\"-I\", {program:?}]\nwrite_paths = [{others:?}]\n",
                folder.join("others/shadow")
            )
        };
        let mut scene = Scene::start(user, table).await;
        let (shadow, mine) = (scene.at("others/shadow"), scene.at("others/mine"));
        scene.can("wide", json!({"do": "read", "path": shadow})).await;
        scene.can("writer", json!({"do": "write", "path": mine})).await;
        if holds(held().files, "landlock") {
            scene.cannot("wide", json!({"do": "write", "path": mine})).await;
            scene.cannot("wide", json!({"do": "read", "path": mine})).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_has_no_privileges_and_cannot_ask_for_other_views() {
    for user in users() {
        let mut scene = Scene::start(user, |_| String::new()).await;
        scene.can("held", json!({"do": "thread"})).await;
        if holds(held().calls, "seccomp") {
            scene
                .is_held(json!({"do": "ptrace"}), "ptrace: Operation not permitted")
                .await;
            scene
                .is_held(json!({"do": "keyctl"}), "keyctl: Operation not permitted")
                .await;
            if user.is_none() && is_root() {
                // Others may not do these anyway, on many machines.
                scene
                    .is_held(json!({"do": "unshare"}), "unshare: Operation not permitted")
                    .await;
                scene
                    .is_held(json!({"do": "clone"}), "clone: Operation not permitted")
                    .await;
            }
        }
        if user.is_none() && is_root() {
            scene
                .is_held(
                    json!({"do": "privileges"}),
                    "privileges: no privileges, and none to come",
                )
                .await;
        }
        if holds(held().signals, "signals by landlock") {
            scene
                .is_held(json!({"do": "signal"}), "signal: Operation not permitted")
                .await;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_connects_to_the_ports_that_its_connector_may_reach() {
    if !holds(held().ports, "ports by landlock") {
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let other = TcpListener::bind("127.0.0.1:0").expect("a port");
    let (port, other_port) = (
        listener.local_addr().expect("one").port(),
        other.local_addr().expect("one").port(),
    );
    for user in users() {
        let table = |_: &Path| format!("[connector.held]\nallow = [\"127.0.0.1:{port}\"]\n");
        let mut scene = Scene::start(user, table).await;
        let connect = |port| json!({"do": "connect", "host": "127.0.0.1", "port": port});
        scene.can("held", connect(port)).await;
        scene.is_held(connect(other_port), "connect: Permission denied").await;
        scene.is_held(json!({"do": "bind"}), "bind: Permission denied").await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_program_that_takes_too_much_gets_no_more() {
    for user in users() {
        let more = "[connector.held]\nrecords_max = 50\n[connector.free]\nbytes_max = 50000\n";
        let mut scene = Scene::start(user, |_| more.to_owned()).await;
        let memory = json!({"do": "memory", "bytes": 200_000_000});
        scene.is_held(memory, "memory: no memory").await;
        if user.is_some() || !is_root() {
            let fork = json!({"do": "fork", "count": 60});
            scene.is_held(fork, "fork: Resource temporarily unavailable").await;
        }
        let records = |count: u32| json!({"do": "record", "count": count});
        scene.can("held", records(50)).await;
        scene.can("free", records(51)).await;
        let failure = scene.cannot("held", records(51)).await;
        assert_eq!(failure.category(), v1::ErrorCategory::Configuration);
        assert_eq!(
            failure.message,
            "the source has more than 50 records (`records_max`), which is the most that this runner's own configuration lets the \
             connector collect"
        );
        let failure = scene.cannot("free", records(1_000)).await;
        assert!(
            failure.message.contains("more than 50000 bytes (`bytes_max`)"),
            "{failure:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_coordinator_sends_beyond_the_local_rules_is_refused_with_the_rule() {
    let more = "deny = [\"10.0.0.0/8\"]\n[connector.free]\nallow = [\"127.0.0.1:443\", \"*.crm.example:443\"]\n";
    let mut scene = Scene::start(None, |_| more.to_owned()).await;
    let file = scene.at("runner.toml");
    let configured = |place: &str| format!("{}:{place}", file.display());
    let list = |field: &str, value: &str| json!({"do": "list", "path": "/", field: value});
    scene.can("free", list("url", "https://127.0.0.1/v2")).await;
    for (connector, field, value, told) in [
        (
            "held",
            "url",
            "http://169.254.169.254/latest/meta-data",
            "/url: the connector `held` may not reach 169.254.169.254:80: link-local addresses, and with them the metadata of clouds, are \
             reached only if `allow` of `[connector.held]` in the runner's own configuration names the address"
                .to_owned(),
        ),
        (
            "held",
            "url",
            "http://2130706433:7443",
            "/url: the connector `held` may not reach 127.0.0.1:7443: loopback addresses are reached only if `allow` of \
             `[connector.held]` in the runner's own configuration names the address"
                .to_owned(),
        ),
        (
            "held",
            "server",
            "localhost:7443",
            "/server: the connector `held` may not reach localhost:7443: loopback addresses are reached only if `allow` of \
             `[connector.held]` in the runner's own configuration names the address"
                .to_owned(),
        ),
        (
            "held",
            "server",
            "10.1.2.3:22",
            format!(
                "/server: the connector `held` may not reach 10.1.2.3:22: the runner's own configuration denies `10.0.0.0/8` (`deny`, {})",
                configured("1:8")
            ),
        ),
        (
            "free",
            "url",
            "https://192.0.2.7",
            format!(
                "/url: the connector `free` may not reach 192.0.2.7:443: it is not among what `allow` of `[connector.free]` in the \
                 runner's own configuration names ({})",
                configured("3:9")
            ),
        ),
        (
            "free",
            "url",
            "https://127.0.0.1:444",
            "/url: the connector `free` may not reach 127.0.0.1:444: loopback addresses are reached only if `allow` of \
             `[connector.free]` in the runner's own configuration names the address"
                .to_owned(),
        ),
    ] {
        let failure = scene.cannot(connector, list(field, value)).await;
        assert_eq!(failure.category(), v1::ErrorCategory::Permission, "{failure:?}");
        assert_eq!(failure.message, told);
        assert!(failure.remedy.contains("restart the runner"), "{failure:?}");
    }
    // A check is held to the same.
    let metadata = list("url", "http://169.254.169.254/");
    scene.session.check_by("held", 1, LIMIT, metadata).await;
    let (_, failure) = scene.session.checked().await;
    assert!(
        failure
            .expect("refused")
            .message
            .starts_with("/url: the connector `held` may not reach 169.254.169.254:80")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_command_of_the_runners_own_prints_a_secret_for_a_program() {
    let more = "[secret_command.vault]\nprogram = \"/bin/echo\"\narguments = [\"hunter2\"]\n";
    let mut scene = Scene::start(None, |_| more.to_owned()).await;
    scene
        .can("held", json!({"do": "use token", "token": "exec:vault"}))
        .await;
    let failure = scene
        .cannot("held", json!({"do": "use token", "token": "exec:/bin/cat"}))
        .await;
    assert_eq!(failure.category(), v1::ErrorCategory::Configuration);
    assert_eq!(
        failure.message,
        "/token: refers to the command `/bin/cat`, which the runner does not have: `[secret_command./bin/cat]` of its own configuration \
         names one"
    );
}

/// Starts a command as on a kernel that has no landlock.
fn without_landlock(command: &mut Command) -> std::io::Result<Child> {
    let calls = [444, 445, 446].map(|call| (call, Vec::new()));
    let (allow, missing) = (SeccompAction::Allow, SeccompAction::Errno(38));
    let machine = std::env::consts::ARCH.try_into().expect("a machine that it knows");
    let filter = SeccompFilter::new(calls.into(), allow, missing, machine).expect("a filter");
    let filter = BpfProgram::try_from(filter).expect("a filter");
    std::thread::scope(|scope| {
        let starting = scope.spawn(|| {
            seccompiler::apply_filter(&filter).expect("applied");
            command.spawn()
        });
        starting.join().expect("started")
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_landlock_a_program_runs_with_a_warning_and_one_that_requires_it_does_not() {
    if !holds(held().calls, "seccomp, by which this test hides landlock") {
        return;
    }
    let table = |folder: &Path| {
        let (python, program) = (python(), folder.join("program/probe.py"));
        format!("[exec.strict]\nprogram = {python:?}\narguments = [\"-I\", {program:?}]\nconfine = \"required\"\n")
    };
    let whole = Scene::start(None, table).await;
    assert_eq!(
        whole.offered.contains(&"strict".to_owned()),
        held().files && held().calls,
        "{:?}",
        whole.offered
    );

    let mut scene = Scene::start_by(None, table, without_landlock).await;
    assert!(!scene.offered.contains(&"strict".to_owned()), "{:?}", scene.offered);
    let shadow = scene.at("others/shadow");
    scene.can("held", json!({"do": "read", "path": shadow})).await;
    // The other walls stand.
    scene.cannot("held", json!({"do": "ptrace"})).await;
    let log = fs::read_to_string(scene.at("log")).expect("read");
    let lacks = "files (landlock), ports (landlock, Linux 6.7), signals (landlock, Linux 6.12)";
    let warning = format!("\"missing\":\"{lacks}\"");
    assert!(log.contains(&warning), "{log}");
    assert!(
        log.contains(&format!(
            "`confine` is `required`, and this machine's kernel cannot hold {lacks}"
        )),
        "{log}"
    );
}
