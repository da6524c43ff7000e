//! What the shard does on its store alone: the same lifecycles in one process, without gRPC. It also makes the data of the restart.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use muster_core::decide::execution::run_now::RunNow;
use muster_core::decide::execution::{Report, fail::Fail, finish::Finish, progress::Start};
use muster_core::decide::integration::create::Create;
use muster_core::decide::organization::found::Found;
use muster_core::decide::session::check_in::CheckIn;
use muster_core::decide::{Answer, Assignment, Command, Message};
use muster_core::entity::{Definition, PerDataType, Profile};
use muster_core::time::{Interval, Stamp};
use muster_core::words::{
    Category, Claim, Configuration, ConnectorName, Counts, DataType, DisplayName, Failure, IntegrationId,
    Notifications, OrganizationId, Pool, PoolName, Principal, RetentionDays, RunnerId, SessionId, Slots,
};
use muster_shard::{LandingWork, Options, Outbox, Running, ShardHandle, Started, Turn, start};
use muster_store::{Location, Store};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::Outcome;
use super::arguments::Scale;
use super::child::{Child, say};
use super::progress::{OPEN_MAX, Progress};
use super::runner::{CONNECTOR, DATA_TYPES, RUNNERS, SLOTS};

/// The role of the process that measures this.
pub(crate) const ROLE: &str = "store";

/// How many integrations a turn of the writer creates or runs: a turn touches at most a thousand entities.
const TURN: usize = 300;

/// How many a turn of the writer reads.
const PAGE: usize = 1_000;

/// What the shard has done.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Carried {
    pub(crate) lifecycles_per_s: f64,
}

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Settings {
    folder: PathBuf,
    integrations: usize,
    /// How long history gets to catch up with the first collections before the clock starts.
    settle: Duration,
    window: Duration,
}

pub(crate) fn measure(folder: &Path, scale: &Scale) -> Outcome<Carried> {
    let settings = Settings {
        folder: folder.join("store"),
        integrations: scale.integrations,
        settle: scale.settle,
        window: scale.window,
    };
    Child::play(ROLE, &settings)?.hear()
}

pub(crate) fn play(settings: Settings) -> Outcome<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let shard = Shard::open(settings.folder)?;
    let loaded = runtime.block_on(async {
        let integrations = shard
            .create(settings.integrations, "bench", Notifications::default())
            .await?;
        load(&shard, integrations, settings.settle, settings.window, Ends::Good).await
    })?;
    say(&loaded.caught_up(shard)?)
}

/// How executions end.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Ends {
    /// All well.
    Good,
    /// One of fifty fails; of every tenth integration two of five.
    Mixed,
}

impl Ends {
    fn fails(self, assignment: &Assignment) -> bool {
        let of_fifty_fail = if assignment.integration.0.is_multiple_of(10) {
            20
        } else {
            1
        };
        match self {
            Self::Good => false,
            Self::Mixed => assignment.execution.0 % 50 < of_fifty_fail,
        }
    }
}

/// What came of a load.
pub(crate) struct Loaded {
    /// When the clock started.
    pub(crate) began: Instant,
    /// How many executions have ended since.
    pub(crate) count: u64,
}

impl Loaded {
    /// What the shard has done, once history has all of it.
    pub(crate) fn caught_up(self, shard: Shard) -> Outcome<Carried> {
        let Shard { handle, running, .. } = shard;
        drop(handle);
        // Returns when the last finished execution is in history.
        running.join()?;
        Ok(Carried {
            lifecycles_per_s: self.count as f64 / self.began.elapsed().as_secs_f64(),
        })
    }
}

