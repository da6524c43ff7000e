//! A secret never shows: a connector that tells its own in every way there is, and everything that anybody could read afterwards.

use std::fs;
use std::path::{Path, PathBuf};

use muster_proto::v1::{Execution, ExecutionStatus};
use muster_tests::{Binary, LIMIT, Runner, Wanted, World, eventually};

const PROGRAM: &str = include_str!("secrets/leaky.py");

/// With characters that each encoding writes otherwise.
const TOKEN: &str = "c4n4ry/T\"ok+en ä&\\%=7Qz";

/// Of many lines, as keys are.
const KEY: &str = "-----BEGIN CANARY-----\nMIIEvQIBADANBgkqhkiG9w0BAQEFAASCc4n4ryA1\nc4n4ryB2nR5sV9kQ3yXwZ7uTq8mPfL2dHjKcEbGa\n-----END CANARY-----";

/// In how many ways the program tells each of the two, by each of its three ways to say something.
const SAID: usize = 2 * 22;

/// What would be left of a secret: its pieces as they are, and what stands in each encoding of one whatever surrounds it.
fn canaries() -> Vec<String> {
    let lines = KEY.lines().filter(|line| !line.starts_with('-'));
    let whole = [TOKEN].into_iter().chain(lines);
    let mut canaries = vec!["c4n4ry".to_owned(), "C4N4RY".to_owned()];
    for secret in whole {
        canaries.push(secret.to_owned());
        for skip in 0..3 {
            canaries.push(inner_base64(&secret.as_bytes()[skip..], false));
            canaries.push(inner_base64(&secret.as_bytes()[skip..], true));
        }
        let hex: String = secret.bytes().map(|byte| format!("{byte:02x}")).collect();
        let percent: String = secret.bytes().map(|byte| format!("%{byte:02x}")).collect();
        canaries.extend([hex.to_uppercase(), hex, percent.to_uppercase(), percent]);
    }
    canaries
}

/// What 12 bytes are in base64 when they begin with a character.
fn inner_base64(bytes: &[u8], url: bool) -> String {
    let last = if url { "-_" } else { "+/" };
    let letters = ('A'..='Z').chain('a'..='z').chain('0'..='9').chain(last.chars());
    let letters: Vec<char> = letters.collect();
    let triple = |three: &[u8]| {
        let bits = u32::from(three[0]) << 16 | u32::from(three[1]) << 8 | u32::from(three[2]);
        [18, 12, 6, 0].map(|shift| letters[(bits >> shift & 63) as usize])
    };
    bytes[..12].chunks(3).flat_map(triple).collect()
}

/// Fails for the first canary in what `place` holds.
fn assert_silent(place: &str, bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for canary in canaries() {
        if let Some(at) = text.find(&canary) {
            let from = text.floor_char_boundary(at.saturating_sub(200));
            let to = text.ceil_char_boundary((at + 200).min(text.len()));
            panic!("{place} has `{canary}`:\n{}", &text[from..to]);
        }
    }
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            files.extend(self::files(&entry.path()));
        } else {
            files.push(entry.path());
        }
    }
    files
}

struct Scene {
    world: World,
    runner: Runner,
}

/// Writes the program into a folder, and a runner's configuration with it.
fn configuration(folder: &Path) -> PathBuf {
    let program = folder.join("leaky.py");
    fs::write(&program, PROGRAM).expect("written");
    let config = folder.join("runner.toml");
    let table = format!(
        "connectors = []\n[exec.leaky]\nprogram = \"/usr/bin/env\"\narguments = [\"python3\", {program:?}]\n\
         pass_environment = [\"PATH\"]\nread_paths = [{folder:?}]\n"
    );
    fs::write(&config, table).expect("written");
    config
}

impl Scene {
    async fn start() -> Self {
        let world = World::start_with(&["--lease", "5s", "--log", "debug"]).await;
        let config = configuration(world.folder());
        let secrets = world.folder().join("leaky/secrets");
        fs::create_dir_all(&secrets).expect("made");
        fs::write(secrets.join("token"), TOKEN).expect("written");
        fs::write(secrets.join("key"), KEY).expect("written");
        let config = config.to_string_lossy().into_owned();
        let runner = world.runner("leaky", &["--config", &config, "--log", "debug"]);
        world.client().until_online("leaky").await;
        Self { world, runner }
    }

    fn gate(&self) -> PathBuf {
        self.world.folder().join("gate")
    }

    fn wanted(&self, end: &str) -> Wanted {
        let wanted = Wanted::new(end, "leaky").data_type("device");
        let wanted = wanted.with("token", "file:token").with("key", "file:key");
        wanted.with("end", end).with("gate", &self.gate().to_string_lossy())
    }

    /// Collects until this end, and looks at all that the API says of it.
    async fn collect(&self, end: &str) -> Execution {
        let client = self.world.client();
        let created = client.create_soon(&self.wanted(end)).await;
        let ended = eventually("its end", LIMIT, async || {
            let executions = client.all_executions().await.map_err(|status| status.to_string())?;
            let mine = executions.into_iter().find(|one| one.name.starts_with(&created.name));
            let mine = mine.ok_or("none")?;
            let is_open = !matches!(mine.status(), ExecutionStatus::Completed | ExecutionStatus::Error);
            if is_open { Err(format!("{mine:?}")) } else { Ok(mine) }
        })
        .await;
        self.until_all_said(&ended.name).await;
        self.look(&created.name, &ended).await;
        ended
    }

