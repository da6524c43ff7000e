//! A runner in a network of its own, whose packets are lost without a word: no connection is closed by that, and neither end is told.

use std::time::Duration;

use muster_proto::v1::ExecutionStatus;
use muster_tests::{FarNetwork, LIMIT, Lost, Runner, Wanted, World, passwd_of};

/// The lease of the tests, the coordinator's grace, and the longest back-off after a first failure, with some time to spare.
const GIVEN_TO_ANOTHER_WITHIN: Duration = Duration::from_secs(5 + 5 + 30 + 15);

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_that_is_cut_off_loses_its_work_to_another_and_comes_back() {
    loses_its_work_and_comes_back(Lost::Everybodys).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_that_hears_and_is_not_heard_loses_its_work_to_another_and_comes_back() {
    loses_its_work_and_comes_back(Lost::Runners).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_runner_that_is_heard_and_hears_nothing_gives_its_work_up_and_comes_back() {
    loses_its_work_and_comes_back(Lost::Coordinators).await;
}

async fn loses_its_work_and_comes_back(lost: Lost) {
    let world = World::start().await;
    let Some(network) = FarNetwork::make(world.coordinator.address()) else {
        eprintln!("not tested: no network can be made here");
        return;
    };
    let client = world.client();
    let source = world.folder().join("source");
    passwd_of(&source, super::SLOW_ACCOUNTS);
    let mut far = Runner::start_far(&network, world.folder(), &world.coordinator.url(), "far");
    client.until_online("far").await;
    let wanted = Wanted::new("source", "host").data_type("user");
    let wanted = wanted.with("root", source.to_str().expect("text"));
    let created = client.create_soon(&wanted).await;
    let execution = client.open_execution(&created.name).await;
    client.until_status(&execution, ExecutionStatus::Executing).await;
    network.lose(lost);

    let _second = world.runner("second", &[]);
    let ended = client.until_ended(&execution, GIVEN_TO_ANOTHER_WITHIN + LIMIT).await;
    assert_eq!(ended.status(), ExecutionStatus::Completed, "{lost:?}: {ended:?}");
    assert_eq!(
        ended.attempt, 2,
        "{lost:?}: the first attempt was collected before the loss, or lost more than once"
    );
    far.process().until_logged("work is given up", LIMIT).await;

    network.lose(Lost::Nobodys);
    client.until_online("far").await;
}
