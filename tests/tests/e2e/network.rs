//! What networks do to connections, done by a proxy between the real runner and the real coordinator: it costs time, and nothing else.

use std::time::{Duration, Instant};

use muster_proto::v1::{self, ExecutionStatus};
use muster_tests::{
    Client, LIMIT, Proxy, Runner, Wanted, Weather, World, eventually, id_of, passwd_of, published, staged_files,
};

/// Two back-offs (30 s and 60 s), leases, and the work itself.
const HEALED_WITHIN: Duration = Duration::from_secs(150);

/// The accounts of a source that is there at once, and of one whose records take a while on a slow line.
const FEW: u32 = 50;
const MANY: u32 = 20_000;

/// How often answers are lost.
const LOSSES: u32 = 25;

/// A coordinator, and a runner behind a bad network.
struct Line {
    world: World,
    client: Client,
    proxy: Proxy,
    runner: Runner,
    /// What was collected, and how many records each has.
    asked: Vec<(String, u32)>,
}

impl Line {
    async fn start(arguments: &[&str]) -> Self {
        let world = World::start_with(arguments).await;
        let client = world.client();
        for accounts in [FEW, MANY] {
            passwd_of(&world.folder().join(accounts.to_string()), accounts);
        }
        let proxy = Proxy::before(world.coordinator.address()).await;
        let runner = Runner::start(world.folder(), &proxy.url(), "far", &["--slots", "4"]);
        client.until_online("far").await;
        Self {
            world,
            client,
            proxy,
            runner,
            asked: Vec::new(),
        }
    }

    /// Creates an integration of so many accounts, and names its first execution.
    async fn create(&mut self, name: &str, accounts: u32) -> String {
        let root = self.world.folder().join(accounts.to_string());
        let wanted = Wanted::new(name, "host").data_type("user");
        let wanted = wanted.with("root", root.to_str().expect("text"));
        let created = self.client.create_soon(&wanted).await;
        let first = first_execution(&self.client, &created.name).await;
        self.asked.push((first.clone(), accounts));
        first
    }

    /// Creates some that are collected at once.
    async fn create_few(&mut self, what: &str, count: u32) {
        for number in 0..count {
            self.create(&format!("{what} {number}"), FEW).await;
        }
    }

    /// How often the runner has checked in.
    fn check_ins(&mut self) -> usize {
        let log = self.world.coordinator.process().log();
        log.matches("a runner checks in").count()
    }

    /// Everything ends well, and is there exactly once.
    async fn judge(mut self) -> Vec<v1::Execution> {
        self.proxy.set(Weather::default());
        let mut ended = Vec::new();
        for (execution, _) in &self.asked {
            let found = self.client.until_ended(execution, HEALED_WITHIN).await;
            assert_eq!(found.status(), ExecutionStatus::Completed, "{found:?}");
            ended.push(found);
        }
        // Those that have fallen due meanwhile are among them.
        for execution in self.client.all_executions().await.expect("the coordinator is up") {
            self.client.until_ended(&execution.name, HEALED_WITHIN).await;
        }
        // It panics when something is there twice.
        let landed = published(&self.world.coordinator.landing());
        for (execution, accounts) in &self.asked {
            let records = landed[id_of(execution)].records();
            assert_eq!(records.len(), *accounts as usize, "{execution}");
        }
        let all = self.client.all_executions().await.expect("the coordinator is up");
        let completed = all.iter().filter(|one| one.status() == ExecutionStatus::Completed);
        assert_eq!(landed.len(), completed.count(), "records of what has not completed");
        eventually("nothing to be staged, and nothing to be spooled", LIMIT, async || {
            let staged = staged_files(&self.world.coordinator.landing());
            let spooled = self.runner.spooled();
            if staged.is_empty() && spooled == 0 {
                Ok(())
            } else {
                Err(format!("{staged:?}, {spooled} spooled"))
            }
        })
        .await;
        for log in [self.world.coordinator.process().log(), self.runner.process().log()] {
            assert!(!log.contains("report this fault"), "{log}");
        }
        ended
    }
}

async fn first_execution(client: &Client, integration: &str) -> String {
    eventually("the first execution", LIMIT, async || {
        let found = client.integration(integration).await;
        let found = found.map_err(|status| status.to_string())?;
        let schedule = found.data_types.into_iter().next().expect("it collects users");
        [schedule.open_execution, schedule.last_execution]
            .into_iter()
            .find(|name| !name.is_empty())
            .ok_or_else(|| "none".to_owned())
    })
    .await
}

