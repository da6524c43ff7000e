//! A shard to drive, with a runner whose outbox the test reads.

use std::time::Duration;

use muster_core::decide::execution::{Report, finish, progress};
use muster_core::decide::integration::create;
use muster_core::decide::session::check_in;
use muster_core::decide::{Answer, Assignment, Command, Message};
use muster_core::entity::{Definition, Finished, PerDataType, Profile};
use muster_core::time::{Interval, Moment, Now, Stamp};
use muster_core::words::{
    Claim, Configuration, ConnectorName, Counts, DataType, DisplayName, IntegrationId, Notifications, OrganizationId,
    Pool, PoolName, Principal, RetentionDays, RunnerId, SessionId, Slots,
};
use muster_shard::{AskError, Options, Outbox, Running, ShardError, ShardHandle, start};
use muster_store::Store;

/// How long a test waits for something before it says what it has seen last.
pub const PATIENCE: Duration = Duration::from_secs(20);

pub fn organization() -> OrganizationId {
    OrganizationId::new("acme").expect("a name")
}

pub fn definition(name: &str) -> Definition {
    Definition {
        display_name: DisplayName::new(name).expect("a name"),
        connector: ConnectorName::new("host").expect("a name"),
        access_schema: None,
        configuration: Configuration::new("{}").expect("small"),
        pool: Pool::named(&organization(), &PoolName::new("hq").expect("a name")),
        sealed_to: None,
        notifications: Notifications::default(),
    }
}

/// One data type, every hour.
pub fn intervals() -> PerDataType<Interval> {
    let device = DataType::new("device").expect("a name");
    [(device, Interval::HOUR)].into_iter().collect()
}

pub fn begin(store: Store) -> (ShardHandle, Running) {
    let options = Options {
        record_after: Duration::from_millis(50),
        ..Options::default()
    };
    let started = start(store, options).expect("the store is sound");
    (started.handle, started.running)
}

/// Lets a shard end, off the async threads.
pub async fn end(handle: ShardHandle, running: Running) {
    drop(handle);
    tokio::task::spawn_blocking(move || running.join())
        .await
        .expect("no panic")
        .expect("no error of the store");
}

/// Makes the organization of all that these tests make, if it is not there yet. It does nothing when the shard has stopped.
async fn found(handle: &ShardHandle) {
    let command = muster_core::decide::organization::found::Found {
        organization: organization(),
        retention: RetentionDays::default(),
    };
    let _ = handle
        .ask(Principal::Coordinator, Command::FoundOrganizations(command))
        .await;
}

pub async fn create(handle: &ShardHandle, name: &str) -> IntegrationId {
    try_create(handle, name).await.expect("it runs")
}

/// `None` when the shard has stopped.
pub async fn try_create(handle: &ShardHandle, name: &str) -> Option<IntegrationId> {
    found(handle).await;
    let command = create::Create {
        organization: organization(),
        definition: definition(name),
        intervals: intervals(),
        draft: false,
        request: None,
    };
    match handle
        .ask(Principal::local(), Command::CreateIntegration(command))
        .await
    {
        Ok(Answer::Integration(id)) => Some(id),
        Err(AskError::Shard(ShardError::Stopped)) => None,
        other => panic!("an integration was to be created, not {other:?}"),
    }
}

pub struct Runner {
    pub id: RunnerId,
    pub session: SessionId,
    outbox: Outbox,
}

impl Runner {
    pub async fn check_in(handle: &ShardHandle, slots: u32) -> Self {
        found(handle).await;
        let now = Now {
            stamp: Stamp::from_millis(1),
            moment: Moment::default(),
        };
        let id = RunnerId::generate(now.stamp, &mut fastrand::Rng::new());
        let session = SessionId::generate(now.stamp, &mut fastrand::Rng::new());
        let outbox = handle.open_outbox(session);
        let command = check_in::CheckIn {
            runner: id,
            key: None,
            instance: None,
            session,
            profile: Profile {
                display_name: DisplayName::new("hq-1").expect("a name"),
                organization: Some(organization()),
                pool: Pool::named(&organization(), &PoolName::new("hq").expect("a name")),
                version: "1".into(),
                platform: "test".into(),
                slots: Slots(slots),
                connectors: vec![ConnectorName::new("host").expect("a name")],
                sealing_key: None,
            },
            offers: Vec::new(),
            running: Vec::new(),
            finished: Vec::new(),
        };
        let answer = handle
            .ask(Principal::Runner(id), Command::CheckIn(command))
            .await
            .expect("welcome");
        assert!(matches!(answer, Answer::Welcome(_)), "{answer:?}");
        Self { id, session, outbox }
    }

    /// The next messages.
    pub async fn told(&mut self) -> Vec<Message> {
        let told = tokio::time::timeout(PATIENCE, self.outbox.recv())
            .await
            .expect("a message in time");
        told.expect("the session goes on")
    }

    pub async fn assigned(&mut self) -> Assignment {
        match self.told().await.as_slice() {
            [Message::Assign(assignment)] => (**assignment).clone(),
            other => panic!("one assignment was to come, not {other:?}"),
        }
    }

    /// Starts and finishes, without records, in one message.
    pub async fn carry_out(&self, handle: &ShardHandle, assignment: &Assignment) {
        let claim = Claim {
            runner: self.id,
            attempt: assignment.attempt,
        };
        let report = Report {
            execution: assignment.execution,
            claim,
        };
        let finish = finish::Finish {
            report,
            counts: Counts::default(),
            cursor: None,
            staged: None,
        };
        let commands = vec![Command::Start(progress::Start(report)), Command::Finish(finish)];
        let answers = handle
            .ask_all(Principal::Runner(self.id), commands)
            .await
            .expect("it runs")
            .await
            .expect("it runs");
        assert_eq!(answers, [Ok(Answer::Done), Ok(Answer::Done)]);
    }
}

/// All finished executions of an integration.
pub async fn finished(handle: &ShardHandle, integration: IntegrationId) -> Vec<Finished> {
    let page = handle.finished_page(integration, None, 1_000).await.expect("it runs");
    page.finished.iter().map(|one| (**one).clone()).collect()
}
