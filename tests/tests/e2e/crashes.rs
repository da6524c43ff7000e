//! The coordinator and its runners die again and again, at each failpoint in turn and at any moment, while operators ask: nothing that was acknowledged
//! is lost, no end changes, what has completed is visible once and whole, what has failed is not, and everything ends.
//!
//! Who dies where is a matter of chance, from a seed that is printed: `MUSTER_SEED` has the same choices made again, though not at the same moments.
//! `MUSTER_CRASH_ROUNDS` is how often the coordinator dies, 200 unless it says otherwise; the two runners die some 800 times meanwhile. Thousands of
//! rounds take longer than a test may under nextest: `MUSTER_CRASH_ROUNDS=10000 cargo test -p muster-tests --test e2e crashes -- --nocapture`.
//!
//! What it looks at was shown by faults that were made in the code by hand, four runs each:
//!
//! - an answer before its flush (`Committer::run` carries out the releases before `self.flush`): an execution that was named is not there, or an end has
//!   changed; seen at the 1st to the 9th loss of the machine, of which 200 rounds have some 17;
//! - records that are published before the commit to them is durable (the committer tells the publisher before `self.flush`, and that reads without waiting):
//!   `verify` finds records of an execution that has not completed; seen at the 1st to the 4th.
//!
//! Neither is seen by `kill -9` alone, see [`machine`].

mod machine;
mod operators;
mod points;

use std::collections::BTreeMap;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::ExitStatus;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use muster_tests::{
    Binary, Client, Coordinator, History, LIMIT, Process, Runner, eventually, passwd_of, published, staged_files,
    until_nothing_open,
};
use nix::sys::signal::Signal;
use tokio::task::JoinSet;

use self::operators::{Operator, RECORDS, Told};
use self::points::{COORDINATOR, Death, MAKING, RUNNER, When};

/// How often the coordinator dies unless somebody says otherwise.
const ROUNDS: usize = 200;

/// Who has ended without coming to its failpoint.
const NOWHERE: &str = "(elsewhere: the failpoint did not come)";

const OPERATORS: u64 = 4;
const RUNNERS: u64 = 2;

/// How long a round waits for its failpoint. Then it is a kill at any moment.
const ROUND_MAX: Duration = Duration::from_millis(2_500);

/// The same where only an old coordinator comes: what has changed waits for 7 s before its record is written.
const OLD_ROUND_MAX: Duration = Duration::from_secs(12);

/// The age at which one has something to trim.
const OLD: Duration = Duration::from_secs(9);

/// Of how many turns one has the failpoints to which only an old coordinator comes: each of them takes as long as ten others.
const TURNS_TO_OLD: usize = 3;

/// The longest that half of those who die are held up where they do. The other half is not: nothing is there then that happens in the meantime.
const HELD_UP_MS_MAX: u32 = 40;

/// The longest that something works before it is told to stop, or killed at any moment.
const WORK_MAX: Duration = Duration::from_millis(800);

/// How many of the coordinator's rounds there are between two looks at everything.
const LOOK_EVERY: usize = 40;

/// Two back-offs (30 s and 60 s), leases, and the work itself.
const HEALED_WITHIN: Duration = Duration::from_secs(150);

/// The shortest lease that there is; and the disk of whoever tests may be as full as it likes.
const ARGUMENTS: [&str; 6] = ["--lease", "5s", "--stop-within", "5s", "--low-water-mib", "0"];

