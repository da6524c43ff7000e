//! How the executions of the last 24 hours ended, as a strip: one mark for each, from yesterday on the left to now on the right.

use maud::{Markup, html};
use muster_proto::v1::{Integration, Outcomes};

use crate::words::counted;

/// Half an hour by the clock is a column, so that the strip moves on only twice an hour; a day touches one column more.
const COLUMNS: u32 = 49;
const COLUMN_SECONDS: u32 = 30 * 60;
/// Executions of the same half hour stand above each other; beyond these the last mark is that of several.
const ROWS: u32 = 3;

/// The strip.
pub(super) fn strip(integration: &Integration) -> Markup {
    let none = Outcomes::default();
    let outcomes = integration.outcomes.as_ref().unwrap_or(&none);
    let (completed, failed) = (
        outcomes.completed_seconds.len() as u64,
        outcomes.error_seconds.len() as u64,
    );
    let said = match completed + failed {
        0 => "Nothing has ended in the last 24 h".to_owned(),
        all => format!("{} of the last 24 h, {failed} failed", counted(all, "execution")),
    };
    html! {
        svg.strip viewBox="0 0 294 22" preserveAspectRatio="none" role="img" aria-label=(said) {
            title { (said) }
            path.ground d="M0 21.5h294" {}
            path.good d=(marks(outcomes, false)) {}
            path.bad d=(marks(outcomes, true)) {}
        }
    }
}

/// The marks of those that failed, or of those that did not, as one path: so that a thousand strips are a thousand elements and not fifty thousand.
fn marks(outcomes: &Outcomes, failed: bool) -> String {
    let start = outcomes.start_time.as_ref().map_or(0, |start| start.seconds);
    let into = u32::try_from(start.rem_euclid(i64::from(COLUMN_SECONDS))).unwrap_or(0);
    let column = |seconds: &u32| (seconds.saturating_add(into) / COLUMN_SECONDS).min(COLUMNS - 1) as usize;
    let mut bad = [0_u32; COLUMNS as usize];
    let mut good = [0_u32; COLUMNS as usize];
    outcomes.error_seconds.iter().map(column).for_each(|at| bad[at] += 1);
    outcomes
        .completed_seconds
        .iter()
        .map(column)
        .for_each(|at| good[at] += 1);
    let mut path = String::new();
    for (at, (bad, good)) in (0..COLUMNS).zip(bad.into_iter().zip(good)) {
        // Failures stand at the bottom, and are never crowded out.
        let bad = bad.min(ROWS);
        let rows = if failed { 0..bad } else { bad..(bad + good).min(ROWS) };
        for row in rows {
            path.push_str(&format!("M{} {}h4.6v5.4h-4.6z", at * 6, 14 - row * 7));
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_execution_has_its_mark_and_failures_are_never_crowded_out() {
        let outcomes = Outcomes {
            start_time: None,
            completed_seconds: vec![0, 1, 2, 3, 1_800],
            error_seconds: vec![5, 86_399],
        };
        let (good, bad) = (marks(&outcomes, false), marks(&outcomes, true));
        assert_eq!(bad.matches('M').count(), 2);
        assert_eq!(
            good.matches('M').count(),
            3,
            "two beside the failure, and the one of the next half hour: {good}"
        );
        assert!(bad.starts_with("M0 14h") && bad.contains("M282 14h"), "{bad}");
    }
}
