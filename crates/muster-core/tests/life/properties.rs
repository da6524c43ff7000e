//! Any sequence of steps keeps the invariants.

use std::time::Duration;

use muster_core::decide::Command;
use muster_core::decide::execution::{cancel, fail, progress, run_now};
use muster_core::decide::incident::deliver::Tried;
use muster_core::decide::integration::{create, delete, disable, enable, pause, update};
use muster_core::decide::session::presence;
use muster_core::dispatch;
use muster_core::entity::Definition;
use muster_core::words::{
    Category, ExecutionId, Failure, IntegrationId, Pool, PoolName, Principal, Request, RequestId,
};
use proptest::prelude::*;

use crate::access;
use crate::model::{Model, data_type, definition, finish, intervals, organization, runner_id, sealed_to};

#[derive(Debug, Clone)]
enum Step {
    Create {
        name: u32,
        data_types: usize,
        minutes: u64,
        draft: bool,
        request: Option<u8>,
    },
    Update {
        which: usize,
        name: u32,
        data_types: usize,
        minutes: u64,
    },
    Enable(usize),
    Disable(usize),
    Delete(usize),
    RunNow {
        which: usize,
        data_type: Option<usize>,
    },
    Pause {
        which: usize,
        minutes: u64,
    },
    Resume(usize),
    Check(usize),
    Checked {
        runner: usize,
        which: usize,
        by_other: bool,
        fails: bool,
        times: usize,
    },
    Cancel(usize),
    Pass(u64),
    StandStill(u64),
    Tick,
    Dispatch,
    CheckIn {
        runner: usize,
        forgets: bool,
        pool: &'static str,
        version: &'static str,
    },
    Bar(usize),
    Disconnect(usize),
    Drain(usize),
    /// A person lets it rest, or work again.
    LetRest(usize, bool),
    Hear(usize),
    Report {
        runner: usize,
        which: usize,
        past: bool,
        times: usize,
        kind: Kind,
    },
    Publish {
        fails: bool,
    },
    Mail {
        tried: usize,
        times: usize,
    },
    Restart,
    /// The organization is suspended, or goes on.
    Rest(bool),
    Access {
        kind: u8,
        who: usize,
        role: usize,
        staff: bool,
        granter: usize,
    },
    Checkpoint(u64),
    BackUp,
    Restore,
}

#[derive(Debug, Clone, Copy)]
enum Kind {
    Accept,
    Start,
    Finish(u64),
    Fail(usize),
}

fn kind() -> impl Strategy<Value = Kind> {
    prop_oneof![
        1 => Just(Kind::Accept),
        3 => Just(Kind::Start),
        3 => (0_u64..3).prop_map(Kind::Finish),
        2 => (0_usize..8).prop_map(Kind::Fail),
    ]
}

/// Some rely on another pool, and some have secrets that only one runner can open: one that is there when all is healed.
fn wanted(name: u32) -> Definition {
    let mut definition = definition(name);
    if name == 3 {
        definition.pool = Pool::named(&organization(), &PoolName::new("lab").expect("a name"));
    }
    definition.sealed_to = match name {
        2 => sealed_to(&[0]),
        3 => sealed_to(&[1]),
        _ => None,
    };
    definition
}

fn pool() -> impl Strategy<Value = &'static str> {
    prop_oneof![4 => Just("hq"), 1 => Just("lab")]
}

fn version() -> impl Strategy<Value = &'static str> {
    prop_oneof![4 => Just("2.1.7"), 2 => Just("2.0.9"), 1 => Just("1.9.9"), 1 => Just("next")]
}

