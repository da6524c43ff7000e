//! When an incident opens, is told again and closes: for an integration's error rate the one rule, as a function of the integration and the time; those of
//! [`pool`]s and [`runner`]s stand beside it.
//!
//! It is judged by the state, not by changes: whatever has changed it (an execution's end, an end that slid out of the window, a setting, a switch),
//! what ought to be follows. [`next_look`] says when it may follow from nothing but time.

pub mod clone;
mod policy;
pub mod pool;
pub mod runner;

use crate::entity::{Alert, Closing, Integration};
use crate::health::window::slides_out;
use crate::health::{Tally, Window};
use crate::planted;
use crate::time::Stamp;
use crate::words::{Enablement, Notifications};

pub use policy::Policy;

/// What follows for what people are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// The threshold is reached, and has to hold for a while.
    Reach,
    /// It did not hold.
    Leave,
    /// An incident opens.
    Open,
    /// The open incident is told again.
    Remind,
    /// The open incident closes.
    Close(Closing),
}

/// What follows at `now`; `None` when all is as it ought to be.
#[must_use]
pub fn judge(integration: &Integration, now: Stamp) -> Option<Verdict> {
    let settings = &integration.definition.notifications;
    let tally = integration.window.tally(now, settings.window);
    verdict(integration, tally, now)
}

/// What follows at `now`, also from what was to be done at a time that nobody looked at.
#[must_use]
pub fn due(integration: &Integration, now: Stamp) -> Option<Verdict> {
    let unseen = || judge(integration, next_look(integration).filter(|look| *look <= now)?);
    match judge(integration, now) {
        // A threshold that was left unseen, and is reached again, has not held.
        Some(Verdict::Open) if unseen() == Some(Verdict::Leave) => Some(Verdict::Leave),
        Some(verdict) => Some(verdict),
        None => match unseen()? {
            // A rate that has reached its threshold unseen, and left it again, is told to nobody.
            Verdict::Reach | Verdict::Open => Some(Verdict::Leave),
            // An incident that was over then is over.
            later @ (Verdict::Leave | Verdict::Remind | Verdict::Close(_)) => Some(later),
        },
    }
}

fn verdict(integration: &Integration, tally: Tally, now: Stamp) -> Option<Verdict> {
    let settings = &integration.definition.notifications;
    match (silence(integration), &integration.alert) {
        (Some(_), Alert::Quiet { .. }) => None,
        (Some(_), Alert::Reached { .. }) => Some(Verdict::Leave),
        (Some(closing), Alert::Open { .. }) => Some(Verdict::Close(closing)),
        (None, Alert::Quiet { .. }) if !is_reached(settings, tally) => None,
        (None, Alert::Quiet { .. }) if settings.hold.is_zero() || planted!("hold-ignored") => Some(Verdict::Open),
        (None, Alert::Quiet { .. }) => Some(Verdict::Reach),
        (None, Alert::Reached { .. }) if !is_reached(settings, tally) && !planted!("hold-not-judged-again") => {
            Some(Verdict::Leave)
        }
        (None, Alert::Reached { since }) => (since.after(settings.hold) <= now).then_some(Verdict::Open),
        (None, Alert::Open { .. }) if is_recovered(settings, tally) => Some(Verdict::Close(Closing::Recovered)),
        (None, Alert::Open { told, .. }) => {
            let reminder = told_again(settings, *told);
            reminder.is_some_and(|at| at <= now).then_some(Verdict::Remind)
        }
    }
}

/// Why there is nothing to tell of an integration; `None` when there is.
fn silence(integration: &Integration) -> Option<Closing> {
    match integration.enablement {
        Enablement::Draft | Enablement::Disabled => Some(Closing::Disabled),
        Enablement::Enabled if planted!("mute-leaves-open") && matches!(integration.alert, Alert::Open { .. }) => None,
        Enablement::Enabled if !integration.definition.notifications.enabled => Some(Closing::Muted),
        Enablement::Enabled => None,
    }
}

fn is_reached(settings: &Notifications, tally: Tally) -> bool {
    let is_sampled = tally.finished >= settings.sample_min || planted!("sample-ignored");
    is_sampled && settings.threshold.is_reached_by(tally.failed, tally.finished)
}

/// While nothing has finished nobody knows, and the incident stays.
fn is_recovered(settings: &Notifications, tally: Tally) -> bool {
    let recovery = if planted!("hysteresis-ignored") {
        settings.threshold
    } else {
        settings.recovery()
    };
    tally.finished > 0 && !recovery.is_reached_by(tally.failed, tally.finished)
}

/// When an open incident is told again that was told then.
fn told_again(settings: &Notifications, told: Stamp) -> Option<Stamp> {
    let too_early = if planted!("reminder-too-early") { 2 } else { 1 };
    settings.reminder.map(|reminder| told.after(reminder / too_early))
}

/// From when on [`judge`] says something, if nothing but time goes on; `None` for never. A time that is past says that it does so now.
///
/// Between two ends that slide out of the window the rate stays as it is, so only those times are looked at, and those of `hold` and of the reminder.
#[must_use]
pub fn next_look(integration: &Integration) -> Option<Stamp> {
    let settings = &integration.definition.notifications;
    let quiet = matches!(integration.alert, Alert::Quiet { .. });
    if quiet && (silence(integration).is_some() || !integration.window.has_failures()) {
        return None;
    }
    let from = integration.alert_changed();
    if judge(integration, from).is_some() {
        return Some(from);
    }
    let by_itself = match &integration.alert {
        Alert::Quiet { .. } => None,
        Alert::Reached { since } => Some(since.after(settings.hold)),
        Alert::Open { told, .. } => told_again(settings, *told),
    };
    let by_sliding = first_slide(integration, &integration.window, from).filter(|_| !planted!("slide-not-looked-at"));
    by_itself.into_iter().chain(by_sliding).min()
}

/// The first time after `from` at which an end has slid out and the rest judges otherwise.
fn first_slide(integration: &Integration, window: &Window, from: Stamp) -> Option<Stamp> {
    let span = integration.definition.notifications.window;
    let mut tally = window.tally(from, span);
    let mut ends = window
        .ends()
        .map(|end| (slides_out(end.at, span), end.failed))
        .skip_while(|(out, _)| *out <= from)
        .peekable();
    while let Some((out, failed)) = ends.next() {
        tally.finished -= 1;
        tally.failed -= u32::from(failed);
        let last_of_its_time = ends.peek().is_none_or(|(next, _)| *next != out);
        if last_of_its_time && verdict(integration, tally, out).is_some() {
            return Some(out);
        }
    }
    None
}
