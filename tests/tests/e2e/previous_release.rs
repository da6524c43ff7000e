//! A runner and a coordinator need not be updated together: each works with the other's previous release.

use std::path::PathBuf;
use std::time::Duration;

use muster_tests::{Binary, LIMIT, eventually, previous_release};

use crate::secure::{Programs, Secure, said};

#[tokio::test(flavor = "multi_thread")]
async fn each_works_with_the_others_previous_release_over_a_whole_collection() {
    let Some(previous) = previous_release() else {
        println!("NOT RUN: there is no tag of a release before this version");
        return;
    };
    let new = Programs::default();
    let old = |binary: Binary| -> PathBuf { previous.join(binary.name()) };
    for programs in [
        Programs {
            runner: old(Binary::Runner),
            ..new.clone()
        },
        Programs {
            coordinator: old(Binary::Coordinator),
            ..new.clone()
        },
    ] {
        println!("{programs:?}");
        let secure = Secure::of(programs, &["--certificate-life", "10s"]).await;
        let folder = secure.folder.path().join("runner");
        let token = secure.token(Duration::from_secs(600), 1).await;
        let enrolled = secure.enroll(&folder, &token, &[]);
        assert!(enrolled.status.success(), "{}", said(&enrolled));
        let before = std::fs::read(folder.join("identity.pem")).expect("it has enrolled");
        let mut runner = secure.runner(&folder);
        secure.until_online().await;
        secure.collect().await;
        eventually("the certificate is renewed", LIMIT, async || {
            let now = std::fs::read(folder.join("identity.pem")).map_err(|error| error.to_string())?;
            (now != before).then_some(()).ok_or_else(|| runner.log())
        })
        .await;
        assert!(runner.terminate(LIMIT).await.success(), "{}", runner.log());
    }
}