fn step() -> impl Strategy<Value = Step> {
    let runner = 0_usize..2;
    prop_oneof![
        2 => (0_u32..4, 1_usize..4, 1_u64..90, any::<bool>(), prop::option::of(0_u8..3))
            .prop_map(|(name, data_types, minutes, draft, request)| {
                Step::Create { name, data_types, minutes, draft, request }
            }),
        1 => (0_usize..4, 0_u32..4, 1_usize..4, 1_u64..90)
            .prop_map(|(which, name, data_types, minutes)| Step::Update { which, name, data_types, minutes }),
        1 => (0_usize..4).prop_map(Step::Enable),
        1 => (0_usize..4).prop_map(Step::Disable),
        1 => (0_usize..4).prop_map(Step::Delete),
        2 => (0_usize..4, prop::option::of(0_usize..3))
            .prop_map(|(which, data_type)| Step::RunNow { which, data_type }),
        1 => (0_usize..4, 0_u64..3_000).prop_map(|(which, minutes)| Step::Pause { which, minutes }),
        1 => (0_usize..4).prop_map(Step::Resume),
        3 => (0_usize..4).prop_map(Step::Check),
        3 => (runner.clone(), 0_usize..3, prop::bool::weighted(0.2), any::<bool>(), 1_usize..3)
            .prop_map(|(runner, which, by_other, fails, times)| Step::Checked { runner, which, by_other, fails, times }),
        1 => (0_usize..8).prop_map(Step::Cancel),
        4 => prop_oneof![0_u64..2_000, 2_000_u64..70_000, 70_000_u64..40_000_000].prop_map(Step::Pass),
        1 => (4_000_u64..400_000).prop_map(Step::StandStill),
        4 => Just(Step::Tick),
        6 => Just(Step::Dispatch),
        3 => (runner.clone(), any::<bool>(), pool(), version())
            .prop_map(|(runner, forgets, pool, version)| Step::CheckIn { runner, forgets, pool, version }),
        1 => runner.clone().prop_map(Step::Bar),
        1 => runner.clone().prop_map(Step::Disconnect),
        1 => runner.clone().prop_map(Step::Drain),
        2 => (runner.clone(), any::<bool>()).prop_map(|(runner, rests)| Step::LetRest(runner, rests)),
        1 => runner.clone().prop_map(Step::Hear),
        12 => (runner, 0_usize..6, prop::bool::weighted(0.35), 1_usize..4, kind())
            .prop_map(|(runner, which, past, times, kind)| Step::Report { runner, which, past, times, kind }),
        2 => prop::bool::weighted(0.2).prop_map(|fails| Step::Publish { fails }),
        3 => (0_usize..3, 1_usize..3).prop_map(|(tried, times)| Step::Mail { tried, times }),
        4 => (0_u8..8, 0_usize..4, 0_usize..3, prop::bool::weighted(0.7), 0_usize..3)
            .prop_map(|(kind, who, role, staff, granter)| Step::Access { kind, who, role, staff, granter }),
        1 => Just(Step::Restart),
        1 => prop::bool::weighted(0.4).prop_map(Step::Rest),
        1 => any::<u64>().prop_map(Step::Checkpoint),
        1 => Just(Step::BackUp),
        1 => Just(Step::Restore),
    ]
}

fn integration(model: &Model, which: usize) -> IntegrationId {
    model
        .state
        .everywhere()
        .integrations()
        .nth(which)
        .map_or(IntegrationId(0), |one| one.id)
}