    /// All that the program has said, once it is there: nothing of it is swallowed.
    async fn until_all_said(&self, execution: &str) {
        let client = self.world.client();
        let lines = eventually("all of its lines", LIMIT, async || {
            let lines = client.log_lines(execution).await.map_err(|status| status.to_string())?;
            let count = |start| lines.iter().filter(|line| line.message.starts_with(start)).count();
            match (count("stdout: "), count("stderr: ")) {
                (SAID, SAID) => Ok(lines),
                counts => Err(format!("{counts:?}")),
            }
        })
        .await;
        let marked = lines.iter().filter(|line| line.message.contains("[redacted]")).count();
        assert!(marked >= 3 * SAID, "{marked} of {}", lines.len());
    }

    /// Looks at all that the API says of an execution and its integration.
    async fn look(&self, integration: &str, execution: &Execution) {
        let client = self.world.client();
        for line in client.log_lines(&execution.name).await.expect("it has some") {
            assert_silent("a log line", line.message.as_bytes());
        }
        assert_silent("an execution", format!("{execution:#?}").as_bytes());
        let integration = client.integration(integration).await.expect("it is there");
        assert_silent("an integration", format!("{integration:#?}").as_bytes());
    }

    /// The failure's message.
    fn message(execution: &Execution) -> String {
        let failure = execution.failure.as_ref();
        failure.map(|failure| failure.message.clone()).unwrap_or_default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_found_in_anything_that_a_leaking_connector_leaves_behind() {
    let mut scene = Scene::start().await;
    let good = scene.collect("good").await;
    assert_eq!(good.status(), ExecutionStatus::Completed);
    let crashed = scene.collect("traceback").await;
    let told = Scene::message(&crashed);
    assert!(
        told.contains("ValueError: 401 for [redacted] [redacted] [redacted]"),
        "{told}"
    );
    let wrong = scene.collect("protocol").await;
    let told = Scene::message(&wrong);
    assert!(
        told.contains("meant as a message `end`") && told.contains("[redacted]"),
        "{told}"
    );

    // A failure that waits in the runner's spool, since the coordinator is away.
    let client = scene.world.client();
    let created = client.create_soon(&scene.wanted("error")).await;
    let open = client.open_execution(&created.name).await;
    client.until_status(&open, ExecutionStatus::Executing).await;
    scene.until_all_said(&open).await;
    scene.world.coordinator.kill_9();
    fs::write(scene.gate(), "").expect("written");
    eventually("a result in the spool", LIMIT, async || match scene.runner.spooled() {
        0 => Err("none".to_owned()),
        _ => Ok(()),
    })
    .await;
    let spooled = files(&scene.world.folder().join("leaky/spool"));
    for file in &spooled {
        let bytes = fs::read(file).expect("read");
        assert_silent("the spool", &bytes);
        assert!(
            String::from_utf8_lossy(&bytes).contains("[redacted]"),
            "it is the failure"
        );
    }
    assert_eq!(spooled.len(), 1, "{spooled:?}");
    scene.world.coordinator.restart().await;
    let failed = client.until_ended(&open, LIMIT).await;
    scene.look(&created.name, &failed).await;
    let failure = failed.failure.as_ref().expect("a failure");
    assert!(
        failure
            .message
            .starts_with("403: plain [redacted] GET https://bob:[redacted]@crm.example/v1 "),
        "{failure:?}"
    );
    assert_eq!(failure.remedy, "renew [redacted] and [redacted]");

    // What the processes have written, and what of it is there for good.
    let log = scene.runner.process().log();
    assert!(
        log.contains("[redacted]") && log.contains("403: plain"),
        "the runner tells the failure"
    );
    scene.runner.terminate(LIMIT).await;
    scene.world.coordinator.terminate(LIMIT).await;
    let data = files(&scene.world.coordinator.data());
    assert!(data.len() > 3, "{data:?}");
    let folder = scene.world.folder();
    let logs = fs::read_dir(folder).expect("read").flatten().map(|entry| entry.path());
    let logs: Vec<PathBuf> = logs
        .filter(|path| path.extension().is_some_and(|it| it == "log"))
        .collect();
    assert_eq!(logs.len(), 3, "the runner's, and two of the coordinator: {logs:?}");
    for file in data.iter().chain(&logs) {
        assert_silent(&file.display().to_string(), &fs::read(file).expect("read"));
    }
}

#[test]
fn no_secret_is_found_in_what_the_command_line_prints_of_a_connector() {
    let folder = tempfile::tempdir().expect("a folder");
    let config = configuration(folder.path());
    for arguments in [
        &["check"][..],
        &["check", "--output", "json"],
        &["collect", "--set", "end=good"],
        &["collect", "--set", "end=traceback"],
        &["collect", "--set", "end=protocol", "--output", "json"],
        &["test", "--set", "end=traceback"],
        &["test", "--set", "end=protocol", "--output", "json"],
    ] {
        let mut command = Binary::Cli.command();
        command.args(["connector", arguments[0], "leaky", "--runner-config"]);
        command.arg(&config).args(&arguments[1..]);
        command.args([
            "--set",
            "token=env:MUSTER_SECRET_TOKEN",
            "--set",
            "key=env:MUSTER_SECRET_KEY",
        ]);
        command.env("MUSTER_SECRET_TOKEN", TOKEN).env("MUSTER_SECRET_KEY", KEY);
        let output = command.output().expect("it runs");
        let printed = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&printed);
        assert!(text.contains("[redacted]"), "{arguments:?}: {text}");
        assert_silent(&format!("{arguments:?}"), &printed);
    }
}
