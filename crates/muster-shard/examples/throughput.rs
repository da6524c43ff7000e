//! Lifecycles per second of a shard alone, without gRPC: `cargo run --release -p muster-shard --example throughput -- [SECONDS] [FOLDER]`.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use muster_core::decide::execution::run_now::RunNow;
use muster_core::decide::execution::{Report, finish::Finish, progress::Start};
use muster_core::decide::integration::create::Create;
use muster_core::decide::session::check_in::CheckIn;
use muster_core::decide::{Answer, Command, Message};
use muster_core::entity::{Definition, Profile};
use muster_core::time::{Interval, Stamp};
use muster_core::words::{
    Claim, Configuration, ConnectorName, Counts, DataType, DisplayName, IntegrationId, OrganizationId, Pool, PoolName,
    Principal, RunnerId, SessionId, Slots,
};
use muster_shard::{Options, ShardHandle, Started, start};
use muster_store::{Location, Store};

const INTEGRATIONS: usize = 50_000;
const RUNNERS: usize = 64;
const SLOTS: u32 = 8;

fn organization() -> OrganizationId {
    OrganizationId::new("default").expect("a name")
}

fn pool() -> Pool {
    Pool::named(&organization(), &PoolName::new("hq").expect("a name"))
}

async fn create(handle: &ShardHandle) -> Vec<IntegrationId> {
    let mut ids = Vec::new();
    for chunk in 0..INTEGRATIONS / 500 {
        let made = handle.turn(move |turn| {
            let mut made = Vec::new();
            for n in 0..500 {
                let interval = Interval::MOST;
                let definition = Definition {
                    display_name: DisplayName::new(&format!("source {chunk} {n}")).expect("a name"),
                    connector: ConnectorName::new("host").expect("a name"),
                    configuration: Configuration::new("{}").expect("small"),
                    pool: pool(),
                    intervals: ["device", "software", "user"]
                        .map(|one| (DataType::new(one).expect("a name"), interval))
                        .into(),
                };
                let create = Create {
                    organization: organization(),
                    definition,
                    draft: false,
                };
                match turn.ask(&Principal::local(), Command::CreateIntegration(create)) {
                    Ok(Answer::Integration(id)) => made.push(id),
                    other => panic!("{other:?}"),
                }
            }
            made
        });
        ids.extend(made.await.expect("it runs"));
    }
    ids
}

async fn runner(handle: ShardHandle, n: usize, done: Arc<AtomicU64>) {
    let mut chance = fastrand::Rng::new();
    let now = Stamp::from_millis(1);
    let (id, session) = (
        RunnerId::generate(now, &mut chance),
        SessionId::generate(now, &mut chance),
    );
    let mut outbox = handle.open_outbox(session);
    let check_in = CheckIn {
        runner: id,
        session,
        profile: Profile {
            display_name: DisplayName::new(&format!("runner {n}")).expect("a name"),
            organization: Some(organization()),
            pool: pool(),
            version: "1".into(),
            platform: "test".into(),
            slots: Slots(SLOTS),
            connectors: vec![ConnectorName::new("host").expect("a name")],
        },
        offers: Vec::new(),
        running: Vec::new(),
        finished: Vec::new(),
    };
    handle
        .ask(Principal::Runner(id), Command::CheckIn(check_in))
        .await
        .expect("welcome");
    while let Some(mut messages) = outbox.recv().await {
        while let Ok(more) = outbox.try_recv() {
            messages.extend(more);
        }
        let mut commands = Vec::with_capacity(2 * messages.len());
        let count = messages.len();
        for message in messages {
            let Message::Assign(assignment) = message else { continue };
            let report = Report {
                execution: assignment.execution,
                claim: Claim {
                    runner: id,
                    attempt: assignment.attempt,
                },
            };
            commands.push(Command::Start(Start(report)));
            commands.push(Command::Finish(Finish {
                report,
                counts: Counts::default(),
                cursor: None,
                staged: None,
            }));
        }
        let Ok(posted) = handle.ask_all(Principal::Runner(id), commands).await else {
            return;
        };
        if posted.await.is_err() {
            return;
        }
        done.fetch_add(count as u64, Ordering::Relaxed);
    }
}

async fn measure(handle: ShardHandle, seconds: u64) {
    let ids = create(&handle).await;
    let done = Arc::new(AtomicU64::new(0));
    let mut tasks = tokio::task::JoinSet::new();
    for n in 0..RUNNERS {
        tasks.spawn(runner(handle.clone(), n, Arc::clone(&done)));
    }
    let feeder = handle.clone();
    tasks.spawn(async move {
        loop {
            for chunk in ids.chunks(300) {
                let chunk = chunk.to_vec();
                let asked = feeder.turn(move |turn| {
                    for id in chunk {
                        let run = RunNow {
                            organization: organization(),
                            integration: id,
                            data_types: Vec::new(),
                        };
                        let _ = turn.ask(&Principal::local(), Command::RunNow(run));
                    }
                });
                if asked.await.is_err() {
                    return;
                }
            }
        }
    });
    let start = Instant::now();
    let mut last = 0;
    for second in 0..seconds {
        tokio::time::sleep(Duration::from_secs(1)).await;
        let now = done.load(Ordering::Relaxed);
        println!("{second:3} s  {:7} lifecycles/s", now - last);
        last = now;
    }
    println!("mean {:.0} lifecycles/s", last as f64 / start.elapsed().as_secs_f64());
    std::process::exit(0);
}

fn main() {
    let mut arguments = std::env::args().skip(1);
    let seconds = arguments.next().map_or(10, |text| text.parse().expect("seconds"));
    let folder = arguments
        .next()
        .map_or_else(|| std::env::temp_dir().join("muster-throughput"), PathBuf::from);
    let _ = std::fs::remove_dir_all(&folder);
    let store = Store::open(&Location::Folder(folder)).expect("a new store");
    let Started { handle, running, .. } = start(store, Options::default()).expect("it starts");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(measure(handle, seconds));
    running.join().expect("no error of the store");
}