#[tokio::test(flavor = "multi_thread")]
async fn crashes_at_every_point_lose_and_repeat_nothing() {
    let seed = number("MUSTER_SEED").unwrap_or_else(|| fastrand::u64(..));
    let rounds =
        number("MUSTER_CRASH_ROUNDS").map_or(ROUNDS, |rounds| usize::try_from(rounds).expect("a number of rounds"));
    println!("{rounds} rounds; make the same choices again with MUSTER_SEED={seed}");
    let folder = tempfile();
    let source = folder.path().join("source");
    passwd_of(&source, u32::try_from(RECORDS).expect("few"));

    let began = Instant::now();
    let mut deaths = Deaths::default();
    let coordinator = make(folder.path(), &mut deaths).await;
    let (client, url) = (coordinator.client(), coordinator.url());
    let over = Arc::new(AtomicBool::new(false));
    let mut others: JoinSet<Ended> = JoinSet::new();
    for ordinal in 0..RUNNERS {
        let runner = Runner::start(folder.path(), &url, &format!("runner-{ordinal}"), &["--slots", "8"]);
        let chance = fastrand::Rng::with_seed(seed ^ (1 + ordinal));
        let over = Arc::clone(&over);
        others.spawn(async move {
            let (runner, deaths) = crash_runner(runner, chance, &over).await;
            Ended::Runner(Box::new(runner), deaths)
        });
    }
    for ordinal in 0..OPERATORS {
        let chance = fastrand::Rng::with_seed(seed ^ (0x100 + ordinal));
        let operator = Operator::new(format!("operator {ordinal}"), client.clone(), &source, chance);
        let over = Arc::clone(&over);
        others.spawn(async move { Ended::Operator(operator.ask_until(&over).await) });
    }
    let crashing = crash_coordinator(coordinator, rounds, fastrand::Rng::with_seed(seed));
    tokio::pin!(crashing);
    let (mut coordinator, of_coordinator) = tokio::select! {
        crashed = &mut crashing => crashed,
        // None of them ends by itself.
        ended = others.join_next() => panic!("{:?}", passed(ended.expect("there are some"))),
    };
    deaths.add(of_coordinator);
    over.store(true, Ordering::Relaxed);
    let mut told = Told::default();
    let mut runners = Vec::new();
    while let Some(ended) = others.join_next().await {
        match passed(ended) {
            Ended::Runner(runner, of_runner) => {
                runners.push(runner);
                deaths.add(of_runner);
            }
            Ended::Operator(operator) => told.add(operator),
        }
    }
    println!("{} deaths within {:?}\n{deaths}", deaths.all, began.elapsed());
    println!("{told}");

    judge(&mut coordinator, &client, &mut told).await;
    println!("{told} in the end, after {:?}", began.elapsed());
    drop(runners);
    if rounds >= ROUNDS {
        let missed = deaths.never_at();
        assert!(missed.is_empty(), "nothing has died at {missed:?} in {rounds} rounds");
    }
}

/// What a task has come to.
#[derive(Debug)]
enum Ended {
    Runner(Box<Runner>, Deaths),
    Operator(Told),
}

fn passed<T>(joined: Result<T, tokio::task::JoinError>) -> T {
    joined.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()))
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok()?.parse().ok()
}

fn tempfile() -> tempfile::TempDir {
    let folder = tempfile::Builder::new().prefix("muster-e2e-").tempdir();
    folder.expect("the system has a folder for temporary files")
}

/// How often something has died where.
#[derive(Debug, Default)]
struct Deaths {
    at: BTreeMap<&'static str, usize>,
    all: usize,
}

impl Deaths {
    fn note(&mut self, at: &'static str) {
        *self.at.entry(at).or_default() += 1;
        self.all += 1;
    }

    fn add(&mut self, others: Self) {
        for (at, times) in others.at {
            *self.at.entry(at).or_default() += times;
        }
        self.all += others.all;
    }

    fn never_at(&self) -> Vec<&'static str> {
        let all = [MAKING, COORDINATOR, RUNNER].into_iter().flatten();
        all.map(|death| death.at)
            .filter(|at| !self.at.contains_key(at))
            .collect()
    }
}

impl std::fmt::Display for Deaths {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (at, times) in &self.at {
            writeln!(f, "{times:>6} {at}")?;
        }
        Ok(())
    }
}

/// A coordinator whose store was made only after the process that made it had died at each step of that.
async fn make(folder: &Path, deaths: &mut Deaths) -> Coordinator {
    let mut coordinator: Option<Coordinator> = None;
    for death in MAKING {
        let failpoint = format!("{}:1", death.at);
        let coordinator = match &mut coordinator {
            None => coordinator.insert(Coordinator::start_to_crash(folder, &ARGUMENTS, &failpoint)),
            Some(coordinator) => {
                coordinator.relaunch_to_crash(&failpoint);
                coordinator
            }
        };
        let ended = coordinator.process().ended(LIMIT).await;
        deaths.note(died(coordinator.process(), ended).unwrap_or_else(|| panic!("it did not die at `{}`", death.at)));
    }
    coordinator.expect("there are such failpoints")
}

