//! `kill -9` of the coordinator and of runners while executions are in each of their statuses: nothing that was acknowledged is lost, nothing is
//! completed twice, and everything ends.
//!
//! Each round has a runner and a pool of its own, brings an execution into the status in question, and kills. Beside it an operator asks and a
//! runner works all the time, so that calls, uploads and publications are in flight at every kill. What is judged is judged at the end, when all are
//! up again.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use muster_proto::v1::ExecutionStatus;
use muster_tests::{
    Client, History, LIMIT, Published, Runner, Wanted, World, eventually, passwd_of, published, staged_files,
    until_nothing_open,
};
use tokio::task::JoinSet;

/// The rounds of each of the two tests: each status at least twice.
const ROUNDS: usize = 10;

/// The integrations that the operator runs again and again.
const NOISE: usize = 24;

/// How many executions of one round end at about the same time, so that the kill hits some while they land.
const VOLLEY: usize = 6;

/// The longest that a kill comes after the first of a volley is seen to land: what a commit, a publication and another commit take.
const AFTER_FIRST_MAX: Duration = Duration::from_millis(6);

/// Two back-offs (30 s and 60 s), leases, and the work itself.
const HEALED_WITHIN: Duration = Duration::from_secs(150);

/// How often the schedule collects: so seldom that none of its times comes while the test runs.
const SELDOM: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// Where an execution is when something is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// Queued behind another one, since its runner has no free slot.
    Created,
    /// Given to a runner that has not confirmed it.
    Pending,
    /// Its records are being uploaded.
    Executing,
    /// Around its commit point: reported, committed, published, or about to be.
    Landing,
}

/// Who is killed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Victim {
    Coordinator,
    Runner,
}

