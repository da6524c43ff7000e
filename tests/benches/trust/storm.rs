//! A crowd of runners whose coordinator is killed and started again: how soon all are back, and whether it then is as quick as before.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::crowd::{ROLE, Settings};
use crate::enrolling::enroll;
use crate::harness::Outcome;
use crate::harness::arguments::Scale;
use crate::harness::child::Child;
use crate::harness::coordinator::Coordinator;
use crate::harness::load::Paced;

/// Executions created in a second while the assignments are timed: what the collections of a million integrations come to.
const PACE: f64 = 600.0;

/// How long the coordinator is away the second time: long enough that every runner's back-off is at its longest.
const OUTAGE: Duration = Duration::from_secs(60);
const OUTAGE_SHORT: Duration = Duration::from_secs(3);

/// What came of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Storm {
    pub(crate) runners: usize,
    /// From SERVING until all had their welcome, when it was started again at once.
    pub(crate) back: Duration,
    /// The same from the start of its process.
    pub(crate) back_from_start: Duration,
    /// From SERVING, after an outage.
    pub(crate) back_after_outage: Duration,
    /// The coordinator's memory when all were back.
    pub(crate) resident_bytes: u64,
    pub(crate) before: Paced,
    pub(crate) after: Paced,
}

pub(crate) fn measure(binary: &Path, folder: &Path, scale: &Scale) -> Outcome<Storm> {
    std::fs::create_dir(folder)?;
    let data = folder.join("data");
    let coordinator = Coordinator::start_asking(binary, &data)?;
    let way = coordinator.way();
    enroll(&way, scale.idle_runners as u64)?;
    let settings = Settings {
        way: way.clone(),
        runners: scale.idle_runners as u64,
        // More than are run while the assignments are timed, so that none is open when its turn comes.
        integrations: scale.integrations / 10,
        settle: scale.settle,
        window: scale.window / 2,
        pace: PACE,
    };
    let mut crowd = Child::play(ROLE, &settings)?;
    let before = crowd.hear()?;

    let (coordinator, back) = again(binary, coordinator, &data, &mut crowd, Duration::ZERO)?;
    let back_from_start = coordinator.started_in + back;
    let after = crowd.hear()?;
    let outage = if scale.short { OUTAGE_SHORT } else { OUTAGE };
    let (coordinator, back_after_outage) = again(binary, coordinator, &data, &mut crowd, outage)?;
    Ok(Storm {
        runners: scale.idle_runners,
        back,
        back_from_start,
        back_after_outage,
        resident_bytes: coordinator.resident_bytes()?,
        before,
        after,
    })
}

/// Kills the coordinator, and starts it again after a while; how long it took from SERVING until all were back.
fn again(
    binary: &Path,
    coordinator: Coordinator,
    data: &Path,
    crowd: &mut Child,
    outage: Duration,
) -> Outcome<(Coordinator, Duration)> {
    let way = coordinator.way();
    // That is `kill -9`.
    drop(coordinator);
    std::thread::sleep(outage);
    let coordinator = Coordinator::start_at(binary, data, way)?;
    let serves = Instant::now();
    let () = crowd.hear()?;
    Ok((coordinator, serves.elapsed()))
}
