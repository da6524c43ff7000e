//! The real coordinator under as much load as it carries, and its latency at half of that.

use std::path::Path;

use super::Outcome;
use super::arguments::Scale;
use super::child::Child;
use super::coordinator::Coordinator;
use super::load::{Paced, ROLE, Saturated, Settings};

/// What the coordinator carries.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Full {
    /// Until history had all of them.
    pub(crate) lifecycles_per_s: f64,
    /// Until the last acknowledgement.
    pub(crate) acknowledged_per_s: f64,
    /// How long history took after that, and the coordinator to stop.
    pub(crate) caught_up_in_s: f64,
    /// Refused reports: none, when all is well.
    pub(crate) fenced: u64,
    /// At half of the load.
    pub(crate) paced: Paced,
}

pub(crate) fn measure(binary: &Path, folder: &Path, scale: &Scale) -> Outcome<Full> {
    let (saturated, caught_up_in_s) = saturate(Coordinator::start(binary, folder)?, scale)?;
    let lifecycles_per_s = saturated.finished as f64 / (saturated.seconds + caught_up_in_s);

    let coordinator = Coordinator::start(binary, folder)?;
    let settings = Settings {
        pace: Some(lifecycles_per_s / 2.0),
        ..settings(&coordinator, scale)
    };
    let paced = Child::play(ROLE, &settings)?.hear()?;
    Ok(Full {
        lifecycles_per_s,
        acknowledged_per_s: saturated.finished as f64 / saturated.seconds,
        caught_up_in_s,
        fenced: saturated.fenced,
        paced,
    })
}

/// As much load as a coordinator carries, and how many seconds it took after the last acknowledgement until history had all, and it had stopped.
pub(crate) fn saturate(coordinator: Coordinator, scale: &Scale) -> Outcome<(Saturated, f64)> {
    let mut load = Child::play(ROLE, &settings(&coordinator, scale))?;
    let saturated: Saturated = load.hear()?;
    // An orderly stop returns when history has absorbed everything: from outside there is no other way to see it.
    drop(load);
    Ok((saturated, coordinator.stop()?.as_secs_f64()))
}

fn settings(coordinator: &Coordinator, scale: &Scale) -> Settings {
    Settings {
        way: coordinator.way(),
        integrations: scale.integrations,
        settle: scale.settle,
        window: scale.window,
        pace: None,
    }
}