#[tokio::test(flavor = "multi_thread")]
async fn killing_the_coordinator_loses_and_repeats_nothing() {
    kill_in_rounds(Victim::Coordinator).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killing_runners_loses_and_repeats_nothing() {
    kill_in_rounds(Victim::Runner).await;
}

async fn kill_in_rounds(victim: Victim) {
    let seed = std::env::var("MUSTER_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = seed.unwrap_or_else(|| fastrand::u64(..));
    println!("run it again with MUSTER_SEED={seed}");
    let mut chance = fastrand::Rng::with_seed(seed);
    let mut rounds: Vec<At> = [At::Created, At::Pending, At::Executing, At::Landing]
        .into_iter()
        .cycle()
        .take(ROUNDS)
        .collect();
    chance.shuffle(&mut rounds);

    let mut ring = Ring::start().await;
    for (number, at) in rounds.into_iter().enumerate() {
        println!("round {number}: kill the {victim:?} in {at:?}");
        let mut runner = ring.runner(&format!("round-{number}"), at).await;
        ring.bring_to(victim, &mut runner, at, &mut chance).await;
        match victim {
            Victim::Coordinator => {
                ring.world.coordinator.kill_9();
                let staged = staged_files(&ring.world.coordinator.landing()).len();
                println!("{staged} files were staged and not published");
                ring.world.coordinator.restart().await;
                runner.resume();
            }
            Victim::Runner => {
                runner.kill_9();
                println!("{} results were not acknowledged", runner.spooled());
                runner.restart();
            }
        }
        ring.runners.push(runner);
        ring.note_ends().await;
    }
    ring.judge().await;
}

/// All that is going on.
struct Ring {
    world: World,
    client: Client,
    runners: Vec<Runner>,
    integrations: Vec<String>,
    history: Arc<Mutex<History>>,
    noise: JoinSet<()>,
}

impl Ring {
    async fn start() -> Self {
        let world = World::start().await;
        let client = world.client();
        passwd_of(&world.folder().join("slow"), super::SLOW_ACCOUNTS);
        passwd_of(&world.folder().join("quick"), 50);
        let mut ring = Self {
            client,
            world,
            runners: Vec::new(),
            integrations: Vec::new(),
            history: Arc::default(),
            noise: JoinSet::new(),
        };
        let runner = ring.world.runner("noise", &["--pool", "noise"]);
        ring.client.until_online("noise").await;
        ring.runners.push(runner);
        let mut asked = Vec::new();
        for number in 0..NOISE {
            asked.push(ring.create(&format!("noise {number}"), "noise", "quick").await.0);
        }
        ring.noise
            .spawn(ask_all_the_time(ring.client.clone(), asked, Arc::clone(&ring.history)));
        ring
    }

    /// A runner that serves the pool of its own name.
    async fn runner(&mut self, name: &str, at: At) -> Runner {
        let slots = if at == At::Landing { "4" } else { "1" };
        let runner = self.world.runner(name, &["--pool", name, "--slots", slots]);
        self.client.until_online(name).await;
        runner
    }

    /// Creates an integration, and tells its name and that of its first execution.
    async fn create(&mut self, name: &str, pool: &str, source: &str) -> (String, String) {
        let root = self.world.folder().join(source);
        let wanted = Wanted::new(name, "host").pool(pool).data_type("user");
        // What is collected is what the test asks for: no schedule creates anything while ends are compared.
        let wanted = wanted.every(SELDOM).with("root", root.to_str().expect("text"));
        let created = self.client.create_soon(&wanted).await;
        self.integrations.push(created.name.clone());
        let what = format!("the first execution of `{name}`");
        let first = eventually(&what, LIMIT, async || {
            let found = self.client.integration(&created.name).await;
            let found = found.map_err(|status| status.to_string())?;
            let schedule = found.data_types.into_iter().next().expect("it collects users");
            [schedule.open_execution, schedule.last_execution]
                .into_iter()
                .find(|name| !name.is_empty())
                .ok_or_else(|| "none".to_owned())
        })
        .await;
        self.tell(&first);
        (created.name, first)
    }

    fn tell(&self, execution: &str) {
        self.history.lock().expect("not poisoned").tell(execution);
    }

    async fn bring_to(&mut self, victim: Victim, runner: &mut Runner, at: At, chance: &mut fastrand::Rng) {
        let pool = runner.name().to_owned();
        match at {
            At::Created => {
                let (_, before) = self.create(&format!("{pool} before"), &pool, "slow").await;
                self.client.until_status(&before, ExecutionStatus::Executing).await;
                let (_, queued) = self.create(&format!("{pool} queued"), &pool, "quick").await;
                self.still(&queued, ExecutionStatus::Created).await;
            }
            At::Pending => {
                runner.pause();
                let (_, given) = self.create(&pool, &pool, "quick").await;
                self.client.until_status(&given, ExecutionStatus::Pending).await;
            }
            At::Executing => {
                let (_, runs) = self.create(&pool, &pool, "slow").await;
                self.client.until_status(&runs, ExecutionStatus::Executing).await;
            }
            At::Landing => {
                let mut volley = Vec::new();
                for number in 0..VOLLEY {
                    volley.push(self.create(&format!("{pool} {number}"), &pool, "quick").await);
                }
                for (_, first) in &volley {
                    self.client.until_ended(first, LIMIT).await;
                }
                let mut again = Vec::new();
                for (integration, _) in &volley {
                    let ran = self.client.run(integration, &[]).await.expect("the coordinator is up");
                    again.extend(ran.into_iter().map(|execution| execution.name));
                }
                again.iter().for_each(|name| self.tell(name));
                self.until_landing(victim, runner).await;
                // Any moment will do: this is a fault, and waits for nothing.
                tokio::time::sleep(AFTER_FIRST_MAX.mul_f64(chance.f64())).await;
            }
        }
    }

    /// Waits for the first trace of an end that whoever is killed has not brought to its end: a result that is not acknowledged, or records that are
    /// not published.
    async fn until_landing(&self, victim: Victim, runner: &Runner) {
        let landing = self.world.coordinator.landing();
        let until = Instant::now() + LIMIT;
        // It lasts for some milliseconds, so this cannot wait between its looks.
        while match victim {
            Victim::Coordinator => staged_files(&landing).is_empty(),
            Victim::Runner => runner.spooled() == 0,
        } {
            assert!(Instant::now() < until, "nothing of the volley lands");
            tokio::task::yield_now().await;
        }
    }

    /// The kill must come in this status, or it shows nothing.
    async fn still(&self, execution: &str, status: ExecutionStatus) {
        let found = self.client.execution(execution).await.expect("the coordinator is up");
        assert_eq!(found.status(), status, "it was too fast for the kill");
    }

    /// Whatever has ended must stay as it is from now on.
    async fn note_ends(&mut self) {
        let executions = self.client.all_executions_soon().await;
        self.history.lock().expect("not poisoned").note_ends(executions);
    }

    async fn judge(mut self) {
        self.noise.abort_all();
        while self.noise.join_next().await.is_some() {}
        let told = self.history.lock().expect("not poisoned").told().len();
        println!("{told} executions were named by answers");
        // Also what nobody was told of: the noise has been cut off in the middle of its calls.
        until_nothing_open(&self.client, HEALED_WITHIN).await;
        self.note_ends().await;
        self.compare().await;

        // And once more, from the disk.
        let (history, lines) = (self.history.lock().expect("not poisoned").clone(), self.landed());
        assert_eq!(self.world.coordinator.terminate(LIMIT).await.code(), Some(0));
        self.world.coordinator.restart().await;
        self.note_ends().await;
        assert_eq!(
            *self.history.lock().expect("not poisoned"),
            history,
            "there are more ends than before"
        );
        self.compare().await;
        assert_eq!(
            self.landed().keys().collect::<Vec<_>>(),
            lines.keys().collect::<Vec<_>>()
        );
        eventually("nothing to be staged any more", LIMIT, async || {
            let left = staged_files(&self.world.coordinator.landing());
            if left.is_empty() {
                Ok(())
            } else {
                Err(format!("{left:?}"))
            }
        })
        .await;
    }

    fn landed(&self) -> BTreeMap<String, Published> {
        published(&self.world.coordinator.landing())
    }

    async fn compare(&mut self) {
        for integration in &self.integrations {
            self.client.integration(integration).await.expect("it was created");
        }
        let listed = self.client.all_executions().await.expect("the coordinator is up");
        let records = [50, u64::from(super::SLOW_ACCOUNTS)];
        self.history
            .lock()
            .expect("not poisoned")
            .judge(&listed, self.landed(), &records);
        let log = self.world.coordinator.process().log();
        assert!(!log.contains("a panic: report this fault"), "{log}");
    }
}

/// Runs these integrations again and again, and keeps what it is answered. Answers that do not come were no answers.
async fn ask_all_the_time(client: Client, integrations: Vec<String>, history: Arc<Mutex<History>>) {
    for integration in integrations.iter().cycle() {
        if let Ok(ran) = client.run(integration, &[]).await {
            let mut history = history.lock().expect("not poisoned");
            ran.iter().for_each(|execution| history.tell(&execution.name));
        }
        // The pace of the load; nothing waits for it.
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
