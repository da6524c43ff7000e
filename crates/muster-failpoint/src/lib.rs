//! Places at which a process can be made to die as by `kill -9`, so that tests can ask what it leaves there.
//!
//! Where it can die, the code says [`failpoint!`] and the place's name. The variable [`VARIABLE`] arms one of them: `trim-anchor:3` ends the process when it
//! comes to `trim-anchor` for the third time; `trim-anchor:3:20` holds the thread up there for 20 ms before it does, while all others go on: what was told
//! too early gets out meanwhile. Nothing is flushed or dropped then.
//!
//! Of several, with commas between, the last ends the process, and at each before it the whole process stops, as by `SIGSTOP`, until somebody has it go on:
//! `noted:7:20,appended:1` lets a test copy what lies on the disk at the seventh `noted`, holds that thread up for 20 ms then, and dies at the `appended`
//! that follows.
//!
//! They are there in builds with `debug_assertions` alone, which are those that the end-to-end tests run: a feature would have everything built a second
//! time for them, and could be switched on in a release by a slip. In a release build [`reached`] is empty, and nobody reads the variable.

/// The variable that arms a failpoint: its name, which time it is that counts, from 1 on, and for how many milliseconds the thread is held up then (none if
/// it does not say), with colons between. Or several of them, each of which counts from when the one before has passed.
pub const VARIABLE: &str = "MUSTER_CRASH_AT";

/// What a process prints before it dies at a failpoint, before the point's name.
pub const LAST_WORDS: &str = "the process dies at the failpoint ";

/// All of them: the name, and how far things are then.
pub const FAILPOINTS: &[(&str, &str)] = &[
    // A store that is being made.
    (
        "store-begun",
        "the folder is marked as one that is being made into a store",
    ),
    ("store-noted", "the note beside the engine is there, the engine is not"),
    ("store-engine", "the engine has made its files, and nothing is synced"),
    ("store-synced", "all is synced, but the file that makes it a store"),
    ("store-named", "it is a store, and still marked as being made"),
    // A start.
    (
        "opening",
        "the engine is about to be opened, which has it write its snapshot",
    ),
    ("opened", "the engine is open, nothing is read"),
    (
        "replayed",
        "the journal is replayed, what was not flushed before is not flushed",
    ),
    ("recovered", "all that was found is flushed, nobody was told anything"),
    ("landing-opened", "the landing is open too, nobody is served"),
    // The journal.
    ("append", "batches are about to be appended"),
    ("appended", "they are appended, and about to be flushed"),
    (
        "engine-flushed",
        "the engine says that they are flushed, and they are not synced",
    ),
    ("synced", "they are durable, and the note is of those before"),
    ("noted", "they are durable and noted, and nobody was told"),
    (
        "releasing",
        "a batch is released, those that were flushed with it are not",
    ),
    ("released", "all that depends on them is released"),
    // What is written behind the journal.
    ("history-put", "an entry of history is about to be written"),
    ("history-putting", "it is written, others of the same batches are not"),
    ("tallies-part", "a part of history's tallies is written"),
    ("tallies-unmarked", "all of them are written, and the mark is not"),
    ("tallies-marked", "the mark is written, and not flushed"),
    ("records-write", "some records are about to be written"),
    ("records-sum", "they are written, and the copy of their sum is not"),
    (
        "records-written",
        "a part of a checkpoint is written, the next one is not",
    ),
    (
        "trim",
        "what has ended has no record any more, the journal is about to be trimmed",
    ),
    ("trim-anchor", "the trim anchor is written, and nothing is removed"),
    ("trim-piece", "some of what is trimmed is removed"),
    ("trimmed", "all of it is removed, and not flushed"),
    // The landing.
    ("upload-begun", "an upload has begun, and nothing is written"),
    (
        "upload-written",
        "its records are written, and neither synced nor under their name",
    ),
    ("upload-complete", "its records are staged, their manifest is not"),
    ("upload-staged", "all is staged, and the runner was not told"),
    (
        "commit",
        "a good end is reported, and the commit to what is staged is not recorded",
    ),
    ("publish", "it is recorded, and nothing is published"),
    (
        "publish-manifest",
        "the folders are made, and the manifest is not there",
    ),
    ("publish-data", "the manifest is there, the records are not"),
    (
        "published-unsynced",
        "the records are visible, and the folder is not synced",
    ),
    (
        "published",
        "what was staged is cleared away, and the end is not recorded",
    ),
    ("landed", "the end is recorded"),
    // A stop.
    ("stop", "no call is served any more, the shard works"),
    (
        "stop-keeper",
        "the shard's writer has ended, what is written behind is not written",
    ),
    ("stop-closing", "the engine is about to be closed"),
    ("stop-closed", "the engine is closed"),
    // The runner.
    ("runner-started", "it has read what it kept, and dials"),
    ("runner-uploaded", "all records are sent, and the answer has not come"),
    ("runner-ended", "an attempt has ended, and its result is not kept"),
    ("spool", "a result is about to be written"),
    ("spooling", "it is written, and does not have its name"),
    ("spooled", "it is kept, and not reported"),
    ("report", "reports are about to be sent"),
    ("reported", "they are sent"),
    ("unspool", "a result was answered, and is about to be removed"),
    ("unspooled", "it is removed"),
    // The outbox.
    ("mail", "a mail is about to be sent"),
    (
        "mailed",
        "the mail server has taken it, or not, and that is not recorded",
    ),
    // Enrollment.
    ("enrolled", "a runner has enrolled, and its answer is not sent"),
    ("audit-carried", "notes are in their audit log, and not flushed"),
];

