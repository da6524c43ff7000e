//! `docs/first-hour.md`, `docs/backup.md`, `docs/enrollment.md` and `docs/access.md`, typed block by block, with what comes compared to what the pages say.
//!
//! A fence's first word is its language; what follows says what a reader does with it:
//!
//! | fence | what the test does |
//! | --- | --- |
//! | `sh` | types it into the second terminal, one shell for the whole page; it must succeed |
//! | `sh exit=2` | the same, and it must end so |
//! | `sh terminal=NAME` | starts it in a terminal of its own |
//! | `sh stop=NAME` | presses Ctrl-C there |
//! | `sh install` | nothing: the binaries are on the path |
//! | … `manual` | nothing: it needs a system to be changed |
//! | … `file=NAME` | saves it |
//! | `text` | looks for it in what the block before has printed: its lines in order, with `…` for whatever comes |

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use muster_tests::foreign::{Python, clients, repository};
use muster_tests::{Binary, LIMIT, Process, eventually, free_address};
use nix::sys::signal::Signal;

/// Long enough for whatever a block does, packages from the network included.
const BLOCK_WITHIN: Duration = Duration::from_secs(180);

/// What the shell prints after each block, with its exit code.
const DONE: &str = "---- the block has ended with";

#[derive(Debug)]
struct Block<'p> {
    line: usize,
    language: &'p str,
    attributes: BTreeMap<&'p str, &'p str>,
    body: String,
}

/// The fenced blocks of a page, in order.
fn blocks(page: &str) -> Vec<Block<'_>> {
    let mut blocks = Vec::new();
    let mut open: Option<Block<'_>> = None;
    // A block within a list stands further right.
    let mut indent = 0;
    for (index, line) in page.lines().enumerate() {
        match (&mut open, line.trim_start().strip_prefix("```")) {
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(block), None) => {
                block.body.push_str(line.get(indent..).unwrap_or_default());
                block.body.push('\n');
            }
            (None, Some(fence)) => {
                indent = line.len() - line.trim_start().len();
                let mut words = fence.split_whitespace();
                let language = words.next().unwrap_or_default();
                let attributes = words.map(|word| word.split_once('=').unwrap_or((word, "")));
                open = Some(Block {
                    line: index + 1,
                    language,
                    attributes: attributes.collect(),
                    body: String::new(),
                });
            }
            (None, None) => {}
        }
    }
    assert!(open.is_none(), "a block is not closed: {open:?}");
    blocks
}

/// The first thing of `expected` that `printed` lacks; `None` when all of it is there, in order.
fn missing<'e>(expected: &'e str, printed: &str) -> Option<&'e str> {
    let mut rest = printed;
    for fragment in expected.split(['…', '\n']).map(str::trim).filter(|it| !it.is_empty()) {
        let Some(at) = rest.find(fragment) else {
            return Some(fragment);
        };
        rest = &rest[at + fragment.len()..];
    }
    None
}

/// A terminal with a shell in it.
struct Shell {
    child: Child,
    input: ChildStdin,
    output: Receiver<String>,
}

