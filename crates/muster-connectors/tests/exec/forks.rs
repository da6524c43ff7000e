//! What a program forks ends with it.

use std::path::Path;
use std::time::Duration;

use muster_connector::{CancellationToken, Category, run, sink};
use serde_json::json;

use crate::program::{LIMIT, collect, collection, failure, shell, start};

/// Waits until the process with the id in this line is gone.
async fn gone(id: &str) {
    let process = Path::new("/proc").join(id);
    let waiting = async {
        // A process that has ended, and that nobody has waited for yet, is a zombie; its parent is the machine's first process.
        while std::fs::read_to_string(process.join("stat")).is_ok_and(|stat| !stat.contains(") Z ")) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let waited = tokio::time::timeout(LIMIT, waiting).await;
    waited.unwrap_or_else(|_| panic!("the process {id} lives on"));
}

#[tokio::test]
async fn forks_that_a_program_leaves_behind_end_with_it_and_do_not_hold_it_up() {
    let program = shell(r#"sleep 600 & echo "$!" >&2; echo '{"end":{"records":0}}'"#);
    let (done, collected) = collect(&program).await;
    done.expect("a good end");
    gone(&collected.log[0].1).await;
}

#[tokio::test]
async fn a_fork_that_has_left_the_group_and_holds_the_pipes_is_found_and_ended() {
    let program = shell(r#"setsid sleep 600 & echo "$!" >&2; echo '{"end":{"records":0}}'"#);
    let (done, collected) = collect(&program).await;
    done.expect("a good end");
    gone(&collected.log[0].1).await;
}

#[tokio::test]
async fn a_fork_that_goes_on_printing_after_its_program_died_does_not_hang_it() {
    let program = shell(r#"(trap '' TERM HUP; while true; do echo '{"record":{"id":1}}'; done) & kill -KILL $$"#);
    let failure = failure(&program).await;
    assert_eq!(
        failure.message,
        "the program was killed by the signal 9 (SIGKILL), without a word on how it ended"
    );
}

#[tokio::test]
async fn forks_end_when_the_collection_is_canceled_or_dropped() {
    for dropped in [false, true] {
        let exec = start(&shell(
            r#"trap '' TERM; (trap '' TERM; sleep 600) & echo "$!" >&2; while true; do sleep 600; done"#,
        ))
        .await;
        let token = CancellationToken::new();
        let (sink, mut items) = sink(token.clone());
        let collection = collection(json!({}), None);
        let mut collecting = Box::pin(run(&exec, &collection, sink));
        let first = tokio::select! {
            ended = &mut collecting => panic!("{ended:?}"),
            item = items.next() => item,
        };
        let Some(muster_connector::SinkItem::Log { message: fork, .. }) = first else {
            panic!("{first:?}");
        };
        if dropped {
            drop(collecting);
        } else {
            token.cancel();
            let ended = tokio::time::timeout(LIMIT, collecting).await.expect("it stops");
            assert_eq!(ended.expect_err("canceled").category, Category::Canceled);
        }
        gone(&fork).await;
    }
}
