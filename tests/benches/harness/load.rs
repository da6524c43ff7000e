//! The process that makes the load on a real coordinator: its operators, who run integrations now, and its runners.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::{StreamExt, TryStreamExt, stream};
use hdrhistogram::Histogram;
use muster_proto::v1;
use muster_proto::v1::integration_service_client::IntegrationServiceClient;
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;

use super::Outcome;
use super::child::say;
use super::progress::{OPEN_MAX, Progress};
use super::runner::{self, CONNECTOR, DATA_TYPES, ORGANIZATION, POOL, RUNNERS, Shared};
use super::way::{Operator, Shows, Way};

/// The role of this process.
pub(crate) const ROLE: &str = "load";

/// The operators' connections: the coordinator takes 16 calls at a time on each.
const CONNECTIONS: usize = 4;

/// How many integrations are created at a time.
const CREATING_MAX: usize = 16 * CONNECTIONS;

/// How many integrations a call runs under full load.
const BATCH: usize = 500;

/// How often a call is made at a set pace.
const CALL_EVERY: Duration = Duration::from_millis(1);

/// The most integrations of one call: what the coordinator takes.
const CALL_MAX: usize = 1_000;

/// The most bytes of a page of a thousand integrations: far above what they have here.
const PAGE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The longest latency that is told apart from longer ones: a minute.
const MICROS_MAX: u64 = 60_000_000;

/// What to do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Settings {
    /// Where the coordinator is.
    pub(crate) way: Way,
    /// How many integrations there are to be.
    pub(crate) integrations: usize,
    /// How long work is made.
    pub(crate) window: Duration,
    /// How long history gets to catch up with what came before the clock starts.
    pub(crate) settle: Duration,
    /// How many executions are created in a second; `None`: as many as can be carried.
    pub(crate) pace: Option<f64>,
}

/// What as much load as possible has brought.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Saturated {
    /// Executions whose ends were acknowledged.
    pub(crate) finished: u64,
    /// From the first call to the last acknowledgement.
    pub(crate) seconds: f64,
    /// Refused reports.
    pub(crate) fenced: u64,
}

/// What a set pace has brought: from just before a call was sent until an assignment of what it created was there.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub(crate) struct Paced {
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    pub(crate) most_ms: f64,
    /// How many executions were created in a second.
    pub(crate) created_per_s: f64,
}

pub(crate) fn play(settings: Settings) -> Outcome<()> {
    // One thread: it leaves the other core to the coordinator, and nothing is handed from thread to thread.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(make(settings))
}

async fn make(settings: Settings) -> Outcome<()> {
    let shows = Arc::new(Shows::of(settings.way)?);
    let shared = Arc::new(Shared::default());
    let mut runners = JoinSet::new();
    for n in 0..RUNNERS {
        runner::spawn(&mut runners, &shows, n, &shared);
    }
    let all_in = |progress: &Progress| progress.checked_in() == RUNNERS;
    shared.progress.until("all runners have checked in", all_in).await?;
    let operators = Operators::connect(&shows).await?;
    let names = operators.integrations(settings.integrations).await?;
    // The first collections are the warm-up.
    shared.progress.quiet().await;
    tokio::time::sleep(settings.settle).await;
    match settings.pace {
        None => say(&saturate(&operators, &names, &shared, settings.window).await?),
        Some(rate) => say(&pace(&operators, &names, &shared, settings.window, rate).await?),
    }
}

/// As much as can be carried: the queue is never empty, and never holds much more than the runners take in half a second.
async fn saturate(operators: &Operators, names: &[String], shared: &Shared, window: Duration) -> Outcome<Saturated> {
    let progress = &shared.progress;
    let (start, before) = (Instant::now(), progress.finished());
    let calls = names.chunks(BATCH).cycle().enumerate();
    let calls = stream::iter(calls).take_while(|_| std::future::ready(start.elapsed() < window));
    let calls = calls
        .map(Ok)
        .try_for_each_concurrent(CONNECTIONS, |(n, names)| async move {
            progress
                .until("there is room", |progress| progress.open() < OPEN_MAX)
                .await?;
            progress.create(operators.run(n, names).await?);
            Outcome::Ok(())
        });
    // What came before is all done: open is what this has made.
    progress.create(progress.finished() - progress.created());
    calls.await?;
    progress
        .until("the queue is empty", |progress| progress.open() == 0)
        .await?;
    Ok(Saturated {
        finished: progress.finished() - before,
        seconds: start.elapsed().as_secs_f64(),
        fenced: progress.fenced(),
    })
}

