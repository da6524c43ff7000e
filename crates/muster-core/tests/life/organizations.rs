//! The life of an organization, and what it lets happen within it.

use muster_core::decide::access::Access;
use muster_core::decide::execution::run_now::RunNow;
use muster_core::decide::identity::IdentityCommand;
use muster_core::decide::identity::rotate::Rotate;
use muster_core::decide::integration::{create, enable};
use muster_core::decide::organization::create::Create;
use muster_core::decide::organization::delete::Delete;
use muster_core::decide::organization::erase;
use muster_core::decide::organization::found::Found;
use muster_core::decide::organization::resume::Resume;
use muster_core::decide::organization::suspend::Suspend;
use muster_core::decide::organization::update::Update;
use muster_core::decide::{Answer, Command, Rejection};
use muster_core::dispatch;
use muster_core::entity::{Organization, OrganizationState};
use muster_core::words::{
    DisplayName, IntegrationId, OrganizationId, Principal, Quota, Quotas, Request, RequestId, RetentionDays,
};

use crate::access;
use crate::enrollment;
use crate::model::{Model, definition, intervals, organization};

fn other() -> OrganizationId {
    OrganizationId::new("globex").expect("a name")
}

fn making(request: Option<u8>) -> Create {
    Create {
        organization: other(),
        display_name: DisplayName::new("Globex").expect("a name"),
        quotas: Quotas::default(),
        retention: RetentionDays::default(),
        audit_retention: RetentionDays::AUDIT,
        request: request.map(|id| Request {
            id: RequestId(id.into()),
            digest: [id; 32],
        }),
    }
}

fn ask(model: &mut Model, command: Command) -> Result<Answer, Rejection> {
    model.ask(&Principal::local(), command)
}

fn found(model: &Model, id: &OrganizationId) -> Organization {
    model.state.everywhere().organization(id).expect("it is there").clone()
}

#[test]
fn a_name_is_given_once_and_the_request_that_made_it_is_answered_again() {
    let mut model = Model::new(1);
    let made = ask(&mut model, Command::CreateOrganization(making(Some(1))));
    assert_eq!(made, Ok(Answer::Organization(other())));
    let again = ask(&mut model, Command::CreateOrganization(making(Some(1))));
    assert_eq!(again, made);
    for request in [None, Some(2)] {
        let second = ask(&mut model, Command::CreateOrganization(making(request)));
        assert_eq!(second, Err(Rejection::OrganizationExists(other())));
    }
    assert_eq!(found(&model, &other()).version, 1);
    model.assert_replay();
}

#[test]
fn the_coordinator_founds_what_a_ledger_without_organizations_names_and_nothing_after_that() {
    let mut model = Model::new(2);
    let before = found(&model, &organization());
    assert_eq!((before.quotas, before.version), (Quotas::NONE, 1));
    let again = Found {
        organization: other(),
        retention: RetentionDays::default(),
    };
    let again = model.ask(&Principal::Coordinator, Command::FoundOrganizations(again));
    assert_eq!(again, Ok(Answer::Done));
    assert_eq!(model.state.everywhere().organization(&other()), None);
}

#[test]
fn what_was_read_before_somebody_else_changed_it_changes_nothing() {
    let mut model = Model::new(3);
    let change = |version, name: &str| Update {
        organization: organization(),
        display_name: DisplayName::new(name).expect("a name"),
        quotas: Quotas::default(),
        retention: RetentionDays::new(90).expect("not too many"),
        audit_retention: RetentionDays::AUDIT,
        version,
    };
    let done = ask(&mut model, Command::UpdateOrganization(change(Some(1), "Acme")));
    assert_eq!(done, Ok(Answer::Organization(organization())));
    let stale = ask(&mut model, Command::UpdateOrganization(change(Some(1), "Other")));
    assert_eq!(stale, Err(Rejection::OrganizationStale(organization())));
    let same = ask(&mut model, Command::UpdateOrganization(change(None, "Acme")));
    assert_eq!(same, Ok(Answer::Organization(organization())));
    let now = found(&model, &organization());
    assert_eq!((now.display_name.as_str(), now.version), ("Acme", 2));
    assert_eq!(now.retention.days(), 90);
}

