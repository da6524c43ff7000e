//! `muster-sim`: worlds by the thousand.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use clap::Parser;
#[cfg(feature = "plant")]
mod planted;

use muster_sim::{Outcome, Plan, coverage, run};

/// From how many seeds on everything must have occurred.
const COVERS_FROM: u64 = 1_000;

/// How many lines of a failing world's trace are shown.
const LINES_SHOWN: usize = 60;

/// Lets worlds happen in which everything goes wrong, and checks that what must hold does.
#[derive(Debug, Parser)]
#[command(name = "muster-sim")]
struct Arguments {
    /// How many seeds
    #[arg(long, default_value_t = 1_000)]
    seeds: u64,
    /// The first of them
    #[arg(long, default_value_t = 1)]
    from: u64,
    /// One seed only
    #[arg(long, conflicts_with_all = ["seeds", "from"])]
    seed: Option<u64>,
    /// Print all that happens with this seed
    #[arg(long, requires = "seed")]
    trace: bool,
    /// For how many minutes things go wrong in each world
    #[arg(long, default_value_t = Plan::default().minutes)]
    minutes: u64,
    /// How many worlds happen at the same time
    #[arg(long, default_value_t = 2)]
    threads: usize,
    /// Name what is caused and what is seen, and the defects that can be planted, and end
    #[arg(long)]
    list: bool,
    /// Plant this defect: the run ends well when a seed finds it
    #[cfg(feature = "plant")]
    #[arg(long)]
    plant: Option<String>,
    /// Plant each defect in turn, and say in how many seeds it is found
    #[cfg(feature = "plant")]
    #[arg(long, conflicts_with_all = ["plant", "seed"])]
    plants: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.list {
        coverage::all().for_each(|name| println!("{name}"));
        for (name, what) in muster_core::plant::PLANTS {
            println!("--plant {name}: {what}");
        }
        return ExitCode::SUCCESS;
    }
    // What a world breaks is told below, once, and with its seed.
    std::panic::set_hook(Box::new(|_| {}));
    #[cfg(feature = "plant")]
    {
        if arguments.plants {
            return planted::each(arguments.from, arguments.seeds, arguments.minutes);
        }
        if let Some(name) = &arguments.plant
            && !planted::plant(name)
        {
            println!("there is no defect `{name}` to plant: `--list` names them");
            return ExitCode::FAILURE;
        }
    }
    if let Some(seed) = arguments.seed {
        return one(seed, &arguments);
    }
    many(&arguments)
}

fn one(seed: u64, arguments: &Arguments) -> ExitCode {
    let plan = Plan {
        minutes: arguments.minutes,
        trace: true,
    };
    let outcome = run(seed, plan);
    if arguments.trace {
        print!("{}", outcome.trace);
    }
    if outcome.broken.is_some() {
        tell(&outcome, arguments);
        return ExitCode::FAILURE;
    }
    println!(
        "seed {seed}: {} steps in {} virtual minutes, and all holds",
        outcome.steps,
        outcome.virtual_ms / 60_000
    );
    ExitCode::SUCCESS
}

fn tell(outcome: &Outcome, arguments: &Arguments) {
    let Some((at, why)) = &outcome.broken else { return };
    #[cfg(feature = "plant")]
    let planted = arguments
        .plant
        .as_ref()
        .map_or_else(String::new, |name| format!(" --plant {name}"));
    #[cfg(not(feature = "plant"))]
    let planted = String::new();
    let features = if cfg!(feature = "plant") {
        " --features plant"
    } else {
        ""
    };
    let lines: Vec<&str> = outcome.trace.lines().collect();
    for line in &lines[lines.len().saturating_sub(LINES_SHOWN)..] {
        println!("{line}");
    }
    println!(
        "seed {} after {}.{:03} virtual seconds: {why}",
        outcome.seed,
        at / 1_000,
        at % 1_000
    );
    println!(
        "to repeat it: cargo run -p muster-sim --release{features} -- --seed {} --minutes {} --trace{planted}",
        outcome.seed, arguments.minutes
    );
}

fn many(arguments: &Arguments) -> ExitCode {
    let began = Instant::now();
    let next = AtomicU64::new(arguments.from);
    let end = arguments.from.saturating_add(arguments.seeds);
    let stop = AtomicBool::new(false);
    let sums = Mutex::new(Sums::default());
    std::thread::scope(|scope| {
        for _ in 0..arguments.threads.max(1) {
            scope.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end {
                        return;
                    }
                    let plan = Plan {
                        minutes: arguments.minutes,
                        trace: false,
                    };
                    let outcome = run(seed, plan);
                    stop.fetch_or(outcome.broken.is_some(), Ordering::Relaxed);
                    let mut sums = sums.lock().expect("nobody panics with it");
                    sums.add(outcome);
                }
            });
        }
    });
    let sums = sums.into_inner().expect("nobody panics with it");
    let seconds = began.elapsed().as_secs_f64();
    for (name, count) in &sums.counts {
        println!("{count:>10}  {name}");
    }
    println!(
        "{} seeds in {seconds:.1} s: {:.1} seeds/s, {:.0} virtual hours/s, {} steps",
        sums.seeds,
        sums.seeds as f64 / seconds,
        sums.virtual_ms as f64 / 3_600_000.0 / seconds,
        sums.steps
    );
    if let Some(seed) = sums.broken {
        return one(seed, arguments);
    }
    let missing = coverage::missing(&sums.counts);
    if sums.seeds >= COVERS_FROM && !missing.is_empty() {
        println!("never occurred, so nothing is shown about it: {}", missing.join("; "));
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// What all worlds have had together.
#[derive(Debug, Default)]
struct Sums {
    seeds: u64,
    steps: u64,
    virtual_ms: u64,
    counts: BTreeMap<&'static str, u64>,
    /// The least seed that broke a rule.
    broken: Option<u64>,
}

impl Sums {
    fn add(&mut self, outcome: Outcome) {
        self.seeds += 1;
        self.steps += outcome.steps;
        self.virtual_ms += outcome.virtual_ms;
        for (name, count) in outcome.counts {
            *self.counts.entry(name).or_default() += count;
        }
        if outcome.broken.is_some() {
            self.broken = Some(self.broken.map_or(outcome.seed, |seed| seed.min(outcome.seed)));
        }
    }
}
