//! What the page says for adding a runner, done as it says: each way ends in a runner that has checked in.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use muster_tests::foreign::{repository, run};
use muster_tests::{Binary, Browser, Process, free_address};
use serde_json::Value;

use crate::deploy::{of_unit, verify};
use crate::secure::Secure;

/// The folder of the image in which a runner keeps what it has.
const KEPT: &str = "/var/lib/muster-runner";

/// A shell, as somebody has it on a machine where our programs are.
fn shell(home: &Path, text: &str) -> Command {
    let programs = Binary::Runner.path();
    let programs = programs.parent().expect("a folder").display().to_string();
    let mut command = Command::new("sh");
    command.args(["-euc", text]);
    command.env_clear().env("HOME", home);
    command.env("PATH", format!("{programs}:/usr/bin:/bin"));
    command
}

/// A container's runner, with the volume at this folder.
fn contained(step: &Value, volume: &Path) -> Command {
    let mounts = step["mounts"].as_array().expect("it has volumes");
    let [mount] = &mounts[..] else { panic!("{mounts:?}") };
    assert_eq!(mount[1], KEPT, "the image keeps it elsewhere");
    let mut command = Binary::Runner.command();
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    command.args(step["args"].as_array().expect("words").iter().map(text));
    for (name, value) in step["env"].as_object().expect("variables") {
        command.env(name, text(value));
    }
    command.env("MUSTER_DATA_FOLDER", volume);
    command
}

/// First the container that enrolls, and then the one that stays.
fn both_contained(steps: &Value, volume: &Path) -> Process {
    let [enrolling, staying] = &steps.as_array().expect("steps")[..] else {
        panic!("{steps}");
    };
    assert_eq!(enrolling["mounts"], staying["mounts"], "they share what is kept");
    run(&mut contained(enrolling, volume));
    Process::start(contained(staying, volume), &volume.with_extension("log"))
}

/// The unit's runner, with the files that were written for it.
fn of_systemd(asked: &Value, etc: &Path, state: &Path) -> Process {
    assert_eq!(asked[0], "systemctl enable --now muster-runner@plant_2");
    verify("muster-runner@.service", "muster-runner@plant_2.service");
    let variables = etc.join("runner-plant_2.env");
    let mode = fs::metadata(&variables).expect("it was written").permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "others can read the token");
    let variables = fs::read_to_string(variables).expect("it was written");
    let unit = |key: &str| {
        let mut command = of_unit("muster-runner@.service", key);
        command.env("MUSTER_CONFIG", etc.join("runner-plant_2.toml"));
        command.env("STATE_DIRECTORY", state);
        command.envs(variables.lines().filter_map(|line| line.split_once('=')));
        command
    };
    run(&mut unit("ExecStartPre"));
    Process::start(unit("ExecStart"), &state.with_extension("log"))
}

#[tokio::test(flavor = "multi_thread")]
async fn each_way_that_the_page_says_ends_in_a_runner() {
    let Some(browser) = Browser::new() else { return };
    let image = fs::read_to_string(repository().join("deploy/container/Containerfile")).expect("it is there");
    assert!(
        image.contains(&format!("MUSTER_DATA_FOLDER={KEPT}")),
        "the image keeps it elsewhere"
    );
    let port = free_address().port();
    let http: &str = format!("0.0.0.0:{port}").leak();
    let secure = Secure::start(&["--http-listen", http]).await;
    let token = fs::read_to_string(secure.data().join("bootstrap-token")).expect("it was made");
    let folder = secure.folder.path();
    let place = |name: &str| folder.join(name);

    let url = format!("https://localhost:{port}");
    let arguments = [&url, token.trim(), folder.to_str().expect("text")];
    let mut flow = browser.flow("enrolling.py", &arguments);
    flow.asks("run what they say").await;
    let ways = fs::read_to_string(place("ways.json")).expect("the flow has put it there");
    let ways: Value = serde_json::from_str(&ways).expect("JSON");
    // A shell becomes its last command, so that it ends with the test.
    let plain = ways["plain"].as_str().expect("text");
    let (enrolling, staying) = plain.rsplit_once('\n').expect("two commands");
    fs::create_dir(place("home")).expect("made");
    let plain = shell(&place("home"), &format!("{enrolling}\nexec {staying}"));
    let _runners = [
        Process::start(plain, &place("plain.log")),
        of_systemd(&ways["systemd"], &place("etc"), &place("systemd")),
        both_contained(&ways["container"], &place("container")),
        both_contained(&ways["kubernetes"], &place("kubernetes")),
    ];
    flow.done();
    flow.ends().await;
}