impl Shell {
    fn open(mut command: Command) -> Self {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().expect("there is a bash");
        let input = child.stdin.take().expect("it is piped");
        let output = BufReader::new(child.stdout.take().expect("it is piped"));
        let (sender, receiver) = channel();
        let reading = move || {
            for line in output.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name("terminal".to_owned());
        thread.spawn(reading).expect("a thread can be made");
        Self {
            child,
            input,
            output: receiver,
        }
    }

    /// Types a block. Returns what it printed, and how it ended.
    fn run(&mut self, block: &str) -> (String, i32) {
        // Each line of a block must go well, as a reader would notice; the shell itself goes on, with its variables.
        let typed = format!("trap 'failed=$?' ERR; failed=0\n{block}\ntrap - ERR; echo; echo \"{DONE} $failed\"\n");
        self.input.write_all(typed.as_bytes()).expect("the shell reads");
        let until = Instant::now() + BLOCK_WITHIN;
        let mut printed = String::new();
        loop {
            let line = self
                .output
                .recv_timeout(until.saturating_duration_since(Instant::now()));
            let line = line.unwrap_or_else(|error| panic!("{error} within {BLOCK_WITHIN:?}, after:\n{printed}"));
            if let Some(code) = line.strip_prefix(DONE) {
                return (printed, code.trim().parse().expect("an exit code"));
            }
            printed.push_str(&line);
            printed.push('\n');
        }
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// How a page's coordinator is reached.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// It was started with `insecure`, and whoever leaves its address out means this one.
    Insecure,
    /// It speaks TLS, and the page says all that is to be said.
    Secure,
}

/// A reader's shell: in `folder`, with our binaries first on the path and ports of its own.
fn bash(way: Way, folder: &Path, address: &str, http_address: &str) -> Command {
    let binaries = Binary::Cli.path();
    let binaries = binaries.parent().expect("a file is in a folder");
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = Command::new("bash");
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("MUSTER_") {
            command.env_remove(name);
        }
    }
    command.current_dir(folder);
    command.env("PATH", format!("{}:{path}", binaries.display()));
    command
        .env("HOME", folder)
        .env_remove("XDG_STATE_HOME")
        .env_remove("XDG_CONFIG_HOME");
    command.env("PIP_DISABLE_PIP_VERSION_CHECK", "1");
    command.env("MUSTER_LISTEN", address);
    command.env("MUSTER_HTTP_LISTEN", http_address);
    if way == Way::Insecure {
        command.env("MUSTER_SERVER", format!("http://{address}"));
        command.env("MUSTER_COORDINATOR", format!("http://{address}"));
    }
    command
}

#[tokio::test]
async fn the_first_hour_goes_as_its_page_says() {
    // Only to know that there is one: the page makes its own.
    if Python::with(&clients().join("requirements.txt")).is_some() {
        type_all(Way::Insecure, "docs/first-hour.md").await;
    }
}

#[tokio::test]
async fn a_backup_and_its_restore_go_as_their_page_says() {
    type_all(Way::Insecure, "docs/backup.md").await;
}

#[tokio::test]
async fn enrolling_and_letting_people_in_go_as_their_pages_say() {
    type_all(Way::Secure, "docs/enrollment.md").await;
    type_all(Way::Secure, "docs/access.md").await;
}

async fn type_all(way: Way, name: &str) {
    let folder = tempfile::Builder::new()
        .prefix("muster-e2e-")
        .tempdir()
        .expect("a folder");
    let folder = folder.path();
    let (address, http_address) = (free_address().to_string(), free_address().to_string());
    let page = std::fs::read_to_string(repository().join(name)).expect("the page is there");
    let page = page.replace("127.0.0.1:7443", &address);
    let page = page.replace("127.0.0.1:7480", &http_address);
    let page = page.replace("localhost:7443", &address.replace("127.0.0.1", "localhost"));

    let mut command = bash(way, folder, &address, &http_address);
    command.args(["-c", "exec bash 2>&1"]);
    let mut shell = Shell::open(command);
    let mut terminals: BTreeMap<&str, Process> = BTreeMap::new();
    let mut printed = Printed::Nothing;
    for block in blocks(&page) {
        let at = format!("{name}:{}", block.line);
        let attribute = |name| block.attributes.get(name).copied();
        if let Some(name) = attribute("file") {
            std::fs::write(folder.join(name), &block.body).expect("it can be saved");
        } else if block.language == "text" && attribute("manual").is_none() {
            printed.holds(&at, &block.body, &terminals).await;
        } else if attribute("install").is_some() || attribute("manual").is_some() {
            // The binaries are on the path already, and the system is not ours to change.
            continue;
        } else if let Some(name) = attribute("terminal") {
            let mut command = bash(way, folder, &address, &http_address);
            command.args(["-c", &format!("exec {}", block.body)]);
            terminals.insert(name, Process::start(command, &folder.join(format!("{name}.log"))));
            printed = Printed::In(name);
        } else if let Some(name) = attribute("stop") {
            let mut process = terminals.remove(name).expect("it was started");
            process.signal(Signal::SIGINT);
            let status = process.ended(LIMIT).await;
            assert!(status.success(), "{at}: {name} has ended with {status}");
        } else {
            assert_eq!(block.language, "sh", "{at}: what is to be done with this?");
            let expected: i32 = attribute("exit").map_or(0, |code| code.parse().expect("an exit code"));
            let (out, code) = shell.run(&block.body);
            assert_eq!(code, expected, "{at} has ended with {code}, and printed:\n{out}");
            printed = Printed::Here(out);
        }
    }
}

/// What the last block has printed.
enum Printed<'p> {
    Nothing,
    Here(String),
    In(&'p str),
}

impl Printed<'_> {
    async fn holds(&self, at: &str, expected: &str, terminals: &BTreeMap<&str, Process>) {
        match self {
            Self::Nothing => panic!("{at}: nothing was printed so far"),
            Self::Here(printed) => {
                let missing = missing(expected, printed);
                assert!(
                    missing.is_none(),
                    "{at}: {missing:?} is not, or not there, in\n{printed}"
                );
            }
            Self::In(name) => {
                let what = format!("{at} in the terminal `{name}`");
                eventually(&what, LIMIT, async || {
                    let printed = terminals[name].log();
                    match missing(expected, &printed) {
                        None => Ok(()),
                        Some(missing) => Err(format!("{missing:?} is not, or not there, in\n{printed}")),
                    }
                })
                .await;
            }
        }
    }
}
