//! A runner that a person lets rest gets nothing until they say otherwise, whatever it does meanwhile.

use std::time::Duration;

use muster_core::decide::integration::create;
use muster_core::entity::Runner;
use muster_core::explain::explain;

use crate::model::{Model, definition, intervals, organization, runner_id};

const MINUTE: Duration = Duration::from_secs(60);

fn create(model: &mut Model, name: u32) {
    model.create(create::Create {
        organization: organization(),
        definition: definition(name),
        intervals: intervals(1, 1_000),
        draft: false,
        request: None,
    });
}

fn runner(model: &Model) -> &Runner {
    let known = model.state.everywhere().runner(runner_id(0));
    known.expect("it has checked in")
}

fn works(model: &mut Model) -> bool {
    model.dispatch();
    !model.runners[0].work.is_empty()
}

#[test]
fn a_drained_runner_gets_nothing_however_often_it_checks_in() {
    let mut model = Model::new(1);
    model.check_in(0, false);
    model.let_rest(0, true);
    let since = runner(&model).drained;
    create(&mut model, 1);
    assert!(!works(&mut model), "it rests");
    model.check_in(0, true);
    assert!(!works(&mut model), "it has started anew");
    model.restart();
    model.check_in(0, true);
    assert!(!works(&mut model), "and so has the coordinator");
    // Its lease ends, and it comes back.
    model.pass(5 * MINUTE);
    model.tick();
    assert!(runner(&model).left.is_some());
    model.check_in(0, true);
    assert!(!works(&mut model), "it was away");
    model.let_rest(0, true);
    assert_eq!(runner(&model).drained, since, "who asks again changes nothing");

    model.let_rest(0, false);
    assert_eq!(runner(&model).drained, None);
    assert!(works(&mut model), "it is to work again");
    model.assert_replay();
}

#[test]
fn what_a_runner_has_not_accepted_goes_to_others_when_it_is_drained() {
    let mut model = Model::new(2);
    model.check_in(0, false);
    create(&mut model, 1);
    assert!(works(&mut model));
    model.let_rest(0, true);
    assert!(model.runners[0].work.is_empty(), "it was fenced");
    model.check_in(1, false);
    model.dispatch();
    assert!(!model.runners[1].work.is_empty(), "another one has it");
}

#[test]
fn one_that_is_away_is_drained_until_it_is_back_and_longer() {
    let mut model = Model::new(3);
    model.check_in(0, false);
    model.pass(5 * MINUTE);
    model.tick();
    model.let_rest(0, true);
    create(&mut model, 1);
    model.check_in(0, false);
    assert!(!works(&mut model));
    // Whoever asks why is told what to do.
    let execution = model.state.everywhere().executions().next().expect("it waits");
    let said = explain(&model.state, execution, model.now, None);
    let step = said.next_step.unwrap_or_default();
    assert!(step.contains("`muster runner resume`"), "{step}");
}
