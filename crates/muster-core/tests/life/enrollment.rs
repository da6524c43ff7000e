//! Who may enroll and check in, for how long, and what becomes of the work of those who may not any more.

use std::num::NonZeroU64;
use std::time::Duration;

use muster_core::decide::identity::bar::Bar;
use muster_core::decide::identity::create_token::CreateToken;
use muster_core::decide::identity::enroll::Enroll;
use muster_core::decide::identity::renew::Renew;
use muster_core::decide::identity::revoke_token::RevokeToken;
use muster_core::decide::identity::rotate::Rotate;
use muster_core::decide::identity::{IdentityCommand, IdentityRejection};
use muster_core::decide::integration::create::Create;
use muster_core::decide::session::check_in::{CheckIn, RETURNS_MAX};
use muster_core::decide::{Answer, Command, Rejection};
use muster_core::entity::{BarReason, Cause, Certificate, Closing, NoticeKind, Profile};
use muster_core::time::Stamp;
use muster_core::words::{
    ConnectorName, DisplayName, EnrollmentTokenId, ExecutionStatus, Fingerprint, OrganizationId, Pool, PoolName,
    Principal, RunnerId, SessionId, Slots,
};

use crate::model::{Model, definition, intervals, organization, runner_id};

const HOUR: Duration = Duration::from_secs(60 * 60);
const TOKEN: EnrollmentTokenId = EnrollmentTokenId(7);
const SECRET: Fingerprint = Fingerprint([9; 32]);

fn pool(name: &str) -> Pool {
    Pool::named(&organization(), &PoolName::new(name).expect("a name"))
}

fn key(which: u8) -> Fingerprint {
    Fingerprint([which; 32])
}

fn certificate(of: u8) -> Certificate {
    Certificate {
        der: [of; 600].into(),
        serial: [of; 16].into(),
        until: Stamp::from_millis(u64::from(of)),
    }
}

fn ask(model: &mut Model, command: IdentityCommand) -> Result<Answer, IdentityRejection> {
    match model.ask(&Principal::local(), Command::Identity(command)) {
        Ok(answer) => Ok(answer),
        Err(Rejection::Identity(rejection)) => Err(rejection),
        Err(other) => panic!("{other}"),
    }
}

fn with_token(uses_max: u32) -> Model {
    let mut model = Model::new(11);
    let create = CreateToken {
        token: TOKEN,
        pool: pool("hq"),
        hash: SECRET,
        expires: model.now.stamp.after(HOUR),
        uses_max,
    };
    ask(&mut model, IdentityCommand::CreateToken(create)).expect("made");
    model
}

/// The runner that the token has let in with this key.
fn enroll(model: &mut Model, which: usize, of: u8) -> Result<(RunnerId, Certificate), IdentityRejection> {
    let enroll = Enroll {
        token: TOKEN,
        hash: SECRET,
        key: key(of),
        runner: runner_id(which),
        certificate: certificate(of),
    };
    match ask(model, IdentityCommand::Enroll(enroll))? {
        Answer::Certified { runner, certificate } => Ok((runner, *certificate)),
        other => panic!("{other:?}"),
    }
}

/// The runner checks in with a key, as a process.
fn check_in(model: &mut Model, shown: u8, to: &str, process: u64) -> Result<Answer, Rejection> {
    let runner = runner_id(0);
    let command = CheckIn {
        runner,
        key: Some(key(shown)),
        instance: NonZeroU64::new(process),
        session: SessionId(u128::from(process)),
        profile: Profile {
            display_name: DisplayName::new("hq-0").expect("a name"),
            organization: Some(organization()),
            pool: pool(to),
            version: "2.1.7".into(),
            platform: "test".into(),
            slots: Slots(2),
            connectors: vec![ConnectorName::new("host").expect("a name")],
            sealing_key: None,
        },
        offers: Vec::new(),
        running: Vec::new(),
        finished: Vec::new(),
    };
    model.ask(&Principal::Runner(runner), Command::CheckIn(command))
}

fn bar(model: &mut Model, owner: Option<OrganizationId>) -> Result<Answer, IdentityRejection> {
    let bar = Bar {
        owner,
        runner: runner_id(0),
        why: BarReason::Revoked,
    };
    ask(model, IdentityCommand::Bar(bar))
}

