//! What only the shard knows, once it is durable. The ledger and the roster are read a little at a time: a turn of the writer looks at no more than a
//! thousand queues or runners.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::time::Duration;

use muster_core::index::{Lane, OpenCounts};
use muster_core::time::Stamp;
use muster_core::words::RunnerId;
use muster_shard::figures::Figures;
use muster_shard::{Kept, ShardError, ShardHandle, Turn};

/// How many queues or runners one turn looks at.
const PAGE: usize = 1_000;

/// How many pools are told apart. Customers name them, so there may be any number.
const POOLS_MAX: usize = 100;

/// How many versions of runners are told apart. Runners say what theirs is, so there may be any number.
const VERSIONS_MAX: usize = 20;

/// What stands for all the others. No pool can have this name.
pub(super) const OTHERS: &str = "(other)";

/// The shard at a moment.
#[derive(Debug, Default)]
pub(super) struct Sample {
    /// What has happened since its start.
    pub(super) figures: Figures,
    /// How much it keeps.
    pub(super) kept: Kept,
    /// The open executions.
    pub(super) open: OpenCounts,
    /// Those of them that wait for the end of a back-off.
    pub(super) backing_off: usize,
    /// The incidents that are open.
    pub(super) incidents: usize,
    /// The notices that wait to be sent, each to one recipient.
    pub(super) outbox: usize,
    /// Whether what waits is given to runners.
    pub(super) dispatches: bool,
    /// By the pool's name, of whatever organization. The pools with the longest queues, and the sum of all others.
    pub(super) pools: Vec<(String, PoolSample)>,
    /// How many runners are connected.
    pub(super) online: u64,
    /// The same, by version. The most frequent versions, and the sum of all others.
    pub(super) versions: Vec<(String, u64)>,
    /// How many are not connected, and may come back within their lease.
    pub(super) away: u64,
}

/// One pool, or several together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct PoolSample {
    /// How many executions wait for its runners.
    pub(super) waiting: usize,
    /// How old the oldest of them is; `None` when none waits.
    pub(super) oldest: Option<Duration>,
    /// How many of its runners are connected.
    pub(super) runners: u64,
    /// How much these carry out at the same time.
    pub(super) slots: u64,
    /// How much they hold.
    pub(super) busy: u64,
}

impl PoolSample {
    fn add(&mut self, other: Self) {
        self.waiting += other.waiting;
        self.oldest = self.oldest.max(other.oldest);
        self.runners += other.runners;
        self.slots += other.slots;
        self.busy += other.busy;
    }
}

/// Where the reading goes on.
enum Next {
    Queues(Option<Lane>),
    Runners(Option<RunnerId>),
}

#[derive(Default)]
struct Gathered {
    sample: Sample,
    pools: BTreeMap<String, PoolSample>,
    versions: BTreeMap<String, u64>,
}

impl Sample {
    /// Reads it, in as many turns as it takes.
    ///
    /// # Errors
    /// [`ShardError::Stopped`].
    pub(super) async fn of(shard: &ShardHandle) -> Result<Self, ShardError> {
        let mut gathered = Gathered::default();
        let mut next = Some(Next::Queues(None));
        while let Some(from) = next {
            let read = shard.turn(move |turn| {
                let next = gathered.read(turn, from);
                (gathered, next)
            });
            (gathered, next) = read.await?;
        }
        Ok(Self {
            figures: shard.figures().await?,
            kept: shard.kept().await?,
            ..gathered.bounded()
        })
    }
}

impl Gathered {
    fn read(&mut self, turn: &Turn<'_>, from: Next) -> Option<Next> {
        match from {
            Next::Queues(after) => Some(self.read_queues(turn, after.as_ref())),
            Next::Runners(after) => self.read_runners(turn, after),
        }
    }

