//! An integration moves to another pool while its executions are at runners.

use muster_core::decide::Command;
use muster_core::decide::execution::fail;
use muster_core::decide::integration::{create, update};
use muster_core::words::{Category, Failure, Pool, PoolName, Principal};

use crate::model::{Model, definition, intervals, organization, runner_id};

#[test]
fn what_goes_back_to_the_queue_waits_for_the_pool_that_its_integration_has_by_then() {
    let mut model = Model::new(1);
    model.check_in(0, false);
    let create = create::Create {
        organization: organization(),
        definition: definition(1),
        intervals: intervals(1, 60),
        draft: false,
        request: None,
    };
    let created = model.ask(&Principal::local(), Command::CreateIntegration(create));
    created.expect("it is new");
    model.dispatch();
    let (held, claim) = {
        let execution = model.state.everywhere().executions().next().expect("one is open");
        (execution.clone(), execution.holder().expect("it was dispatched"))
    };

    let mut moved = definition(1);
    moved.pool = Pool::named(&organization(), &PoolName::new("lab").expect("a name"));
    let update = update::Update {
        organization: organization(),
        integration: held.integration,
        definition: moved.clone(),
        intervals: intervals(1, 60),
        version: None,
    };
    let updated = model.ask(&Principal::local(), Command::UpdateIntegration(update));
    updated.expect("it is there");
    let pool = |model: &Model| model.state.everywhere().execution(held.id).map(|one| one.pool.clone());
    assert_eq!(pool(&model), Some(held.pool.clone()), "a runner holds it");

    let report = muster_core::decide::execution::Report {
        execution: held.id,
        claim,
    };
    let failure = Failure::new(Category::Communication, "no route");
    let failed = model.ask(
        &Principal::Runner(runner_id(0)),
        Command::Fail(fail::Fail { report, failure }),
    );
    failed.expect("it holds it");
    assert_eq!(pool(&model), Some(moved.pool));
}
