//! What stands in `deploy/`, as far as a machine without a container engine and without systemd can try it.

use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;
use std::process::Command;

use muster_tests::foreign::{answers, repository, run};
use muster_tests::{Binary, LIMIT, Process, free_address};

/// The user of the images: nobody in particular.
const USER: u32 = 65532;

#[test]
fn every_example_is_a_configuration_that_its_binary_takes() {
    let examples = std::fs::read_dir(repository().join("deploy/examples")).expect("they are there");
    let mut seen = 0;
    for example in examples {
        let example = example.expect("a folder can be listed").path();
        let name = example.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let binary = if name.starts_with("coordinator") {
            Binary::Coordinator
        } else {
            Binary::Runner
        };
        let mut check = binary.command();
        check
            .arg("--config")
            .arg(&example)
            .arg("--check-config")
            .env("HOME", "/nonexistent");
        let said = run(&mut check);
        assert!(said.contains("the configuration is good"), "{name}: {said}");
        seen += 1;
    }
    assert!(seen >= 3, "only {seen} examples");
}

#[test]
fn the_units_are_units() {
    for (unit, instance) in [
        ("muster-coordinator.service", "muster-coordinator.service"),
        ("muster-runner@.service", "muster-runner@hq.service"),
        ("muster-backup.service", "muster-backup.service"),
        ("muster-backup.timer", "muster-backup.timer"),
    ] {
        verify(unit, instance);
    }
}

/// Has systemd judge a unit, by the name of one instance of it.
pub(crate) fn verify(unit: &str, instance: &str) {
    if !answers(Command::new("systemd-analyze").arg("--version")) {
        eprintln!("SKIPPED: systemd-analyze is missing: apt-get install systemd");
        return;
    }
    // A system with our programs in it, and with what the units refer to.
    let root = tempfile::tempdir().expect("a folder");
    let root = root.path();
    let units = root.join("etc/systemd/system");
    let programs = root.join("usr/local/bin");
    for folder in [&units, &programs] {
        std::fs::create_dir_all(folder).expect("it can be made");
    }
    for binary in [Binary::Coordinator, Binary::Runner] {
        std::os::unix::fs::symlink("/bin/true", programs.join(binary.name())).expect("it can be made");
    }
    let bin = root.join("bin");
    std::fs::create_dir_all(&bin).expect("it can be made");
    for program in ["true", "sh", "mkdir"] {
        std::fs::copy("/bin/true", bin.join(program)).expect("it can be copied");
    }
    for target in [
        "multi-user",
        "network",
        "network-online",
        "sysinit",
        "basic",
        "shutdown",
    ] {
        std::fs::write(
            units.join(format!("{target}.target")),
            "[Unit]\nDefaultDependencies=no\n",
        )
        .expect("written");
    }
    let ours = repository().join("deploy/systemd");
    // A timer is judged with what it starts.
    for other in ["muster-coordinator.service", "muster-backup.service"] {
        std::fs::copy(ours.join(other), units.join(other)).expect("it can be copied");
    }
    std::fs::copy(ours.join(unit), units.join(instance)).expect("it can be copied");
    let mut verify = Command::new("systemd-analyze");
    verify
        .arg("verify")
        .arg(format!("--root={}", root.display()))
        .arg(instance);
    let output = verify.output().expect("it was there just now");
    let said = String::from_utf8_lossy(&output.stderr);
    // It complains of a key or a value that it does not know, and goes on.
    let complaints: Vec<&str> = said.lines().filter(|line| line.contains("muster")).collect();
    assert!(output.status.success() && complaints.is_empty(), "{unit}: {said}");
}

/// The tree of the image is mounted read-only, with one folder that can be written to, and entered as the image's user.
const ENTER: &str = r#"
set -eu
mount --bind "$1" "$1"
mount --options remount,bind,ro "$1"
mount --bind "$2" "$1/var/lib/muster"
exec chroot --userspec=65532:65532 "$1" /usr/local/bin/muster-coordinator --data /var/lib/muster --listen "$3" --http-listen 127.0.0.1:0 --ca-key-encryption env:MUSTER_CA_KEY
"#;

#[tokio::test]
async fn an_image_holds_what_its_programs_need_and_lets_them_write_to_one_folder() {
    if !answers(Command::new("unshare").args(["--mount", "true"])) {
        eprintln!("SKIPPED: this user may not mount anything, not even for itself");
        return;
    }
    let folder = tempfile::tempdir().expect("a folder");
    let (tree, data) = (folder.path().join("tree"), folder.path().join("data"));
    let mut assemble = Command::new(repository().join("deploy/container/assemble"));
    assemble
        .arg(&tree)
        .args([Binary::Coordinator.path(), Binary::Cli.path()]);
    run(&mut assemble);
    std::fs::create_dir_all(tree.join("var/lib/muster")).expect("it can be made");
    std::fs::create_dir(&data).expect("it can be made");
    chown(&data, Some(USER), Some(USER)).expect("root may give things away");
    std::fs::set_permissions(&data, PermissionsExt::from_mode(0o700)).expect("it is ours");

    let address = free_address().to_string();
    let mut enter = Command::new("unshare");
    enter
        .args(["--mount", "bash", "-c", ENTER, "enter"])
        .args([&tree, &data])
        .arg(&address)
        .env_remove("MUSTER_BINARIES_BUILT")
        .env("MUSTER_CA_KEY", "5a".repeat(32));
    let mut coordinator = Process::start(enter, &folder.path().join("coordinator.log"));
    coordinator.until_logged("the coordinator is ready", LIMIT).await;
    let healthy = run(&mut health(&tree, &address, coordinator.pid()));
    assert!(healthy.contains("serves"), "{healthy}");
    let status = coordinator.terminate(LIMIT).await;
    assert!(status.success(), "{status}");
    assert!(data.join("store").is_dir(), "it has written elsewhere");
}