/// The default lease and its heartbeats, at least every 20 s both ways: what a proxy sees must never be idle for long.
#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_that_cuts_what_is_idle_for_half_a_minute_cuts_nothing() {
    let mut line = Line::start(&[]).await;
    line.proxy.set(Weather {
        cut_idle_after: Some(Duration::from_secs(30)),
        ..Weather::default()
    });
    tokio::time::sleep(Duration::from_secs(70)).await;
    line.create_few("after a while", 2).await;
    assert_eq!(line.check_ins(), 1, "its stream was cut");
    line.judge().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_arrives_late_arrives() {
    let mut line = Line::start(&["--lease", "5s"]).await;
    line.proxy.set(Weather {
        delay: Duration::from_millis(300),
        ..Weather::default()
    });
    line.create_few("late", 4).await;
    for (execution, _) in &line.asked {
        line.client.until_ended(execution, LIMIT).await;
    }
    let checked_in = line.check_ins();
    for execution in line.judge().await {
        assert_eq!((execution.attempt, execution.failures), (1, 0), "{execution:?}");
    }
    assert_eq!(checked_in, 1, "a heartbeat that is late is none that is lost");
}

#[tokio::test(flavor = "multi_thread")]
async fn records_on_a_slow_line_starve_no_heartbeat() {
    let mut line = Line::start(&["--lease", "5s"]).await;
    line.proxy.set(Weather {
        bytes_per_s: Some(150_000),
        ..Weather::default()
    });
    let begun = Instant::now();
    let execution = line.create("long", MANY).await;
    let found = line.client.until_ended(&execution, HEALED_WITHIN).await;
    // Longer than the lease and its grace, or it shows nothing.
    assert!(begun.elapsed() > Duration::from_secs(10), "{:?}", begun.elapsed());
    assert_eq!((found.attempt, found.failures), (1, 0), "{found:?}");
    assert_eq!(line.check_ins(), 1, "its stream has ended");
    line.judge().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_in_the_middle_of_an_upload_leaves_nothing_half() {
    let mut line = Line::start(&["--lease", "5s"]).await;
    for round in 0..3 {
        // Slow enough to be hit.
        line.proxy.set(Weather {
            bytes_per_s: Some(400_000),
            ..Weather::default()
        });
        let carried = line.proxy.carried();
        line.create(&format!("cut {round}"), MANY).await;
        eventually("some of the records to be on their way", LIMIT, async || {
            let now = line.proxy.carried() - carried;
            if now > 200_000 {
                Ok(())
            } else {
                Err(format!("{now} bytes"))
            }
        })
        .await;
        line.proxy.reset();
        line.proxy.set(Weather::default());
    }
    assert!(line.check_ins() > 1, "nothing was reset");
    line.judge().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_that_stalls_without_closing_is_given_up_and_taken_up_again() {
    let mut line = Line::start(&["--lease", "5s"]).await;
    line.proxy.set(Weather {
        bytes_per_s: Some(400_000),
        ..Weather::default()
    });
    let execution = line.create("stalled", MANY).await;
    line.client.until_status(&execution, ExecutionStatus::Executing).await;
    line.proxy.set(Weather {
        stalls: true,
        ..Weather::default()
    });
    // Its lease lapses, and nobody says so to it.
    line.client
        .until(&execution, "taken back", LIMIT, |found| {
            found.status() == ExecutionStatus::Created
        })
        .await;
    line.proxy.set(Weather::default());
    let ended = line.judge().await;
    assert!(ended[0].attempt > 1, "{:?}", ended[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_is_closed_in_one_direction_is_opened_anew() {
    let mut line = Line::start(&["--lease", "5s"]).await;
    for round in 0..3 {
        line.create_few(&format!("before {round}"), 2).await;
        let before = line.check_ins();
        line.proxy.half_close();
        line.create_few(&format!("after {round}"), 2).await;
        eventually("the runner to check in anew", LIMIT, || {
            let now = line.check_ins();
            let is_anew = (now > before).then_some(());
            std::future::ready(is_anew.ok_or_else(|| format!("{now} check-ins")))
        })
        .await;
    }
    line.judge().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn lost_answers_of_every_kind_are_asked_for_again() {
    let mut line = Line::start(&["--lease", "5s"]).await;
    let mut chance = fastrand::Rng::new();
    for round in 0..LOSSES {
        line.create(&format!("lost {round}"), FEW).await;
        // At any moment of what follows: a check-in, an assignment, reports, an upload.
        tokio::time::sleep(Duration::from_millis(chance.u64(..60))).await;
        line.proxy.set(Weather {
            loses_answers: true,
            ..Weather::default()
        });
        tokio::time::sleep(Duration::from_millis(chance.u64(..200))).await;
        line.proxy.reset();
        line.proxy.set(Weather::default());
    }
    assert!(line.check_ins() > 1, "nothing was reset");
    line.judge().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_arrives_twice_does_nothing_twice() {
    let mut line = Line::start(&["--lease", "5s"]).await;
    line.proxy.set(Weather {
        duplicates: true,
        ..Weather::default()
    });
    line.proxy.reset();
    line.create_few("twice", 6).await;
    tokio::time::sleep(Duration::from_secs(10)).await;
    line.proxy.set(Weather::default());
    line.proxy.reset();
    line.judge().await;
}
