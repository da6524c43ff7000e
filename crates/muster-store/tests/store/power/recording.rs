//! What a process has done to its files, as strace has seen it.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The calls that change files or their names, or make that durable. sled's `sync_file_range` is none of them: it starts to write, and asks no disk to
/// keep anything.
const CALLS: &str = "openat,write,pwrite64,ftruncate,fsync,fdatasync,rename,unlink,mkdir";

/// When something was: its line in the recording.
pub(super) type Time = usize;

/// A call that was made, from its beginning to its end.
#[derive(Debug)]
pub(super) struct Call {
    pub(super) begin: Time,
    /// `None`: it had not returned when the process was killed.
    pub(super) end: Option<Time>,
    pub(super) what: What,
}

#[derive(Debug)]
pub(super) enum What {
    /// A file was opened, and made if it was not there, or emptied.
    Make(PathBuf),
    Write {
        file: PathBuf,
        /// `None`: after what was written before.
        offset: Option<usize>,
        bytes: Vec<u8>,
    },
    Truncate(PathBuf, usize),
    Sync {
        file: PathBuf,
        data_only: bool,
    },
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
    /// A line on standard output.
    Say(String),
}

/// The command, with its calls recorded in `log`. The process that it starts is the command's own.
pub(super) fn recorded(command: &Command, log: &Path) -> Command {
    let mut strace = Command::new("strace");
    strace.args(["-D", "-f", "-qq", "-y", "-xx", "-s", "16777216", "-e"]);
    strace.arg(format!("trace={CALLS}")).arg("-o").arg(log);
    strace.arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        if let Some(value) = value {
            strace.env(name, value);
        }
    }
    strace
}

/// The calls of a recording, in the order of their beginnings.
pub(super) fn read(log: &str) -> Vec<Call> {
    let mut calls: Vec<Call> = Vec::new();
    // By thread: its call that has not returned yet.
    let mut open: HashMap<&str, Option<usize>> = HashMap::new();
    for (time, line) in log.lines().enumerate() {
        let Some((thread, rest)) = line.split_once(' ') else {
            continue;
        };
        let rest = rest.trim_start();
        if rest.starts_with("<... ") {
            if let Some(Some(call)) = open.remove(thread) {
                calls[call].end = Some(time);
            }
            continue;
        }
        let is_open = rest.ends_with("<unfinished ...>");
        let failed = rest.contains(") = -1 ");
        let call = if failed { None } else { what(rest) };
        let number = call.map(|what| {
            calls.push(Call {
                begin: time,
                end: (!is_open).then_some(time),
                what,
            });
            calls.len() - 1
        });
        if is_open {
            open.insert(thread, number);
        }
    }
    calls
}

/// All texts of a call are in hexadecimal digits, so nothing in them is taken for something else.
fn what(line: &str) -> Option<What> {
    let (name, arguments) = line.split_once('(')?;
    let of_descriptor = || path(arguments.split_once('<')?.1.split_once('>')?.0);
    let mut texts = arguments.split('"').skip(1).step_by(2);
    let mut text = || path(texts.next()?);
    let numbers = || arguments.rsplit_once(['"', '>']).map_or("", |(_, rest)| rest);
    let number = |place: usize| {
        let digits = numbers().split(", ").nth(place)?;
        digits.split([')', ' ']).next()?.parse::<usize>().ok()
    };
    Some(match name {
        "openat" if arguments.contains("O_CREAT") => What::Make(text()?),
        "write" if arguments.starts_with("1<") => {
            What::Say(String::from_utf8_lossy(&bytes(arguments.split('"').nth(1)?)?).into_owned())
        }
        "write" | "pwrite64" => What::Write {
            file: of_descriptor()?,
            offset: if name == "write" {
                None
            } else {
                Some(offset(arguments)?)
            },
            bytes: bytes(arguments.split('"').nth(1)?)?,
        },
        "ftruncate" => What::Truncate(of_descriptor()?, number(1)?),
        "fsync" | "fdatasync" => What::Sync {
            file: of_descriptor()?,
            data_only: name == "fdatasync",
        },
        "rename" => What::Rename(text()?, text()?),
        "unlink" => What::Remove(text()?),
        _ => return None,
    })
}

/// The last argument: `…", 513, 4096) = 513`.
fn offset(arguments: &str) -> Option<usize> {
    let (_, numbers) = arguments.rsplit_once('"')?;
    let last = numbers.split(", ").nth(2)?;
    last.split([')', ' ']).next()?.parse().ok()
}

fn path(hexadecimal: &str) -> Option<PathBuf> {
    Some(PathBuf::from(String::from_utf8(bytes(hexadecimal)?).ok()?))
}

/// `\x61\x00` and so on.
fn bytes(hexadecimal: &str) -> Option<Vec<u8>> {
    let digits = hexadecimal.split("\\x").skip(1);
    digits.map(|pair| u8::from_str_radix(pair, 16).ok()).collect()
}

#[test]
fn a_recording_is_read_as_strace_writes_it() {
    let log = "\
7 openat(AT_FDCWD, \"\\x2f\\x61\", O_RDWR|O_CREAT|O_CLOEXEC, 0666) = 3<\\x2f\\x61>
7 pwrite64(3<\\x2f\\x61>, \"\\x62\\x3e\", 2, 4096 <unfinished ...>
8 write(1<\\x70>, \"\\x74\\x6f\", 2) = 2
7 <... pwrite64 resumed>) = 2
8 fdatasync(3<\\x2f\\x61>) = -1 EIO (Input/output error)
8 fdatasync(3<\\x2f\\x61> <unfinished ...>
7 ftruncate(3<\\x2f\\x61>, 12) = 0
";
    let calls = read(log);
    let told: Vec<_> = calls
        .iter()
        .map(|call| (call.begin, call.end, format!("{:?}", call.what)))
        .collect();
    let told: Vec<_> = told
        .iter()
        .map(|(begin, end, what)| (*begin, *end, what.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            (0, Some(0), "Make(\"/a\")"),
            (
                1,
                Some(3),
                "Write { file: \"/a\", offset: Some(4096), bytes: [98, 62] }"
            ),
            (2, Some(2), "Say(\"to\")"),
            (5, None, "Sync { file: \"/a\", data_only: true }"),
            (6, Some(6), "Truncate(\"/a\", 12)"),
        ]
    );
}