/// Keeps these integrations busy, once their first collections are done.
pub(crate) async fn load(
    shard: &Shard,
    ids: Vec<IntegrationId>,
    settle: Duration,
    window: Duration,
    ends: Ends,
) -> Outcome<Loaded> {
    let progress = Arc::new(Progress::default());
    let open = shard.handle.turn(|turn| turn.state().everywhere().executions().count());
    progress.create(open.await? as u64);
    let mut runners = JoinSet::new();
    for n in 0..RUNNERS {
        runners.spawn(run(shard.handle.clone(), n, Arc::clone(&progress), ends));
    }
    progress
        .until("the first collections are done", |progress| progress.open() == 0)
        .await?;
    tokio::time::sleep(settle).await;
    let (began, before) = (Instant::now(), progress.finished());
    let mut next = ids.chunks(TURN).cycle();
    while began.elapsed() < window {
        shard.run_now(next.next().unwrap_or_default(), &progress).await?;
        progress
            .until("there is room", |progress| progress.open() < OPEN_MAX)
            .await?;
    }
    progress
        .until("the queue is empty", |progress| progress.open() == 0)
        .await?;
    let count = progress.finished() - before;
    runners.shutdown().await;
    Ok(Loaded { began, count })
}

/// A shard on a store of its own.
pub(crate) struct Shard {
    handle: ShardHandle,
    running: Running,
    _landing: mpsc::Receiver<LandingWork>,
}

impl Shard {
    pub(crate) fn open(folder: PathBuf) -> Outcome<Self> {
        let store = Store::open(&Location::Folder(folder))?;
        let Started {
            handle,
            landing,
            running,
            ..
        } = start(store, Options::default())?;
        Ok(Self {
            handle,
            running,
            _landing: landing,
        })
    }

    pub(crate) fn handle(&self) -> &ShardHandle {
        &self.handle
    }

    /// All its integrations.
    pub(crate) async fn integrations(&self) -> Outcome<Vec<IntegrationId>> {
        let organization = organization()?;
        let mut all = Vec::new();
        loop {
            let (of, last) = (organization.clone(), all.last().copied());
            let page = self.handle.turn(move |turn| {
                let later = turn.state().index().integrations_of(&of, last);
                later.take(PAGE).collect::<Vec<_>>()
            });
            let page = page.await?;
            if page.is_empty() {
                return Ok(all);
            }
            all.extend(page);
        }
    }

    /// Creates so many integrations of three data types, served by this pool. They are active, so their first collections are queued.
    pub(crate) async fn create(
        &self,
        count: usize,
        pool: &str,
        notifications: Notifications,
    ) -> Outcome<Vec<IntegrationId>> {
        let mut ids = Vec::with_capacity(count);
        while ids.len() < count {
            let first = ids.len();
            let definitions: Result<Vec<_>, _> = (first..count.min(first + TURN))
                .map(|n| definition(n, pool, notifications.clone()))
                .collect();
            let definitions = definitions?;
            ids.extend(self.handle.turn(move |turn| create(turn, definitions)).await?);
        }
        Ok(ids)
    }

    /// Makes work: each of these integrations collects now.
    pub(crate) async fn run_now(&self, integrations: &[IntegrationId], progress: &Progress) -> Outcome<()> {
        let integrations = integrations.to_vec();
        let organization = organization()?;
        let created = self.handle.turn(move |turn| run_all(turn, &organization, integrations));
        progress.create(created.await?);
        Ok(())
    }
}

fn create(turn: &mut Turn<'_>, definitions: Vec<Definition>) -> Vec<IntegrationId> {
    let found = Command::FoundOrganizations(Found {
        organization: organization().expect("a name"),
        retention: RetentionDays::default(),
    });
    turn.ask(&Principal::Coordinator, found).expect("never refused");
    let created = definitions.into_iter().map(|definition| {
        let command = Command::CreateIntegration(Create {
            organization: definition
                .pool
                .organization
                .clone()
                .expect("the pool is an organization's"),
            definition,
            intervals: intervals(),
            draft: false,
            request: None,
        });
        match turn.ask(&Principal::local(), command) {
            Ok(Answer::Integration(id)) => id,
            other => panic!("an integration was created, and the answer is {other:?}"),
        }
    });
    created.collect()
}

fn run_all(turn: &mut Turn<'_>, organization: &OrganizationId, integrations: Vec<IntegrationId>) -> u64 {
    let mut created = 0;
    for integration in integrations {
        let before = turn.state().index().open_of(integration).count();
        let command = Command::RunNow(RunNow {
            organization: organization.clone(),
            integration,
            data_types: Vec::new(),
        });
        if let Err(rejection) = turn.ask(&Principal::local(), command) {
            panic!("an integration cannot run now: {rejection}");
        }
        created += turn.state().index().open_of(integration).count() - before;
    }
    created as u64
}