fn take(model: &mut Model, step: Step) {
    let person = Principal::local();
    let organization = organization();
    match step {
        Step::Create {
            name,
            data_types,
            minutes,
            draft,
            request,
        } => model.create(create::Create {
            organization,
            definition: wanted(name),
            intervals: intervals(data_types, minutes),
            draft,
            request: request.map(|id| Request {
                id: RequestId(id.into()),
                digest: [u8::try_from(name).expect("it is small"); 32],
            }),
        }),
        Step::Update {
            which,
            name,
            data_types,
            minutes,
        } => {
            let command = update::Update {
                organization,
                integration: integration(model, which),
                definition: wanted(name),
                intervals: intervals(data_types, minutes),
                version: None,
            };
            let _ = model.ask(&person, Command::UpdateIntegration(command));
        }
        Step::Enable(which) => {
            let command = enable::Enable {
                organization,
                integration: integration(model, which),
            };
            let _ = model.ask(&person, Command::EnableIntegration(command));
        }
        Step::Disable(which) => {
            let command = disable::Disable {
                organization,
                integration: integration(model, which),
            };
            let _ = model.ask(&person, Command::DisableIntegration(command));
        }
        Step::Delete(which) => {
            let command = delete::Delete {
                organization,
                integration: integration(model, which),
                version: None,
            };
            let _ = model.ask(&person, Command::DeleteIntegration(command));
        }
        Step::RunNow {
            which,
            data_type: wanted,
        } => {
            let data_types = wanted.map(data_type).into_iter().collect();
            let command = run_now::RunNow {
                organization,
                integration: integration(model, which),
                data_types,
            };
            let _ = model.ask(&person, Command::RunNow(command));
        }
        Step::Pause { which, minutes } => {
            let command = pause::Pause {
                organization,
                integration: integration(model, which),
                until: model.now.stamp.after(Duration::from_secs(60 * minutes)),
            };
            let _ = model.ask(&person, Command::PauseIntegration(command));
        }
        Step::Resume(which) => {
            let command = pause::Resume {
                organization,
                integration: integration(model, which),
            };
            let _ = model.ask(&person, Command::ResumeIntegration(command));
        }
        Step::Check(which) => {
            let _ = model.ask_check(integration(model, which));
        }
        Step::Checked {
            runner,
            which,
            by_other,
            fails,
            times,
        } => {
            if let Some(check) = model.runners[runner].checks.iter().rev().nth(which).copied() {
                let failure = fails.then(|| Failure::new(Category::Permission, "403"));
                let by = if by_other { 1 - runner } else { runner };
                model.report_check(by, check, failure, times);
            }
        }
        Step::Cancel(which) => {
            let execution = model
                .state
                .everywhere()
                .executions()
                .nth(which)
                .map_or(ExecutionId(0), |one| one.id);
            let _ = model.ask(
                &person,
                Command::Cancel(cancel::Cancel {
                    organization,
                    execution,
                    reason: Some("it is not wanted".to_owned()),
                }),
            );
        }
        Step::Pass(millis) => model.pass(Duration::from_millis(millis)),
        Step::StandStill(millis) => model.stand_still(Duration::from_millis(millis)),
        Step::Tick => model.tick(),
        Step::Dispatch => {
            model.dispatch();
            assert_eq!(dispatch::next(&model.state), None, "a plan made twice changes nothing");
        }
        Step::CheckIn {
            runner,
            forgets,
            pool,
            version,
        } if model.rests() => assert!(
            model.try_check_in(runner).is_err(),
            "{runner} is let in to a pool ({pool}, {version}, {forgets}) of what rests"
        ),
        Step::CheckIn {
            runner,
            forgets,
            pool,
            version,
        } => model.check_in_as(runner, forgets, pool, version),
        Step::Bar(which) => crate::enrollment::enroll_and_bar(model, which),
        Step::Disconnect(which) => {
            if let Some(session) = model.runners[which].session.take() {
                let command = presence::Disconnect {
                    runner: runner_id(which),
                    session,
                };
                let _ = model.ask(&Principal::Coordinator, Command::Disconnect(command));
            }
        }
        Step::Drain(which) => {
            if let Some(session) = model.runners[which].session {
                let command = presence::Drain {
                    runner: runner_id(which),
                    session,
                };
                let _ = model.ask(&Principal::Runner(runner_id(which)), Command::Drain(command));
            }
        }
        Step::LetRest(which, rests) => model.let_rest(which, rests),
        Step::Hear(which) => {
            if let Some(session) = model.runners[which].session {
                let command = presence::Hear {
                    runner: runner_id(which),
                    session,
                };
                let _ = model.ask(&Principal::Runner(runner_id(which)), Command::Hear(command));
            }
        }
        Step::Report {
            runner,
            which,
            past,
            times,
            kind,
        } => {
            let known = if past {
                &model.runners[runner].past
            } else {
                &model.runners[runner].work
            };
            if let Some(work) = known.iter().rev().nth(which).copied() {
                let ends = matches!(kind, Kind::Finish(_) | Kind::Fail(_));
                model.report(runner, work, times, |report| command(kind, report), ends);
            }
        }
        Step::Publish { fails } => model.publish(fails),
        Step::Mail { tried, times } => {
            let tried = [Tried::Accepted, Tried::Refused, Tried::Deferred][tried];
            model.mail(tried, times);
        }
        Step::Access {
            kind,
            who,
            role,
            staff,
            granter,
        } => access::step(model, kind, who, role, staff, granter),
        Step::Restart => model.restart(),
        Step::Rest(rests) => model.rest(rests),
        Step::Checkpoint(seed) => {
            let mut chance = fastrand::Rng::with_seed(seed);
            model.checkpoint(|| chance.bool());
        }
        Step::BackUp => model.back_up(),
        Step::Restore => model.restore(),
    }
}

fn command(kind: Kind, report: muster_core::decide::execution::Report) -> Command {
    match kind {
        Kind::Accept => Command::Accept(progress::Accept(report)),
        Kind::Start => Command::Start(progress::Start(report)),
        Kind::Finish(records) => Command::Finish(finish(report, records)),
        Kind::Fail(category) => {
            let failure = Failure::new(Category::ALL[category], "it did not work");
            Command::Fail(fail::Fail { report, failure })
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_of_steps_keeps_the_invariants(seed in any::<u64>(), steps in prop::collection::vec(step(), 1..120)) {
        let mut model = Model::new(seed);
        take(&mut model, Step::Create { name: 9, data_types: 3, minutes: 60, draft: false, request: Some(9) });
        for step in steps {
            take(&mut model, step);
        }
        model.assert_replay();
        model.heal();
        model.assert_replay();
    }
}