/// So many executions a second, by a call each millisecond that waits for no other.
pub(crate) async fn pace(
    operators: &Operators,
    names: &[String],
    shared: &Arc<Shared>,
    window: Duration,
    rate: f64,
) -> Outcome<Paced> {
    let latencies = shared.latencies.get_or_init(|| Latencies::of(names));
    latencies.begin_anew();
    let before = shared.progress.created();
    let mut ticks = tokio::time::interval(CALL_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let warm_up = window / 8;
    let (start, mut asked) = (Instant::now(), 0);
    let mut calls = JoinSet::new();
    while start.elapsed() < warm_up + window {
        ticks.tick().await;
        let due = (start.elapsed().as_secs_f64() * rate / DATA_TYPES.len() as f64) as usize;
        let places: Vec<usize> = (asked..due.min(asked + CALL_MAX)).map(|n| n % names.len()).collect();
        if start.elapsed() >= warm_up {
            latencies.recording.store(true, Ordering::Relaxed);
        }
        if !places.is_empty() {
            asked += places.len();
            let names: Vec<String> = places.iter().map(|place| names[*place].clone()).collect();
            let (operators, shared) = (operators.clone(), Arc::clone(shared));
            calls.spawn(async move {
                if let Some(latencies) = shared.latencies.get() {
                    latencies.sent(&places, Instant::now());
                }
                operators.run(places[0], &names).await
            });
        }
        while let Some(done) = calls.try_join_next() {
            shared.progress.create(done??);
        }
    }
    let seconds = start.elapsed().as_secs_f64();
    while let Some(done) = calls.join_next().await {
        shared.progress.create(done??);
    }
    Ok(latencies.summary((shared.progress.created() - before) as f64 / seconds))
}

/// Those who tell the coordinator what to do, by several connections.
#[derive(Clone)]
pub(crate) struct Operators(Vec<IntegrationServiceClient<Operator>>);

impl Operators {
    pub(crate) async fn connect(shows: &Shows) -> Outcome<Self> {
        let mut clients = Vec::with_capacity(CONNECTIONS);
        for _ in 0..CONNECTIONS {
            clients.push(IntegrationServiceClient::new(shows.operator().await?));
        }
        Ok(Self(clients))
    }

    /// The names of so many integrations: of those that are there, and of those that it creates.
    pub(crate) async fn integrations(&self, count: usize) -> Outcome<Vec<String>> {
        let mut names = self.list().await?;
        let missing = names.len()..count.max(names.len());
        let created: Vec<String> = stream::iter(missing)
            .map(|n| self.create(n))
            .buffer_unordered(CREATING_MAX)
            .try_collect()
            .await?;
        names.extend(created);
        names.truncate(count);
        Ok(names)
    }

    async fn list(&self) -> Outcome<Vec<String>> {
        let mut names = Vec::new();
        let mut page_token = String::new();
        loop {
            let request = v1::ListIntegrationsRequest {
                parent: ORGANIZATION.to_owned(),
                page_size: 1_000,
                page_token,
                ..v1::ListIntegrationsRequest::default()
            };
            let mut client = self.client(0).max_decoding_message_size(PAGE_BYTES_MAX);
            let page = client.list_integrations(request).await?.into_inner();
            names.extend(page.integrations.into_iter().map(|integration| integration.name));
            page_token = page.next_page_token;
            if page_token.is_empty() {
                return Ok(names);
            }
        }
    }

    async fn create(&self, n: usize) -> Outcome<String> {
        let integration = v1::Integration {
            display_name: format!("source {n}"),
            connector: CONNECTOR.to_owned(),
            configuration: Some(prost_types::Struct::default()),
            pool: POOL.to_owned(),
            ..v1::Integration::default()
        };
        let request = v1::CreateIntegrationRequest {
            parent: ORGANIZATION.to_owned(),
            integration: Some(integration),
            ..v1::CreateIntegrationRequest::default()
        };
        let created = self.client(n).create_integration(request).await?;
        Ok(created.into_inner().name)
    }

    /// Runs integrations now; returns how many executions were created.
    async fn run(&self, n: usize, names: &[String]) -> Outcome<u64> {
        let request = v1::BatchRunIntegrationsRequest {
            parent: ORGANIZATION.to_owned(),
            names: names.to_vec(),
            data_types: Vec::new(),
            validate_only: false,
        };
        let ran = self.client(n).batch_run_integrations(request).await?.into_inner();
        match ran.failures.first() {
            None => Ok(u64::from(ran.created_count)),
            Some(failure) => Err(format!("{} did not run: {}", failure.name, failure.message).into()),
        }
    }

    fn client(&self, n: usize) -> IntegrationServiceClient<Operator> {
        self.0[n % self.0.len()].clone()
    }
}

/// From just before a call was sent until an assignment of what it created was there, for each execution.
pub(crate) struct Latencies {
    start: Instant,
    places: HashMap<String, usize>,
    /// When each integration was last run, in microseconds after `start`; 0: not yet.
    sent: Vec<AtomicU64>,
    recording: AtomicBool,
    /// In microseconds.
    seen: Mutex<Histogram<u64>>,
}

impl Latencies {
    fn of(names: &[String]) -> Self {
        let seen = Histogram::new_with_max(MICROS_MAX, 3).expect("three digits are within what a histogram has");
        Self {
            start: Instant::now(),
            places: names.iter().cloned().zip(0..).collect(),
            sent: names.iter().map(|_| AtomicU64::new(0)).collect(),
            recording: AtomicBool::new(false),
            seen: Mutex::new(seen),
        }
    }

    /// Forgets what was seen, and sees nothing until it is told to.
    fn begin_anew(&self) {
        self.recording.store(false, Ordering::Relaxed);
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    fn sent(&self, places: &[usize], now: Instant) {
        for place in places {
            self.sent[*place].store(self.micros(now), Ordering::Relaxed);
        }
    }

    /// Takes in assignments that have just arrived.
    pub(crate) fn arrived(&self, assignments: &[v1::Assignment], now: Instant) {
        if !self.recording.load(Ordering::Relaxed) {
            return;
        }
        let now = self.micros(now);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        for assignment in assignments {
            let place = self.places.get(&assignment.integration);
            let sent = place.map_or(0, |place| self.sent[*place].load(Ordering::Relaxed));
            if sent > 0 {
                seen.saturating_record(now.saturating_sub(sent));
            }
        }
    }

    fn summary(&self, created_per_s: f64) -> Paced {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let ms = |micros: u64| micros as f64 / 1_000.0;
        Paced {
            p50_ms: ms(seen.value_at_quantile(0.5)),
            p99_ms: ms(seen.value_at_quantile(0.99)),
            most_ms: ms(seen.max()),
            created_per_s,
        }
    }

    fn micros(&self, now: Instant) -> u64 {
        u64::try_from(now.duration_since(self.start).as_micros()).unwrap_or(u64::MAX)
    }
}