#[test]
fn what_is_suspended_can_be_read_and_not_changed_until_it_goes_on() {
    let mut model = Model::new(4);
    let create = |draft| create::Create {
        organization: organization(),
        definition: definition(u32::from(draft)),
        intervals: intervals(1, 60),
        draft,
        request: None,
    };
    let made = ask(&mut model, Command::CreateIntegration(create(true)));
    let Ok(Answer::Integration(made)) = made else {
        panic!("it is made: {made:?}")
    };
    let suspend = |reason: &str| {
        Command::SuspendOrganization(Suspend {
            organization: organization(),
            reason: reason.to_owned(),
            version: None,
        })
    };
    let since = model.now.stamp;
    ask(&mut model, suspend("unpaid")).expect("it is active");
    model.pass(std::time::Duration::from_secs(60));
    ask(&mut model, suspend("unpaid since May")).expect("another reason");
    let state = found(&model, &organization()).state;
    let reason = "unpaid since May".to_owned();
    assert_eq!(
        state,
        OrganizationState::Suspended {
            since,
            reason: reason.clone()
        }
    );
    let refused = Err(Rejection::OrganizationSuspended {
        organization: organization(),
        reason,
    });
    let enable = |integration| {
        Command::EnableIntegration(enable::Enable {
            organization: organization(),
            integration,
        })
    };
    for command in [
        Command::CreateIntegration(create(false)),
        enable(made),
        enable(IntegrationId(7)),
    ] {
        assert_eq!(ask(&mut model, command), refused);
    }
    assert!(model.state.everywhere().integration(made).is_some());
    let resume = Command::ResumeOrganization(Resume {
        organization: organization(),
        version: None,
    });
    for _ in 0..2 {
        ask(&mut model, resume.clone()).expect("it goes on");
    }
    ask(&mut model, enable(made)).expect("it is active");
    model.assert_replay();
}

#[test]
fn nothing_can_be_made_in_an_organization_that_there_is_not() {
    let mut model = Model::new(5);
    let command = create::Create {
        organization: other(),
        definition: definition(1),
        intervals: intervals(1, 60),
        draft: true,
        request: None,
    };
    let answer = ask(&mut model, Command::CreateIntegration(command));
    assert_eq!(answer, Err(Rejection::OrganizationNotFound(other())));
}

fn suspend(model: &mut Model) {
    let command = Suspend {
        organization: organization(),
        reason: "unpaid".to_owned(),
        version: None,
    };
    ask(model, Command::SuspendOrganization(command)).expect("it is there");
}

fn resume(model: &mut Model) {
    let command = Resume {
        organization: organization(),
        version: None,
    };
    ask(model, Command::ResumeOrganization(command)).expect("it is there");
}

fn limit(model: &mut Model, quotas: Quotas) {
    let command = Update {
        organization: organization(),
        display_name: DisplayName::new("Acme").expect("a name"),
        quotas,
        retention: RetentionDays::default(),
        audit_retention: RetentionDays::AUDIT,
        version: None,
    };
    ask(model, Command::UpdateOrganization(command)).expect("it is there");
}

fn make(model: &mut Model, name: u32, data_types: usize) -> Result<Answer, Rejection> {
    let command = create::Create {
        organization: organization(),
        definition: definition(name),
        intervals: intervals(data_types, 60),
        draft: false,
        request: None,
    };
    ask(model, Command::CreateIntegration(command))
}

#[test]
fn what_is_suspended_is_neither_due_nor_dispatched_and_goes_on_where_it_was() {
    let mut model = Model::new(6);
    make(&mut model, 0, 2).expect("it is active");
    suspend(&mut model);
    assert_eq!(
        model.state.index().next_timer(),
        None,
        "nothing is planned for what rests"
    );
    model.pass(std::time::Duration::from_secs(3 * 3_600));
    model.tick();
    assert_eq!(
        model.state.everywhere().executions().count(),
        2,
        "nothing new was created"
    );
    model.restart();
    assert_eq!(dispatch::next(&model.state), None);
    resume(&mut model);
    model.check_in(0, false);
    let next = dispatch::next(&model.state).expect("it goes on");
    assert!(model.state.everywhere().execution(next.execution).is_some());
    model.tick();
    let skipped = model
        .state
        .everywhere()
        .integrations()
        .flat_map(|one| one.collections.iter());
    let skipped = skipped.filter(|(_, collection)| collection.skipped.is_some());
    assert_eq!(skipped.count(), 2, "what was missed is recorded, one range each");
    model.assert_replay();
}

#[test]
fn runners_of_a_suspended_organization_are_not_let_in_and_lose_their_work_without_a_failure() {
    let mut model = Model::new(7);
    make(&mut model, 0, 1).expect("it is active");
    model.check_in(0, false);
    model.dispatch();
    let held = model
        .state
        .everywhere()
        .executions()
        .next()
        .expect("it is open")
        .clone();
    assert!(held.holder().is_some());
    suspend(&mut model);
    model.disconnect(0);
    let refused = model.try_check_in(0);
    assert!(
        matches!(refused, Err(Rejection::OrganizationSuspended { .. })),
        "{refused:?}"
    );
    model.pass(std::time::Duration::from_secs(120));
    model.tick();
    let queued = model.state.everywhere().execution(held.id).expect("it is open");
    assert_eq!((queued.holder(), queued.failures), (None, 0));
    resume(&mut model);
    model.check_in(0, false);
    model.dispatch();
    let again = model.state.everywhere().execution(held.id).expect("it is open");
    assert_eq!(again.attempt, held.attempt.next());
    model.assert_replay();
}