/// The health check of the image, in its tree as the process sees it that runs there.
fn health(tree: &Path, address: &str, pid: u32) -> Command {
    let containerfile = repository().join("deploy/container/Containerfile");
    let containerfile = std::fs::read_to_string(containerfile).expect("it is there");
    let checked = containerfile.contains(r#"CMD ["muster-coordinator", "ready"]"#);
    assert!(checked, "the health check is another one by now");
    let mut command = Command::new("nsenter");
    command
        .arg(format!("--mount=/proc/{pid}/ns/mnt"))
        .args(["chroot", "--userspec=65532:65532"])
        .arg(tree)
        .args(["/usr/local/bin/muster-coordinator", "ready"]);
    command
        .env_clear()
        .env("MUSTER_LISTEN", address)
        .env("MUSTER_DATA", "/var/lib/muster");
    command.env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
    command
}

/// The command of a line of a unit, with what the unit and its files of variables give it.
pub(crate) fn of_unit(unit: &str, key: &str) -> Command {
    let unit = std::fs::read_to_string(repository().join("deploy/systemd").join(unit)).expect("it is there");
    let line = unit.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    let mut words = line.expect("the unit has such a line").split_whitespace();
    let program = words.next().and_then(|program| program.strip_prefix("/usr/local/bin/"));
    let mut command = match program {
        Some("muster-coordinator") => Binary::Coordinator.command(),
        Some("muster-runner") => Binary::Runner.command(),
        other => panic!("{other:?} is none of our programs"),
    };
    // The folder is given by its variable, too.
    command.args(words.take_while(|word| *word != "--data"));
    command
}

/// As the units start them, with the example configurations; only ports and folders are of the test.
#[tokio::test]
async fn the_examples_speak_tls_and_a_unit_enrolls_its_runner_before_the_first_start() {
    let folder = tempfile::tempdir().expect("a folder");
    let place = |name: &str| folder.path().join(name);
    let example = |name: &str| repository().join("deploy/examples").join(name);
    let address = free_address();
    let mut coordinator = of_unit("muster-coordinator.service", "ExecStart");
    coordinator.env("MUSTER_CONFIG", example("coordinator.toml"));
    coordinator.env("MUSTER_CA_KEY", "5a".repeat(32));
    coordinator.env("MUSTER_DATA", place("data"));
    coordinator.env("MUSTER_LISTEN", format!("0.0.0.0:{}", address.port()));
    coordinator.env("MUSTER_HTTP_LISTEN", "127.0.0.1:0");
    let mut coordinator = Process::start(coordinator, &place("coordinator.log"));
    coordinator.until_logged("the coordinator is ready", LIMIT).await;
    assert!(!place("data.ca-key").exists(), "the key lies beside what it opens");

    let url = format!("https://localhost:{}", address.port());
    let mut muster = Binary::Cli.command();
    let token = std::fs::read_to_string(place("data/bootstrap-token")).expect("it was made");
    muster.env("MUSTER_TOKEN", token.trim());
    muster.args(["--server", &url, "--ca-file"]).arg(place("data/ca.pem"));
    muster.args(["runner", "enroll-token", "create", "--pool", "hosted"]);
    let created = muster.output().expect("it can be run");
    let token = String::from_utf8_lossy(&created.stdout).trim().to_owned();
    let unit = |key: &str| {
        let mut command = of_unit("muster-runner@.service", key);
        command.env("MUSTER_CONFIG", example("runner-hosted.toml"));
        command
            .env("STATE_DIRECTORY", place("runner"))
            .env("MUSTER_COORDINATOR", &url);
        command
    };
    // Without a token it says what is missing, and does not start.
    let refused = unit("ExecStartPre").output().expect("it can be run");
    assert!(
        String::from_utf8_lossy(&refused.stderr).contains("MUSTER_ENROLL_TOKEN"),
        "{refused:?}"
    );
    let enrolled = run(unit("ExecStartPre").env("MUSTER_ENROLL_TOKEN", &token));
    assert!(
        enrolled.contains("for the pool `hosted` of the service itself"),
        "{enrolled}"
    );
    // The next starts: the token is used, and may be gone.
    run(unit("ExecStartPre").env("MUSTER_ENROLL_TOKEN", &token));
    run(&mut unit("ExecStartPre"));
    let mut runner = Process::start(unit("ExecStart"), &place("runner.log"));
    runner.until_logged("checked in", LIMIT).await;
    runner.terminate(LIMIT).await;
    coordinator.terminate(LIMIT).await;
}
