//! Secrets that are sealed to runners: the runner has them, and the coordinator never does, in its memory, on its disk or in its log.

use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use muster_proto::v1::{Execution, ExecutionStatus};
use muster_tests::{Binary, LIMIT, Runner, Wanted, World, eventually};
use sha2::{Digest as _, Sha256};

const PROGRAM: &str = include_str!("sealed/vault.py");

/// What nobody but the runner and its program may have.
const TOKEN: &str = "c4n4ry-3fPq8ZtVw-hunter2";

/// Starts a runner that has the connector `vault`.
fn runner(world: &World, name: &str) -> Runner {
    let program = world.folder().join("vault.py");
    fs::write(&program, PROGRAM).expect("written");
    let config = world.folder().join("runner.toml");
    let table = format!(
        "connectors = []\n[exec.vault]\nprogram = \"/usr/bin/env\"\narguments = [\"python3\", {program:?}]\n\
         pass_environment = [\"PATH\"]\n"
    );
    fs::write(&config, table).expect("written");
    world.runner(name, &["--config", &config.to_string_lossy()])
}

/// The key that a runner has logged.
fn logged_key(runner: &mut Runner) -> String {
    let line = runner.process().logged("the runner starts").expect("it has started");
    line["sealing_key"].as_str().expect("it tells its key").to_owned()
}

/// `muster seal`, with the secret on its standard input and what is known of keys in the world's folder.
fn seal(world: &World, arguments: &[&str]) -> Output {
    let mut command = Binary::Cli.command();
    command.args(["seal", "--pool", "default", "--server", &world.coordinator.url()]);
    command.args(arguments);
    command.env("MUSTER_CONTEXTS", world.folder().join("contexts.toml"));
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("it runs");
    let mut stdin = child.stdin.take().expect("it is piped");
    writeln!(stdin, "{TOKEN}").expect("it reads");
    drop(stdin);
    child.wait_with_output().expect("it ends")
}

fn sealed(output: &Output) -> String {
    let (stdout, stderr) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{stdout}{stderr}");
    stdout.trim().to_owned()
}

fn wanted(name: &str, token: &str, gate: &Path) -> Wanted {
    let wanted = Wanted::new(name, "vault").data_type("device");
    wanted.with("token", token).with("gate", &gate.to_string_lossy())
}

/// All files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder)
        .expect("it is there")
        .flatten()
        .map(|entry| entry.path());
    let below = |path: PathBuf| if path.is_dir() { files(&path) } else { vec![path] };
    entries.flat_map(below).collect()
}

fn has(bytes: &[u8], text: &str) -> bool {
    memchr::memmem::find(bytes, text.as_bytes()).is_some()
}

/// All that a process has in its memory and may write, a mapping after the other.
fn memory_has(pid: u32, text: &str) -> bool {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).expect("it runs, as the same user");
    let mut memory = File::open(format!("/proc/{pid}/mem")).expect("it runs, as the same user");
    maps.lines().any(|line| {
        let mut words = line.split_whitespace();
        let (range, rights) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let ends = range
            .split_once('-')
            .map(|(from, to)| (u64::from_str_radix(from, 16), u64::from_str_radix(to, 16)));
        let Some((Ok(from), Ok(to))) = ends.filter(|_| rights.starts_with("rw")) else {
            return false;
        };
        let mut bytes = vec![0; usize::try_from(to - from).expect("it fits into memory")];
        // What is mapped may go away meanwhile.
        memory.seek(SeekFrom::Start(from)).is_ok() && memory.read_exact(&mut bytes).is_ok() && has(&bytes, text)
    })
}

