//! What a shard counts is what has happened in it.

use std::time::Duration;

use muster_core::decide::Command;
use muster_core::decide::execution::{Report, cancel::Cancel, fail::Fail};
use muster_core::words::{Category, Claim, Failure, Principal};
use muster_shard::figures::Spread;
use muster_store::{Location, Store};

use crate::rig::{PATIENCE, Runner, begin, create, end, organization};

/// How many values there are.
fn count(spread: &Spread) -> u64 {
    spread.buckets.iter().map(|(_, count)| count).sum()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_figures_add_up_to_what_has_happened() {
    let folder = tempfile::tempdir().expect("a folder");
    let location = Location::Folder(folder.path().join("store"));
    let (handle, running) = begin(Store::open(&location).expect("a new store"));
    let mut runner = Runner::check_in(&handle, 1).await;
    for name in ["one", "two"] {
        create(&handle, name).await;
        let assignment = runner.assigned().await;
        runner.carry_out(&handle, &assignment).await;
    }
    // One fails for good, one is tried again, and then canceled in its back-off.
    for (name, category) in [("three", Category::Permission), ("four", Category::Communication)] {
        create(&handle, name).await;
        let assignment = runner.assigned().await;
        let claim = Claim {
            runner: runner.id,
            attempt: assignment.attempt,
        };
        let report = Report {
            execution: assignment.execution,
            claim,
        };
        let failure = Failure::new(category, "no");
        let fail = Command::Fail(Fail { report, failure });
        handle
            .ask(Principal::Runner(runner.id), fail)
            .await
            .expect("it holds it");
        if category == Category::Communication {
            let counted = |turn: &mut muster_shard::Turn<'_>| {
                let index = turn.state().index();
                (
                    index.open_counts().created,
                    index.backing_off_count(),
                    turn.dispatches(),
                )
            };
            assert_eq!(handle.turn(counted).await, Ok((1, 1, true)));
            let cancel = Command::Cancel(Cancel {
                organization: organization(),
                execution: assignment.execution,
                reason: None,
            });
            handle.ask(Principal::local(), cancel).await.expect("it is open");
        }
    }

    let figures = handle.figures().await.expect("it runs");
    assert_eq!((figures.created.get(), figures.completed.get()), (4, 2));
    let counted = |counts: &muster_shard::figures::ByCategory| -> Vec<_> {
        counts.get().filter(|(_, count)| *count > 0).collect()
    };
    assert_eq!(
        counted(&figures.failed),
        [(Category::Permission, 1), (Category::Canceled, 1)]
    );
    let attempts = [(Category::Permission, 1), (Category::Communication, 1)];
    assert_eq!(counted(&figures.attempts_failed), attempts);
    let left = [&figures.in_created, &figures.in_pending, &figures.in_executing];
    // Each was claimed, and the last one was canceled out of the queue. The failed ones had not started.
    assert_eq!(left.map(|spread| count(&spread.spread())), [5, 4, 2]);
    assert!(
        figures.in_created.spread().sum < 1.0,
        "a back-off counts as time in the queue"
    );
    assert_eq!(count(&figures.dispatch.spread()), 4);
    let took = figures.dispatch.spread().sum / 4.0;
    assert!(took > 0.0 && took < PATIENCE.as_secs_f64(), "{took}");
    let (flushes, commits) = (figures.flush.spread(), figures.commit_events.spread());
    assert!(count(&flushes) > 0 && count(&flushes) == count(&commits));
    assert!(count(&figures.turn.spread()) >= count(&flushes));
    // The events: four created (an integration and an execution each), claims, starts, ends, a return; the check-in.
    assert!(commits.sum >= 20.0, "{commits:?}");

    // What has ended goes to history.
    let settled = async {
        loop {
            let kept = handle.kept().await.expect("it runs");
            if kept.history_executions == 4 {
                return kept;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let kept = tokio::time::timeout(PATIENCE, settled)
        .await
        .expect("history takes them in");
    assert_eq!(kept.tail_executions, 0);
    assert!(
        kept.journal_batches > 0 && kept.history_bytes.is_none_or(|bytes| bytes > 0),
        "{kept:?}"
    );
    end(handle, running).await;
}