/// A runner enrolls, if it has not yet, and is revoked: whatever it holds goes to others.
pub(crate) fn enroll_and_bar(model: &mut Model, which: usize) {
    let expires = model.now.stamp.after(HOUR);
    if model.state.everywhere().runner_identity(runner_id(which)).is_none() {
        let token = EnrollmentTokenId(100 + which as u128);
        let create = CreateToken {
            token,
            pool: pool("hq"),
            hash: SECRET,
            expires,
            uses_max: 1,
        };
        ask(model, IdentityCommand::CreateToken(create)).expect("made");
        let enroll = Enroll {
            token,
            hash: SECRET,
            key: key(1),
            runner: runner_id(which),
            certificate: certificate(1),
        };
        ask(model, IdentityCommand::Enroll(enroll)).expect("enrolled");
    }
    let bar = Bar {
        owner: Some(organization()),
        runner: runner_id(which),
        why: BarReason::Revoked,
    };
    ask(model, IdentityCommand::Bar(bar)).expect("revoked");
}

#[test]
fn a_token_of_one_use_lets_one_key_in_however_often_that_asks() {
    let mut model = with_token(1);
    let first = enroll(&mut model, 0, 1).expect("it is good");
    assert_eq!(enroll(&mut model, 1, 2), Err(IdentityRejection::TokenUsed(1)));
    // Its answer was lost, so it asks again: another id and another certificate were made for it meanwhile, and are dropped.
    let head = model.head;
    let again = Enroll {
        token: TOKEN,
        hash: SECRET,
        key: key(1),
        runner: runner_id(1),
        certificate: certificate(3),
    };
    let again = ask(&mut model, IdentityCommand::Enroll(again)).expect("it is the same");
    let (runner, told) = (first.0, Box::new(first.1));
    assert_eq!(
        again,
        Answer::Certified {
            runner,
            certificate: told
        }
    );
    assert_eq!(model.head, head, "nothing has happened");
    // Also when the token is of no use for others any more.
    model.pass(2 * HOUR);
    assert!(enroll(&mut model, 0, 1).is_ok());
    assert_eq!(enroll(&mut model, 1, 2), Err(IdentityRejection::TokenExpired));
    model.assert_replay();
}

#[test]
fn a_token_is_good_for_as_many_as_was_said_until_it_ends_or_is_revoked() {
    let mut model = with_token(2);
    enroll(&mut model, 0, 1).expect("the first");
    enroll(&mut model, 1, 2).expect("the second");
    assert_eq!(enroll(&mut model, 1, 3), Err(IdentityRejection::TokenUsed(2)));

    let mut model = with_token(2);
    model.pass(HOUR - Duration::from_millis(1));
    enroll(&mut model, 0, 1).expect("it is just good");
    model.pass(Duration::from_millis(1));
    assert_eq!(enroll(&mut model, 1, 2), Err(IdentityRejection::TokenExpired));

    let mut model = with_token(2);
    let revoke = |owner| IdentityCommand::RevokeToken(RevokeToken { owner, token: TOKEN });
    let foreign = Some(OrganizationId::new("rival").expect("a name"));
    for owner in [None, foreign] {
        assert_eq!(
            ask(&mut model, revoke(owner)),
            Err(IdentityRejection::TokenNotFound(TOKEN))
        );
    }
    ask(&mut model, revoke(Some(organization()))).expect("revoked");
    ask(&mut model, revoke(Some(organization()))).expect("it is");
    assert_eq!(enroll(&mut model, 1, 2), Err(IdentityRejection::TokenRevoked));
    model.assert_replay();
}

#[test]
fn who_does_not_know_the_secret_learns_nothing_of_the_token() {
    let mut model = with_token(1);
    let guess = |token, hash| {
        IdentityCommand::Enroll(Enroll {
            token,
            hash,
            key: key(1),
            runner: runner_id(0),
            certificate: certificate(1),
        })
    };
    let unknown = ask(&mut model, guess(EnrollmentTokenId(8), SECRET));
    let wrong = ask(&mut model, guess(TOKEN, Fingerprint([8; 32])));
    assert_eq!(
        (&unknown, &wrong),
        (&Err(IdentityRejection::NoToken), &Err(IdentityRejection::NoToken))
    );
    model.pass(2 * HOUR);
    assert_eq!(
        ask(&mut model, guess(TOKEN, Fingerprint([8; 32]))),
        Err(IdentityRejection::NoToken)
    );
}

