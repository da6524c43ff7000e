//! The life of an organization, and what it lets happen within it.

use muster_core::decide::integration::{create, enable};
use muster_core::decide::organization::create::Create;
use muster_core::decide::organization::found::Found;
use muster_core::decide::organization::resume::Resume;
use muster_core::decide::organization::suspend::Suspend;
use muster_core::decide::organization::update::Update;
use muster_core::decide::{Answer, Command, Rejection};
use muster_core::entity::{Organization, OrganizationState};
use muster_core::words::{
    DisplayName, IntegrationId, OrganizationId, Principal, Quotas, Request, RequestId, RetentionDays,
};

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
    model.state.ledger().organization(id).expect("it is there").clone()
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
    assert_eq!(model.state.ledger().organization(&other()), None);
}

#[test]
fn what_was_read_before_somebody_else_changed_it_changes_nothing() {
    let mut model = Model::new(3);
    let change = |version, name: &str| Update {
        organization: organization(),
        display_name: DisplayName::new(name).expect("a name"),
        quotas: Quotas::default(),
        retention: RetentionDays::new(90).expect("not too many"),
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
    assert!(model.state.ledger().integration(made).is_some());
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
