use muster_core::words::Counts;

use super::*;
use crate::verify::{Kind, Known, Told};

/// What is told of a landing when this is known of its one execution.
async fn told(bench: &Bench, known: Known) -> Vec<Kind> {
    let mut found = Vec::new();
    let mut tell = |told| {
        if let Told::Found { kind, .. } = told {
            found.push(kind);
        }
    };
    let mut pass = bench.landing.verify(&mut tell);
    let visible = pass.visible(|_| std::future::ready(known.clone()));
    visible.await.expect("a landing that can be read");
    if let Known::Ended { published: Some(_), .. } = known {
        pass.published(&destination())
            .await
            .expect("a landing that can be read");
    }
    pass.end();
    found
}

fn ended(attempt: Attempt, published: Option<(&Staged, Counts)>) -> Known {
    Known::Ended {
        attempt,
        published: published.map(|(staged, counts)| (staged.id.clone(), counts)),
    }
}

#[tokio::test]
async fn what_is_as_it_was_published_is_whole_and_what_is_not_is_told() {
    let bench = Bench::new();
    let staged = bench.stage(SECOND).await;
    let completed = ended(SECOND, Some((&staged, staged.counts)));
    let open = |committed| Known::Open {
        attempt: SECOND,
        committed,
    };
    assert_eq!(told(&bench, open(None)).await, [], "what is staged is not visible");
    bench.publish(&staged).await.expect("published");
    assert_eq!(told(&bench, completed.clone()).await, []);
    assert_eq!(told(&bench, open(Some(staged.id.clone()))).await, []);

    assert_eq!(told(&bench, open(None)).await, [Kind::NotCommitted]);
    assert_eq!(told(&bench, ended(SECOND, None)).await, [Kind::NotCommitted]);
    let fewer = Counts {
        records: 1,
        ..staged.counts
    };
    assert_eq!(told(&bench, ended(SECOND, Some((&staged, fewer)))).await, [Kind::Other]);
    assert_eq!(told(&bench, Known::Nothing).await, [Kind::Unknown]);

    let data = fs::read(bench.data()).expect("published");
    let mut flipped = data.clone();
    *flipped.last_mut().expect("bytes") ^= 1;
    fs::write(bench.data(), flipped).expect("written");
    assert_eq!(told(&bench, completed.clone()).await, [Kind::Changed]);
    fs::write(bench.data(), &data).expect("written");

    let manifest = fs::read(bench.manifest()).expect("published");
    fs::remove_file(bench.manifest()).expect("removed");
    assert_eq!(told(&bench, completed.clone()).await, [Kind::WithoutManifest]);
    fs::write(bench.manifest(), "{").expect("written");
    assert_eq!(told(&bench, completed.clone()).await, [Kind::Unreadable]);
    fs::write(bench.manifest(), manifest).expect("written");

    fs::remove_file(bench.data()).expect("removed");
    assert_eq!(told(&bench, completed.clone()).await, [Kind::ManifestAlone, Kind::Gone]);
    fs::remove_file(bench.manifest()).expect("removed");
    assert_eq!(told(&bench, completed).await, [Kind::Gone]);
}