#[test]
fn old_tokens_are_forgotten_when_another_is_made() {
    let mut model = with_token(1);
    model.pass(HOUR + 30 * 24 * HOUR);
    let create = CreateToken {
        token: EnrollmentTokenId(8),
        pool: pool("hq"),
        hash: SECRET,
        expires: model.now.stamp.after(HOUR),
        uses_max: 1,
    };
    ask(&mut model, IdentityCommand::CreateToken(create)).expect("made");
    let left: Vec<_> = model
        .state
        .everywhere()
        .enrollment_tokens(None)
        .map(|token| token.id)
        .collect();
    assert_eq!(left, [EnrollmentTokenId(8)]);
    model.assert_replay();
}

#[test]
fn a_runner_checks_in_by_its_own_key_to_its_own_pool() {
    let mut model = with_token(1);
    let refused = |answer: Result<Answer, Rejection>| match answer {
        Err(Rejection::Identity(rejection)) => rejection,
        other => panic!("{other:?}"),
    };
    let runner = runner_id(0);
    assert_eq!(
        refused(check_in(&mut model, 1, "hq", 1)),
        IdentityRejection::NotEnrolled(runner)
    );
    enroll(&mut model, 0, 1).expect("it is good");
    assert_eq!(
        refused(check_in(&mut model, 2, "hq", 1)),
        IdentityRejection::OtherKey(runner)
    );
    let other = IdentityRejection::OtherPool {
        runner,
        pool: pool("hq"),
    };
    assert_eq!(refused(check_in(&mut model, 1, "plant", 1)), other);
    assert!(matches!(check_in(&mut model, 1, "hq", 1), Ok(Answer::Welcome(_))));
    let renew = |of, shown| {
        IdentityCommand::Renew(Renew {
            runner,
            key: key(shown),
            certificate: certificate(of),
        })
    };
    assert_eq!(ask(&mut model, renew(5, 2)), Err(IdentityRejection::OtherKey(runner)));
    ask(&mut model, renew(5, 1)).expect("renewed");
    let known = model.state.everywhere().runner_identity(runner).expect("it is known");
    assert_eq!(known.certificate, certificate(5));
    model.assert_replay();
}

#[test]
fn what_a_revoked_runner_held_goes_to_others_and_it_does_not_come_back() {
    let mut model = with_token(1);
    enroll(&mut model, 0, 1).expect("it is good");
    check_in(&mut model, 1, "hq", 1).expect("welcome");
    model.create(Create {
        organization: organization(),
        definition: definition(1),
        intervals: intervals(1, 60),
        draft: false,
        request: None,
    });
    model.dispatch();
    let held = |model: &Model| {
        let executions: Vec<_> = model.state.everywhere().executions().collect();
        let [execution] = executions[..] else {
            panic!("there is one: {executions:?}")
        };
        (execution.status(), execution.holder().map(|claim| claim.runner))
    };
    assert_eq!(held(&model), (ExecutionStatus::Pending, Some(runner_id(0))));
    let foreign = bar(&mut model, Some(OrganizationId::new("rival").expect("a name")));
    assert_eq!(foreign, Err(IdentityRejection::NotEnrolled(runner_id(0))));
    bar(&mut model, Some(organization())).expect("revoked");
    assert_eq!(held(&model), (ExecutionStatus::Created, None));
    assert!(model.state.roster().presence(runner_id(0)).is_none());
    let runner = model.state.everywhere().runner(runner_id(0)).expect("it was there");
    assert!(runner.left.is_some());
    let barred = IdentityRejection::Barred {
        runner: runner_id(0),
        why: BarReason::Revoked,
    };
    assert_eq!(
        check_in(&mut model, 1, "hq", 2),
        Err(Rejection::Identity(barred.clone()))
    );
    assert_eq!(enroll(&mut model, 0, 1), Err(barred));
    let head = model.head;
    bar(&mut model, Some(organization())).expect("it is");
    assert_eq!(model.head, head, "nothing has happened");
    model.assert_replay();
}