/// The failpoint that a process has died at; `None` when it was killed.
///
/// # Panics
/// When it has ended by itself.
fn died(process: &mut Process, ended: ExitStatus) -> Option<&'static str> {
    assert_eq!(ended.signal(), Some(9), "it has ended by itself: {ended}");
    let at = process.died_at()?;
    let all = [MAKING, COORDINATOR, RUNNER].into_iter().flatten();
    Some(
        all.map(|death| death.at)
            .find(|name| **name == *at)
            .expect("all failpoints are listed"),
    )
}

/// Lets the coordinator die so often, and leaves it serving.
async fn crash_coordinator(
    mut coordinator: Coordinator,
    rounds: usize,
    mut chance: fastrand::Rng,
) -> (Coordinator, Deaths) {
    let mut deaths = Deaths::default();
    let mut turns = Turns::of(COORDINATOR);
    let (client, mut seen) = (coordinator.client(), History::default());
    while deaths.all < rounds {
        if deaths.all % LOOK_EVERY == LOOK_EVERY - 1 {
            coordinator.restart().await;
            seen.look(client.all_executions_soon().await);
            coordinator.kill_9();
        }
        let (death, ordinal) = turns.next(&mut chance);
        let held_up = if chance.bool() {
            chance.u32(0..=HELD_UP_MS_MAX)
        } else {
            0
        };
        let work = WORK_MAX.mul_f64(chance.f64());
        let began = Instant::now();
        let at = match death.when {
            When::MachineLost => machine::lose(&mut coordinator, death, ordinal).await,
            _ => {
                coordinator.relaunch_to_crash(&format!("{}:{ordinal}:{held_up}", death.at));
                until_dead(&mut coordinator, death, work).await
            }
        };
        match at {
            // Whoever reads the landing does so whether a coordinator runs or not: what is visible is whole, and has its manifest.
            Some(at) if at.starts_with("publish") => drop(published(&coordinator.landing())),
            Some(_) => {}
            None => turns.again(death),
        }
        deaths.note(at.unwrap_or(NOWHERE));
        println!("{:>5} {:?} {}:{ordinal} {at:?}", deaths.all, began.elapsed(), death.at);
    }
    coordinator.restart().await;
    (coordinator, deaths)
}

/// Lets a runner die until it is over, and leaves it running.
async fn crash_runner(mut runner: Runner, mut chance: fastrand::Rng, over: &AtomicBool) -> (Runner, Deaths) {
    let mut deaths = Deaths::default();
    let mut turns = Turns::of(RUNNER);
    runner.kill_9();
    while !over.load(Ordering::Relaxed) {
        let (death, ordinal) = turns.next(&mut chance);
        runner.restart_to_crash(&format!("{}:{ordinal}", death.at));
        let work = match death.when {
            When::AnyMoment => WORK_MAX.mul_f64(chance.f64()),
            _ => ROUND_MAX,
        };
        let ended = within(runner.process(), Instant::now() + work).await;
        deaths.note(end(runner.process(), ended, death).unwrap_or(NOWHERE));
    }
    runner.restart();
    (runner, deaths)
}

/// Has a coordinator work until it dies, and tells at what; `None` when it was something else than it should have died at.
async fn until_dead(coordinator: &mut Coordinator, death: &Death, work: Duration) -> Option<&'static str> {
    let work = match death.when {
        When::Snapshot => return kill_in_snapshot(coordinator).then_some(death.at),
        When::Working | When::MachineLost => ROUND_MAX,
        When::Old => OLD_ROUND_MAX,
        When::StoppingOld => OLD,
        When::Stopping | When::AnyMoment => work,
    };
    if matches!(death.when, When::Stopping | When::StoppingOld) {
        if until_ready(coordinator).await {
            within(coordinator.process(), Instant::now() + work).await;
        }
        coordinator.process().signal(Signal::SIGTERM);
        let ended = coordinator.process().ended(LIMIT).await;
        return if ended.success() {
            None
        } else {
            died(coordinator.process(), ended)
        };
    }
    let ended = within(coordinator.process(), Instant::now() + work).await;
    end(coordinator.process(), ended, death)
}