async fn until_held(world: &World, integration: &str) -> Execution {
    let client = world.client();
    let open = client.open_execution(integration).await;
    client.until_status(&open, ExecutionStatus::Executing).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sealed_secret_reaches_its_runner_and_nobody_else() {
    let mut world = World::start_with(&["--lease", "5s", "--log", "debug"]).await;
    let mut first = runner(&world, "first");
    let client = world.client();
    let shown = client.until_online("first").await;
    let key = logged_key(&mut first);
    assert_eq!(
        shown.sealing_key, key,
        "what the coordinator tells is what the runner has"
    );

    // Nothing is sealed to a key that nobody has compared, or to another than was compared.
    let refused = seal(&world, &[]);
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(!refused.status.success() && refused.stdout.is_empty());
    assert!(told.contains(&key) && told.contains("--trust KEY"), "{told}");
    let other = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";
    let refused = seal(&world, &["--trust", other]);
    let told = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert!(told.contains("somebody is between"), "{told}");
    let text = sealed(&seal(&world, &["--trust", &key]));
    assert!(
        text.starts_with(&format!("sealed:{key}:")) && !text.contains(TOKEN),
        "{text}"
    );
    let again = sealed(&seal(&world, &[]));
    assert_ne!(text, again, "the key is known by now, and no two are alike");

    // The runner has it, while the coordinator has not.
    let gate = world.folder().join("gate");
    let created = client.create_soon(&wanted("Vault", &text, &gate)).await;
    until_held(&world, &created.name).await;
    let pid = world.coordinator.process().pid();
    assert!(
        memory_has(pid, "sealed:age1"),
        "the dump shows what the coordinator holds"
    );
    assert!(!memory_has(pid, TOKEN), "the coordinator has the secret in its memory");
    fs::write(&gate, "").expect("written");
    let open = client.all_executions_soon().await.remove(0);
    let ended = client.until_ended(&open.name, LIMIT).await;
    assert_eq!(ended.status(), ExecutionStatus::Completed, "{ended:?}");
    let digest: String = Sha256::digest(TOKEN).iter().map(|byte| format!("{byte:02x}")).collect();
    let records = world.coordinator.data().join("landing");
    let landed = files(&records).into_iter().any(|file| {
        let bytes = fs::read(file).expect("it is there");
        has(&zstd::decode_all(bytes.as_slice()).unwrap_or(bytes), &digest)
    });
    assert!(landed, "the program had another secret");
    let lines = client.log_lines(&ended.name).await.expect("it has some");
    assert!(
        lines.iter().any(|line| line.message == "the token is [redacted]"),
        "{lines:?}"
    );

    // A runner that came later gets nothing of it, and it is said why.
    let mut second = runner(&world, "second");
    client.until_online("second").await;
    first.terminate(LIMIT).await;
    client.run(&created.name, &["device"]).await.expect("it is there");
    let open = client.open_execution(&created.name).await;
    let waiting = eventually("what it waits for", LIMIT, async || {
        let execution = client.execution(&open).await.map_err(|status| status.to_string())?;
        let said = execution.explanation.clone().unwrap_or_default();
        let is_it = said.next_step.contains("muster seal --pool default");
        if is_it {
            Ok(execution)
        } else {
            Err(format!("{execution:?}"))
        }
    })
    .await;
    assert_eq!(waiting.status(), ExecutionStatus::Created);
    let said = waiting.explanation.expect("it is open");
    assert!(said.state.contains("`first` could, and was last seen"), "{said:?}");

    // Sealed anew, to both, it goes on.
    let second_key = logged_key(&mut second);
    let both = sealed(&seal(&world, &["--trust", &second_key]));
    assert!(both.contains(&key) && both.contains(&second_key), "{both}");
    let mut command = Binary::Cli.command();
    command.args(["integration", "update", "Vault", "--server", &world.coordinator.url()]);
    command.args(["--set", &format!("token={both}")]);
    let output = command.output().expect("it runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let ended = client.until_ended(&open, LIMIT).await;
    assert_eq!(ended.status(), ExecutionStatus::Completed, "{ended:?}");

    // Nothing of it is left where it does not belong.
    second.terminate(LIMIT).await;
    world.coordinator.terminate(LIMIT).await;
    for file in files(world.folder()) {
        let bytes = fs::read(&file).expect("it is there");
        assert!(!has(&bytes, TOKEN), "{} has the secret", file.display());
    }
    let stored = files(&world.coordinator.data().join("store"));
    let carried = stored
        .iter()
        .any(|file| has(&fs::read(file).expect("it is there"), "sealed:age1"));
    assert!(carried, "what was looked through is where it would be");
}