#[test]
fn each_quota_is_reached_exactly() {
    let mut model = Model::new(8);
    let quotas = Quotas {
        integrations: Some(2),
        runners: Some(1),
        open_executions: Some(3),
        ..Quotas::NONE
    };
    limit(&mut model, quotas);
    let reached = |quota, limit, count| {
        Err(Rejection::QuotaReached {
            organization: organization(),
            quota,
            limit,
            count,
        })
    };
    make(&mut model, 0, 2).expect("there is room");
    assert_eq!(make(&mut model, 1, 2), reached(Quota::OpenExecutions, 3, 2));
    let second = make(&mut model, 1, 1).expect("there is room for one more");
    assert_eq!(make(&mut model, 2, 1), reached(Quota::Integrations, 2, 2));
    let Answer::Integration(second) = second else {
        panic!("it is made: {second:?}")
    };
    model.check_in(0, false);
    assert_eq!(model.try_check_in(1), reached(Quota::Runners, 1, 1));
    model.try_check_in(0).expect("it was there before");

    // What is over the limit since that came down stays, and so does what is asked of it.
    limit(
        &mut model,
        Quotas {
            open_executions: Some(1),
            ..quotas
        },
    );
    let run = RunNow {
        organization: organization(),
        integration: second,
        data_types: Vec::new(),
    };
    let open = ask(&mut model, Command::RunNow(run.clone()));
    assert!(
        matches!(&open, Ok(Answer::Executions(open)) if open.len() == 1),
        "{open:?}"
    );
    model.cancel_all();
    assert_eq!(ask(&mut model, Command::RunNow(run)).map(drop), Ok(()));
    model.pass(std::time::Duration::from_secs(3_700));
    model.tick();
    assert_eq!(
        model.state.everywhere().executions().count(),
        1,
        "what falls due beyond it is skipped"
    );
    model.assert_replay();
}

#[test]
fn an_organization_that_is_deleted_leaves_its_name_alone() {
    let mut model = Model::new(9);
    make(&mut model, 0, 2).expect("it is active");
    make(&mut model, 1, 1).expect("it is active");
    model.check_in(0, false);
    model.check_in(1, false);
    model.dispatch();
    enrollment::enroll_and_bar(&mut model, 2);
    let rotate = Command::Identity(IdentityCommand::Rotate(Rotate {
        owner: Some(organization()),
        number: 1,
        certificate: [1].into(),
        sealed_key: [2].into(),
        overlap: model.now.stamp,
    }));
    ask(&mut model, rotate).expect("it has none");
    let token = Command::Access(Access::CreateToken(access::token_of(1, access::acme(), None)));
    ask(&mut model, token).expect("made");
    let delete = Command::DeleteOrganization(Delete {
        organization: organization(),
        version: None,
    });
    let refused = ask(&mut model, delete.clone());
    assert!(
        matches!(
            refused,
            Err(Rejection::OrganizationInUse {
                integrations: 2,
                runners: 2,
                ..
            })
        ),
        "{refused:?}"
    );
    suspend(&mut model);
    ask(&mut model, delete.clone()).expect("it is suspended");
    ask(&mut model, delete).expect("it goes on");
    let mut steps = 0;
    while let Some(step) = erase::next(&model.state) {
        model
            .ask(&Principal::Coordinator, Command::Erase(step))
            .expect("never refused");
        steps += 1;
        assert!(steps < 100, "it ends");
        if steps == 2 {
            model.restart();
        }
        model.assert_replay();
    }
    let ledger = model.state.everywhere();
    assert_eq!(ledger.integrations().count() + ledger.runners().count(), 0);
    assert_eq!(ledger.executions().count() + ledger.incidents().count(), 0);
    assert_eq!(ledger.connectors().count(), 0);
    assert_eq!(ledger.people().count() + ledger.tokens().count(), 0);
    assert_eq!(
        ledger.enrollment_tokens(None).count() + ledger.runner_identities().count(),
        0
    );
    assert_eq!(ledger.authorities().count(), 0);
    assert!(!found(&model, &organization()).exists());
    let again = Create {
        organization: organization(),
        ..making(None)
    };
    let again = ask(&mut model, Command::CreateOrganization(again));
    assert_eq!(again, Err(Rejection::OrganizationExists(organization())));
}
