//! A collection does not run ahead of its reader, and stops when it is told to.

use std::fmt::Write;

use muster_connector::{CHUNK_BYTES_MAX, CHUNKS_IN_FLIGHT_MAX, CancellationToken, Category, SinkItem, run, sink};
use muster_connectors::host::Host;

use crate::collect::{LIMIT, collection};
use crate::tree::Tree;

/// So many packages that they fill many times what may be in flight.
const PACKAGES: u64 = 100_000;

fn large() -> Tree {
    let mut status = String::new();
    for number in 0..PACKAGES {
        let state = "Status: install ok installed\nArchitecture: all\nVersion: 1\n";
        writeln!(status, "Package: p{number}\n{state}Maintainer: {}\n", "m".repeat(100)).expect("text");
    }
    Tree::new().with("var/lib/dpkg/status", status)
}

#[tokio::test]
async fn a_reader_that_does_not_read_stops_the_collection() {
    let tree = large();
    let (sink, mut items) = sink(CancellationToken::new());
    let collection = collection("software", tree.root());
    let host = Host::new();
    let mut collecting = Box::pin(run(&host, &collection, sink));
    let full = async {
        while items.len() < CHUNKS_IN_FLIGHT_MAX {
            tokio::task::yield_now().await;
        }
        // Nothing tells that the collection has come to a stand, so it gets many more turns, and may use none of them.
        for _ in 0..10_000 {
            tokio::task::yield_now().await;
            assert!(
                items.len() <= CHUNKS_IN_FLIGHT_MAX,
                "it ran ahead of its reader: {} items wait",
                items.len()
            );
        }
    };
    let until_full = async {
        tokio::select! {
            ended = &mut collecting => panic!("it did not wait for its reader: {ended:?}"),
            () = full => {}
        }
    };
    tokio::time::timeout(LIMIT, until_full)
        .await
        .expect("it goes on while there is room");
    let read = async {
        let (mut records, mut waiting, mut waiting_bytes) = (0, items.len(), 0);
        while let Some(item) = items.next().await {
            let SinkItem::Records { lines, records: more } = item else {
                continue;
            };
            records += more;
            if waiting > 0 {
                waiting -= 1;
                waiting_bytes += lines.len();
            }
        }
        (records, waiting_bytes)
    };
    let (done, (records, waiting_bytes)) = tokio::time::timeout(LIMIT, async { tokio::join!(collecting, read) })
        .await
        .expect("it goes on");
    assert_eq!(done.expect("a good end").counts.records, PACKAGES);
    assert_eq!(records, PACKAGES);
    assert!(waiting_bytes <= CHUNKS_IN_FLIGHT_MAX * CHUNK_BYTES_MAX);
}

#[tokio::test]
async fn canceling_stops_a_collection_in_its_middle() {
    let tree = large();
    let token = CancellationToken::new();
    let (sink, mut items) = sink(token.clone());
    let collection = collection("software", tree.root());
    let host = Host::new();
    let cancel = async {
        let first = items.next().await;
        token.cancel();
        first
    };
    let both = async { tokio::join!(run(&host, &collection, sink), cancel) };
    let (done, first) = tokio::time::timeout(LIMIT, both).await.expect("it stops");
    assert!(first.is_some());
    assert_eq!(done.expect_err("canceled").category, Category::Canceled);
    let mut left = 0;
    while let Some(item) = items.next().await {
        left += usize::from(matches!(item, SinkItem::Records { .. }));
    }
    assert!(left <= CHUNKS_IN_FLIGHT_MAX, "{left} chunks");
}
