//! All of Muster's logic in one thread, with virtual time, faults, and all chance from one seed.
//!
//! What runs is the real thing: the core's `decide` and `apply`, the shard's writer, committer and keeper step by step, the store over an engine in
//! memory, both ends of the check-in, and the landing. What is made up is what they stand on: the disk, the network, the clocks, the sources, the
//! mail server, the people. Whatever these may do in the worst case they do here, at any moment; and after each step it is checked that what must always hold does.
//!
//! ```text
//!  people ──▶ shard (writer, committer, keeper) ──▶ store ──▶ disk with faults
//!               ▲ │                └──────────────▶ landing ──▶ files with faults
//!               │ ▼                                    ▲
//!  coordinator's ends of streams ◀── network ──▶ runner's ends ──▶ work, uploads, spools
//! ```
//!
//! One seed gives one world, and one trace, byte for byte.

mod agenda;
mod check;
mod checks;
mod clock;
mod coordinator;
pub mod coverage;
mod disk;
mod end;
mod faults;
mod files;
mod jobs;
mod mail;
mod narrate;
mod network;
mod operator;
mod runner;
mod spec;
mod stream;
mod told;
mod trace;
mod upload;
mod work;
mod world;

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

pub use world::Plan;
use world::World;

/// What has come of one seed.
#[derive(Debug)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// Which rule was broken, and when, in milliseconds of virtual time; `None` when none was.
    pub broken: Option<(u64, String)>,
    /// How often each fault and each transition occurred.
    pub counts: BTreeMap<&'static str, u64>,
    /// How long the world was, in milliseconds of virtual time.
    pub virtual_ms: u64,
    /// How many things have happened in it.
    pub steps: u64,
    /// What happened, if that was to be kept.
    pub trace: String,
}

/// Lets one world happen, from its beginning to its end.
#[must_use]
pub fn run(seed: u64, plan: Plan) -> Outcome {
    let mut world = World::new(seed, plan);
    let happened = catch_unwind(AssertUnwindSafe(|| {
        world.run_until(plan.minutes * 60_000);
        world.end();
    }));
    let broken = happened.err().map(|panic| {
        let text = panic
            .downcast_ref::<String>()
            .cloned()
            .or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()))
            .unwrap_or_else(|| "a panic without words".to_owned());
        (world.now, world.trace.shortened(&text))
    });
    Outcome {
        seed,
        broken,
        counts: world.trace.counts().clone(),
        virtual_ms: world.now,
        steps: world.steps,
        trace: world.trace.text().to_owned(),
    }
}