/// The place of a name among [`FAILPOINTS`].
///
/// # Panics
/// When there is no such name: at compile time, where it stands in the code.
#[must_use]
pub const fn number(name: &str) -> usize {
    let mut number = 0;
    while number < FAILPOINTS.len() {
        // Of the comparisons of text the one that can be made at compile time; all names are in lower case.
        if FAILPOINTS[number].0.eq_ignore_ascii_case(name) {
            return number;
        }
        number += 1;
    }
    panic!("no such failpoint is listed")
}

/// A place at which the process dies if this name is armed.
#[macro_export]
macro_rules! failpoint {
    ($name:literal) => {
        $crate::reached(const { $crate::number($name) })
    };
}

/// Does nothing: this build has no failpoints.
#[cfg(not(debug_assertions))]
pub const fn reached(_number: usize) {}

#[cfg(debug_assertions)]
pub use armed::reached;

#[cfg(debug_assertions)]
mod armed {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
    use std::time::Duration;

    use rustix::process::{Signal, getpid, kill_process};

    use super::{FAILPOINTS, LAST_WORDS, VARIABLE};

    /// The longest that the system takes to stop all threads.
    const STOPS_WITHIN: Duration = Duration::from_millis(5);

    struct Armed {
        steps: Vec<Step>,
        /// Which of them is the next.
        next: AtomicUsize,
    }

    struct Step {
        number: usize,
        /// How many times are left until it counts; goes on below zero, all around, which nobody lives to see.
        left: AtomicU64,
        held_up: Duration,
    }

    /// Stops or dies if this failpoint is armed and its time has come.
    pub fn reached(number: usize) {
        static ARMED: OnceLock<Option<Armed>> = OnceLock::new();
        let armed = ARMED.get_or_init(|| read(&std::env::var(VARIABLE).ok()?));
        let Some(armed) = armed else { return };
        let at = armed.next.load(Ordering::Acquire);
        let step = &armed.steps[at];
        if step.number != number || step.left.fetch_sub(1, Ordering::Relaxed) != 1 {
            return;
        }
        if at + 1 < armed.steps.len() {
            let _ = kill_process(getpid(), Signal::STOP);
            // Its own turn to stop comes in this time, and what passes while all stand still does not count.
            std::thread::sleep(STOPS_WITHIN);
            std::thread::sleep(step.held_up);
            armed.next.store(at + 1, Ordering::Release);
            return;
        }
        std::thread::sleep(step.held_up);
        eprintln!("{LAST_WORDS}{}", FAILPOINTS[number].0);
        let _ = kill_process(getpid(), Signal::KILL);
        // The signal ends the process before that call returns. Should the system refuse it, this ends it as abruptly.
        std::process::abort();
    }