#[test]
fn a_key_that_two_processes_use_in_turns_is_locked() {
    let mut model = with_token(1);
    enroll(&mut model, 0, 1).expect("it is good");
    // Its connection breaks, and it is started anew, as often as may be.
    for process in [1, 1, 1, 1, 2, 2, 3, 4, 5, 6, 7, 8, 9, 10] {
        assert!(
            matches!(check_in(&mut model, 1, "hq", process), Ok(Answer::Welcome(_))),
            "{process}"
        );
    }
    // The copy begins.
    let mut returns = 0;
    for process in [11, 10, 11, 10].into_iter().cycle() {
        match check_in(&mut model, 1, "hq", process).expect("judged") {
            Answer::Welcome(_) => returns += u32::from(process == 10 || returns > 0),
            Answer::Barred(why) => {
                assert_eq!(why, BarReason::Cloned);
                break;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(returns, RETURNS_MAX - 1, "it is welcome until it is certain");
    let identity = model.state.everywhere().runner_identity(runner_id(0)).expect("known");
    assert_eq!(identity.barred.map(|barred| barred.why), Some(BarReason::Cloned));
    // Its organization is told at once, and once.
    let told = |model: &Model| {
        let incidents: Vec<_> = model.state.everywhere().incidents().cloned().collect();
        assert_eq!(incidents.len(), 1, "{incidents:?}");
        assert_eq!(incidents[0].cause, Cause::RunnerCloned { runner: runner_id(0) });
        let kinds: Vec<NoticeKind> = incidents[0].notices.iter().map(|notice| notice.kind).collect();
        (kinds, incidents[0].closed.map(|closed| closed.closing))
    };
    assert_eq!(told(&model), (vec![NoticeKind::Opened], None));
    let refused = check_in(&mut model, 1, "hq", 11);
    assert!(
        matches!(refused, Err(Rejection::Identity(IdentityRejection::Barred { .. }))),
        "{refused:?}"
    );
    // Nothing more is told of it a day later.
    model.pass(24 * HOUR - Duration::from_secs(60));
    model.tick();
    assert_eq!(told(&model), (vec![NoticeKind::Opened], None));
    model.restart();
    model.pass(Duration::from_secs(120));
    model.tick();
    assert_eq!(
        told(&model),
        (vec![NoticeKind::Opened, NoticeKind::Closed], Some(Closing::Gone))
    );
    model.assert_replay();
}

#[test]
fn an_authority_that_is_rotated_is_trusted_for_a_while() {
    let mut model = Model::new(11);
    let owner = Some(organization());
    let rotate = |model: &Model, number, overlap| {
        IdentityCommand::Rotate(Rotate {
            owner: Some(organization()),
            number,
            certificate: [u8::try_from(number).expect("small"); 4].into(),
            sealed_key: [0; 4].into(),
            overlap: model.now.stamp.after(overlap),
        })
    };
    let trusted = |model: &Model| -> Vec<u32> {
        let authority = model
            .state
            .everywhere()
            .authority(owner.as_ref())
            .expect("there is one");
        authority.trusted(model.now.stamp).map(|one| one.number).collect()
    };
    let second = rotate(&model, 2, HOUR);
    assert_eq!(ask(&mut model, second), Err(IdentityRejection::Rotated));
    let first = rotate(&model, 1, HOUR);
    ask(&mut model, first).expect("made");
    assert_eq!(trusted(&model), [1]);
    let second = rotate(&model, 2, 2 * HOUR);
    ask(&mut model, second.clone()).expect("rotated");
    assert_eq!(
        ask(&mut model, second),
        Err(IdentityRejection::Rotated),
        "it is made once"
    );
    model.pass(HOUR);
    let third = rotate(&model, 3, 5 * HOUR);
    ask(&mut model, third).expect("rotated");
    assert_eq!(trusted(&model), [1, 2, 3]);
    model.pass(HOUR);
    assert_eq!(
        trusted(&model),
        [2, 3],
        "a later rotation trusts the first one no longer"
    );
    model.pass(4 * HOUR);
    assert_eq!(trusted(&model), [3]);
    let fourth = rotate(&model, 4, HOUR);
    ask(&mut model, fourth).expect("rotated");
    let authority = model
        .state
        .everywhere()
        .authority(owner.as_ref())
        .expect("there is one");
    assert_eq!(authority.generations.len(), 2, "what is over is gone");
    model.assert_replay();
}