    fn read_queues(&mut self, turn: &Turn<'_>, after: Option<&Lane>) -> Next {
        let index = turn.state().index();
        self.sample.open = index.open_counts();
        self.sample.backing_off = index.backing_off_count();
        self.sample.incidents = index.alerts().open_count();
        self.sample.outbox = index.alerts().outbox().len();
        self.sample.dispatches = turn.dispatches();
        let now: Stamp = turn.now().stamp;
        let (mut read, mut last) = (0, None);
        for (lane, queue) in index.queues_after(after).take(PAGE) {
            (read, last) = (read + 1, Some(lane));
            self.pools
                .entry(lane.pool.name.to_string())
                .or_default()
                .add(PoolSample {
                    waiting: queue.waiting(),
                    oldest: queue.oldest().map(|(created, _)| now.since(created)),
                    ..PoolSample::default()
                });
        }
        if read < PAGE {
            Next::Runners(None)
        } else {
            Next::Queues(last.cloned())
        }
    }

    fn read_runners(&mut self, turn: &Turn<'_>, after: Option<RunnerId>) -> Option<Next> {
        let (mut read, mut last) = (0, None);
        for (id, presence) in turn.state().roster().presences_after(after).take(PAGE) {
            (read, last) = (read + 1, Some(id));
            let (Some(_), Some(pool)) = (presence.session, &presence.pool) else {
                self.sample.away += 1;
                continue;
            };
            self.sample.online += 1;
            self.pools.entry(pool.name.to_string()).or_default().add(PoolSample {
                runners: 1,
                slots: presence.slots.0.into(),
                busy: presence.held.into(),
                ..PoolSample::default()
            });
            let runner = turn.state().everywhere().runner(id);
            let version = runner.map_or_else(String::new, |runner| runner.profile.version.to_string());
            *self.versions.entry(version).or_default() += 1;
        }
        (read == PAGE).then_some(Next::Runners(last))
    }

    /// With no more values of labels than there may be.
    fn bounded(self) -> Sample {
        let mut pools: Vec<_> = self.pools.into_iter().collect();
        pools.sort_by_key(|(_, pool)| Reverse((pool.waiting, pool.runners)));
        let rest = pools.split_off(pools.len().min(POOLS_MAX));
        if !rest.is_empty() {
            let mut others = PoolSample::default();
            rest.into_iter().for_each(|(_, pool)| others.add(pool));
            pools.push((OTHERS.to_owned(), others));
        }
        let mut versions: Vec<_> = self
            .versions
            .into_iter()
            .filter(|(version, _)| version != OTHERS)
            .collect();
        versions.sort_by_key(|(_, runners)| Reverse(*runners));
        let told: u64 = versions.iter().take(VERSIONS_MAX).map(|(_, runners)| runners).sum();
        versions.truncate(VERSIONS_MAX);
        if self.sample.online > told {
            versions.push((OTHERS.to_owned(), self.sample.online - told));
        }
        Sample {
            pools,
            versions,
            ..self.sample
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_told_apart_is_told_together() {
        let mut gathered = Gathered::default();
        for n in 0..150_u32 {
            let pool = PoolSample {
                waiting: n as usize,
                oldest: (n > 0).then(|| Duration::from_secs(1_000 - u64::from(n))),
                runners: 1,
                slots: 2,
                busy: 1,
            };
            gathered.pools.insert(format!("pool-{n}"), pool);
            gathered.versions.insert(format!("0.{n}"), 1);
        }
        gathered.sample.online = 150;
        // A runner may say anything.
        gathered.versions.remove("0.149");
        gathered.versions.insert(OTHERS.to_owned(), 1);
        let sample = gathered.bounded();
        assert_eq!(sample.pools.len(), POOLS_MAX + 1);
        assert_eq!(sample.pools[0].0, "pool-149");
        let (name, others) = sample.pools.last().expect("many");
        let expected = PoolSample {
            waiting: (0..50).sum(),
            oldest: Some(Duration::from_secs(999)),
            runners: 50,
            slots: 100,
            busy: 50,
        };
        assert_eq!((name.as_str(), *others), (OTHERS, expected));
        assert_eq!(sample.versions.len(), VERSIONS_MAX + 1);
        assert_eq!(sample.versions.last(), Some(&(OTHERS.to_owned(), 130)));
    }
}