fn organization() -> Outcome<OrganizationId> {
    Ok(OrganizationId::new("default")?)
}

/// All data types, as seldom as can be: what is measured is run by hand.
fn intervals() -> PerDataType<Interval> {
    let names = DATA_TYPES.iter();
    let types = names.map(|name| DataType::new(name).expect("a name"));
    types.map(|data_type| (data_type, Interval::MOST)).collect()
}

fn definition(n: usize, pool: &str, notifications: Notifications) -> Outcome<Definition> {
    Ok(Definition {
        display_name: DisplayName::new(&format!("{pool} {n}"))?,
        connector: ConnectorName::new(CONNECTOR)?,
        access_schema: None,
        configuration: Configuration::new("{}")?,
        pool: Pool::named(&organization()?, &PoolName::new(pool)?),
        sealed_to: None,
        notifications,
    })
}

/// A runner of the pool `bench` that does what it is assigned in no time, until the shard ends.
pub(crate) async fn run(handle: ShardHandle, n: u64, progress: Arc<Progress>, ends: Ends) {
    if let Err(error) = work(&handle, n, &progress, ends).await {
        eprintln!("error: runner {n} has ended: {error}");
        std::process::exit(1);
    }
}

async fn work(handle: &ShardHandle, n: u64, progress: &Progress, ends: Ends) -> Outcome<()> {
    let runner = RunnerId(u128::from(n) + 1);
    let session = SessionId::generate(Stamp::from_millis(1), &mut fastrand::Rng::new());
    let mut outbox: Outbox = handle.open_outbox(session);
    let check_in = Command::CheckIn(check_in(runner, session, n)?);
    handle.ask(Principal::Runner(runner), check_in).await?;
    while let Some(mut messages) = outbox.recv().await {
        while let Ok(more) = outbox.try_recv() {
            messages.extend(more);
        }
        let assignments = messages.into_iter().filter_map(|message| match message {
            Message::Assign(assignment) => Some(*assignment),
            Message::Fence { .. }
            | Message::Cancel { .. }
            | Message::Check(_)
            | Message::CheckInAnew
            | Message::Close(_) => None,
        });
        let commands: Vec<Command> = assignments.flat_map(|one| work_off(runner, &one, ends)).collect();
        let answers = handle.ask_all(Principal::Runner(runner), commands).await?.await?;
        let accepted = answers.iter().filter(|answer| answer.is_ok()).count();
        progress.fence((answers.len() - accepted) as u64);
        // A start and a finish each.
        progress.finish(accepted as u64 / 2);
    }
    Ok(())
}

fn work_off(runner: RunnerId, assignment: &Assignment, ends: Ends) -> [Command; 2] {
    let report = Report {
        execution: assignment.execution,
        claim: Claim {
            runner,
            attempt: assignment.attempt,
        },
    };
    let end = if ends.fails(assignment) {
        Command::Fail(Fail {
            report,
            failure: Failure::new(Category::Permission, "the API answered 403 to GET /v1/devices"),
        })
    } else {
        Command::Finish(Finish {
            report,
            counts: Counts::default(),
            cursor: None,
            staged: None,
        })
    };
    [Command::Start(Start(report)), end]
}

fn check_in(runner: RunnerId, session: SessionId, n: u64) -> Outcome<CheckIn> {
    let organization = organization()?;
    Ok(CheckIn {
        runner,
        key: None,
        instance: None,
        session,
        profile: Profile {
            display_name: DisplayName::new(&format!("runner {n}"))?,
            pool: Pool::named(&organization, &PoolName::new("bench")?),
            organization: Some(organization),
            version: "1.0.0".into(),
            platform: "linux/x86_64".into(),
            slots: Slots(SLOTS),
            connectors: vec![ConnectorName::new(CONNECTOR)?],
            sealing_key: None,
        },
        offers: Vec::new(),
        running: Vec::new(),
        finished: Vec::new(),
    })
}