/// Where a process has died; kills it if it has not, and tells where that was meant: `None` when its failpoint did not come.
fn end(process: &mut Process, ended: Option<ExitStatus>, death: &Death) -> Option<&'static str> {
    match ended {
        Some(ended) => died(process, ended),
        None => {
            process.kill_9();
            (death.when == When::AnyMoment).then_some(death.at)
        }
    }
}

/// How a process has ended; `None` when it has not by then.
async fn within(process: &mut Process, until: Instant) -> Option<ExitStatus> {
    while Instant::now() < until {
        if let Some(ended) = process.try_wait() {
            return Some(ended);
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    process.try_wait()
}

/// Whether it serves; `false` when it has died before.
async fn until_ready(coordinator: &mut Coordinator) -> bool {
    let until = Instant::now() + LIMIT;
    while !coordinator.is_ready() {
        if coordinator.process().try_wait().is_some() {
            return false;
        }
        assert!(Instant::now() < until, "it does not serve");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    true
}

/// Kills it while the engine writes its snapshot, which it does when it opens; `false` when that was not seen.
fn kill_in_snapshot(coordinator: &mut Coordinator) -> bool {
    let engine = coordinator.data().join("store/engine");
    let is_being_written = || {
        let mut files = std::fs::read_dir(&engine).into_iter().flatten().flatten();
        files.any(|file| file.file_name().to_string_lossy().ends_with(".generating"))
    };
    let until = Instant::now() + ROUND_MAX;
    // It takes a millisecond or two, so this cannot wait between its looks.
    while Instant::now() < until && !is_being_written() {
        std::thread::yield_now();
    }
    coordinator.kill_9();
    is_being_written()
}

/// Each of them in turn, in an order that is another each time.
struct Turns {
    all: &'static [Death],
    left: Vec<(&'static Death, u32)>,
    /// How many turns there were.
    turn: usize,
}

impl Turns {
    fn of(all: &'static [Death]) -> Self {
        let left = Vec::new();
        Self { all, left, turn: 0 }
    }

    /// The next one, and which time it is that counts.
    fn next(&mut self, chance: &mut fastrand::Rng) -> (&'static Death, u32) {
        if self.left.is_empty() {
            let with_old = self.turn.is_multiple_of(TURNS_TO_OLD);
            let is_due = |death: &&Death| with_old || !matches!(death.when, When::Old | When::StoppingOld);
            for death in self.all.iter().filter(is_due) {
                self.left.push((death, chance.u32(1..=death.ordinal_max)));
            }
            self.turn += 1;
            chance.shuffle(&mut self.left);
        }
        self.left.pop().expect("there are some")
    }

    /// Has one that was not come to tried again at the end of the turn.
    fn again(&mut self, death: &'static Death) {
        self.left.insert(0, (death, 1));
    }
}

/// Waits until everything has ended, and compares it with what was told: as it is served, as it lies on the disk, and as it is served then.
async fn judge(coordinator: &mut Coordinator, client: &Client, told: &mut Told) {
    until_nothing_open(client, HEALED_WITHIN).await;
    told.judge(client, &coordinator.landing()).await;
    assert_eq!(coordinator.terminate(LIMIT).await.code(), Some(0));
    verify(coordinator);
    coordinator.restart().await;
    told.judge(client, &coordinator.landing()).await;
    eventually("nothing to be staged any more", LIMIT, async || {
        let left = staged_files(&coordinator.landing());
        if left.is_empty() {
            Ok(())
        } else {
            Err(format!("{left:?}"))
        }
    })
    .await;
}

/// Looks whether all that is kept is what was told, while no coordinator runs.
fn verify(coordinator: &Coordinator) {
    let mut verify = Binary::Coordinator.command();
    let verified = verify.arg("verify").arg("--data").arg(coordinator.data()).output();
    let verified = verified.expect("it can be started");
    let said = String::from_utf8_lossy(&verified.stdout);
    assert!(verified.status.success(), "{said}");
    println!("verify: {}", said.trim_end());
}
