//! A secret that is sealed as the page says.

use std::fs;
use std::process::{Command, Output};

use muster_tests::{Binary, Browser, World};
use serde_json::json;

const PROGRAM: &str = include_str!("../sealed/vault.py");

/// What nobody but the runner may have.
const SECRET: &str = "c4n4ry-9sVd2KqLw-hunter3";

/// What the page's command says that is typed beside a file with the secret, by whoever is signed in to this coordinator.
fn typed(world: &World, command: &str) -> Output {
    let programs = Binary::Cli.path();
    let programs = programs.parent().expect("a folder").display().to_string();
    Command::new("sh")
        .args(["-c", command])
        .current_dir(world.folder())
        .env("PATH", format!("{programs}:/usr/bin:/bin"))
        .env("MUSTER_SERVER", world.coordinator.url())
        .env("MUSTER_CONTEXTS", world.folder().join("contexts.toml"))
        .output()
        .expect("a shell is there")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_secret_is_sealed_by_the_command_that_its_field_shows() {
    let Some(browser) = Browser::new() else { return };
    let (world, url) = super::world().await;
    let program = world.folder().join("vault.py");
    fs::write(&program, PROGRAM).expect("written");
    let settings = format!(
        "connectors = []\n[exec.vault]\nprogram = \"/usr/bin/env\"\narguments = [\"python3\", {}]\npass_environment = [\"PATH\"]\n",
        json!(program)
    );
    let config = world.folder().join("runner.toml");
    fs::write(&config, settings).expect("written");
    let mut runner = world.runner("hq-1", &["--pool", "plant-2", "--config", &config.to_string_lossy()]);
    world.client().until_online("hq-1").await;
    let started = runner.process().logged("the runner starts").expect("it has started");
    let key = started["sealing_key"].as_str().expect("it tells its key");
    fs::write(world.folder().join("secret.txt"), format!("{SECRET}\n")).expect("written");

    let mut flow = browser.flow("sealing.py", &[&url, SECRET]);
    let asked = flow.asks_for().await.expect("it asks for the command to be run");
    let command = asked.strip_prefix("run ").expect("it asks for nothing else");
    // The first time it says by which key, which is compared with what the runner has logged.
    let refused = typed(&world, command);
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && told.contains("--trust"), "{told}");
    assert!(told.contains(key), "{told}");
    let trusted = typed(
        &world,
        &format!(
            "{} --trust {key} <{}",
            command.replace(" < secret.txt", ""),
            "secret.txt"
        ),
    );
    assert!(trusted.status.success(), "{}", String::from_utf8_lossy(&trusted.stderr));
    // From then on it is the command alone.
    let sealed = typed(&world, command);
    assert!(sealed.status.success(), "{}", String::from_utf8_lossy(&sealed.stderr));
    flow.answer(String::from_utf8_lossy(&sealed.stdout).trim());
    flow.ends().await;
}