    fn read(text: &str) -> Option<Armed> {
        let steps = text.split(',').map(read_step).collect::<Option<_>>()?;
        let next = AtomicUsize::new(0);
        Some(Armed { steps, next })
    }

    fn read_step(text: &str) -> Option<Step> {
        let mut parts = text.split(':');
        let name = parts.next()?;
        Some(Step {
            number: FAILPOINTS.iter().position(|(known, _)| *known == name)?,
            left: AtomicU64::new(parts.next()?.parse().ok()?),
            held_up: Duration::from_millis(parts.next().map_or(Ok(0), str::parse).ok()?),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::process::{Command, Output};

    use super::*;

    #[test]
    fn no_name_stands_for_two_places() {
        let names: BTreeSet<&str> = FAILPOINTS.iter().map(|(name, _)| *name).collect();
        assert_eq!(names.len(), FAILPOINTS.len());
    }

    /// What the process does that the next test starts.
    #[test]
    #[ignore = "another test starts it, in a process that may die"]
    fn comes_to_two_places() {
        for _ in 0..3 {
            failpoint!("append");
            println!("append");
            failpoint!("appended");
        }
    }

    fn command(value: &str) -> Command {
        let mut command = Command::new(std::env::current_exe().expect("a test knows its own file"));
        command.args(["--ignored", "--exact", "--nocapture", "tests::comes_to_two_places"]);
        command.env(VARIABLE, value);
        command
    }

    fn armed(value: &str) -> Output {
        command(value).output().expect("it can be started")
    }

    #[cfg(debug_assertions)]
    #[test]
    fn a_process_dies_where_and_when_it_is_told_to() {
        use std::os::unix::process::ExitStatusExt;
        for (value, passed) in [("append:1", 0), ("append:3", 2), ("appended:2:1", 2)] {
            let output = armed(value);
            assert_eq!(output.status.signal(), Some(9), "{value}: {output:?}");
            let printed = String::from_utf8_lossy(&output.stdout);
            assert_eq!(printed.matches("append\n").count(), passed, "{value}: {printed}");
            let told = String::from_utf8_lossy(&output.stderr);
            let name = value.split(':').next().unwrap_or_default();
            assert!(told.ends_with(&format!("{LAST_WORDS}{name}\n")), "{value}: {told}");
        }
        for value in [
            "append:4",
            "append",
            "elsewhere:1",
            "append:soon",
            "append:1:soon",
            "append:1,elsewhere:1",
        ] {
            let output = armed(value);
            assert!(output.status.success(), "{value}: {output:?}");
        }
    }

    #[cfg(debug_assertions)]
    #[test]
    fn a_process_stops_on_its_way_to_where_it_dies() {
        use std::process::Stdio;

        use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, waitid};
        let mut command = command("append:2,appended:1");
        let process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn();
        let process = process.expect("it can be started");
        let pid = Pid::from_child(&process);
        let changed = waitid(
            WaitId::Pid(pid),
            WaitIdOptions::STOPPED | WaitIdOptions::EXITED | WaitIdOptions::NOWAIT,
        );
        let stopped = changed.expect("it is a child of ours").expect("this waits");
        assert!(stopped.stopped(), "{stopped:?}");
        kill_process(pid, Signal::CONT).expect("it is there");
        let output = process.wait_with_output().expect("its output can be read");
        let printed = String::from_utf8_lossy(&output.stdout);
        assert_eq!(printed.matches("append\n").count(), 2, "{printed}");
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(told.ends_with(&format!("{LAST_WORDS}appended\n")), "{told}");
    }

    #[cfg(not(debug_assertions))]
    #[test]
    fn a_release_build_dies_nowhere() {
        let output = armed("append:1");
        assert!(output.status.success(), "{output:?}");
    }
}
