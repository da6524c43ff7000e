//! Makes a store with many integrations as they are after a day of life, at rest: each has been collected every hour, a hundredth is in Error, all have
//! error notifications. The entities are written as the keeper writes them; to live that day would take 50 million executions.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use muster_core::entity::{Alert, Collection, Completion, Definition, Integration, Trouble};
use muster_core::event::{Event, Recorded};
use muster_core::health::End;
use muster_core::ledger::Entity;
use muster_core::time::{Interval, Stamp};
use muster_core::words::{
    Category, Configuration, ConnectorName, Counts, DataType, DisplayName, EmailAddress, Enablement, ExecutionId,
    Failure, IntegrationId, Notifications, OrganizationId, Pool, PoolName, Principal, Revision, RunnerId, Sequence,
};
use muster_store::{EntityChange, Location, Store};
use serde::{Deserialize, Serialize};

use crate::harness::Outcome;
use crate::harness::child::{Child, say};
use crate::harness::runner::{CONNECTOR, DATA_TYPES};

/// The role of the process that makes it.
pub(crate) const ROLE: &str = "health-fill";

/// Every so many of them is in Error.
pub(crate) const IN_ERROR_EVERY: usize = 100;

/// How many of a day's executions are in a window: two data types every hour, one every day.
const ENDS: u32 = 49;

/// From now until the first of them falls due: longer than the benchmark takes.
const DUE_IN: Duration = Duration::from_secs(2 * 60 * 60);

/// How many are written at a time.
const AT_ONCE: usize = 256;

#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Settings {
    folder: PathBuf,
    integrations: usize,
}

/// Makes such a folder of data.
pub(crate) fn measure(data: &Path, integrations: usize) -> Outcome<()> {
    std::fs::create_dir(data)?;
    let settings = Settings {
        // Where the coordinator has it.
        folder: data.join("store"),
        integrations,
    };
    Child::play(ROLE, &settings)?.hear()
}

pub(crate) fn play(settings: Settings) -> Outcome<()> {
    let now = now()?;
    let store = Store::open(&Location::Folder(settings.folder))?;
    store.recover()?;
    let sequence = Sequence(1);
    let begun = [Recorded {
        at: now,
        by: Principal::local(),
        // The least that can have happened: of somebody who is not known.
        event: Event::RunnerLeft {
            runner: RunnerId(1),
            last_heard: now,
        },
    }];
    store.append([(sequence, begun.as_slice())])?;
    store.flush()?;
    let mut chance = fastrand::Rng::with_seed(1);
    let mut changes = Vec::with_capacity(AT_ONCE);
    for n in 0..settings.integrations {
        changes.push(EntityChange::Put {
            entity: Box::new(Entity::Integration(integration(n, now, &mut chance)?)),
            stamp: sequence,
        });
        if changes.len() == AT_ONCE || n + 1 == settings.integrations {
            store.write_entities(&changes)?;
            changes.clear();
        }
    }
    store.flush()?;
    say(&())
}

/// What the wall clock says.
pub(crate) fn now() -> Outcome<Stamp> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH)?;
    Ok(Stamp::from_millis(u64::try_from(since.as_millis())?))
}

fn integration(n: usize, now: Stamp, chance: &mut fastrand::Rng) -> Outcome<Integration> {
    let organization = OrganizationId::new("default")?;
    let id = IntegrationId::generate(now, chance);
    let hour = Duration::from_secs(60 * 60);
    let before = |span: Duration| Stamp::from_millis(now.millis() - u64::try_from(span.as_millis()).unwrap_or(0));
    let in_error = n.is_multiple_of(IN_ERROR_EVERY);
    let mut collections = Vec::new();
    for (place, name) in DATA_TYPES.into_iter().enumerate() {
        let interval = if place == 2 {
            Interval::new(24 * hour)?
        } else {
            Interval::HOUR
        };
        let execution = ExecutionId::generate(now, chance);
        let wait = DUE_IN + Duration::from_millis(chance.u64(..u64::try_from(interval.length().as_millis())?));
        let trouble = Trouble {
            execution,
            since: before(hour),
            at: before(hour),
            failure: Failure::new(Category::Permission, "the API answered 403 to GET /v1/devices"),
        };
        let collection = Collection {
            interval,
            schedule: Revision(1),
            next: Some(now.after(wait)),
            skipped: None,
            cursor: None,
            completed: Some(Completion {
                execution,
                at: before(2 * hour),
                counts: Counts {
                    records: 1_000 + n as u64,
                    bytes: 100_000 + n as u64,
                },
                counts_before: Some(Counts {
                    records: 1_000,
                    bytes: 100_000,
                }),
                is_suspect: false,
            }),
            trouble: (in_error && place == 0).then(|| Box::new(trouble)),
        };
        collections.push((DataType::new(name)?, collection));
    }
    let ends = (0..ENDS).map(|end| {
        let at = before((ENDS - end) * Duration::from_secs(29 * 60));
        End {
            at,
            failed: in_error && end == ENDS - 1,
            place: Some(end as usize % 3),
        }
    });
    Ok(Integration {
        id,
        organization: organization.clone(),
        definition: Definition {
            display_name: DisplayName::new(&format!("Directory of customer {n}"))?,
            connector: ConnectorName::new(CONNECTOR)?,
            access_schema: None,
            configuration: Configuration::new(&format!(
                r#"{{"base_url":"https://customer-{n}.example.com/api","token":"env:MUSTER_SECRET_{n}","page_size":500}}"#
            ))?,
            pool: Pool::named(&organization, &PoolName::new("bench")?),
            sealed_to: None,
            notifications: Notifications {
                enabled: true,
                recipients: [EmailAddress::new("oncall@example.com")?].into(),
                ..Notifications::default()
            },
        },
        revision: Revision(1),
        version: 1,
        enablement: Enablement::Enabled,
        status_since: before(hour),
        created: before(24 * hour),
        updated: before(24 * hour),
        request: None,
        collections: collections.into_iter().collect(),
        window: ends.collect(),
        alert: Alert::Quiet {
            since: before(24 * hour),
        },
        paused_until: None,
        checked: None,
    })
}
