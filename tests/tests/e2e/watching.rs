//! Watches that are cut and go on by their token, while the coordinator works, and over its restarts.

use std::collections::{BTreeMap, BTreeSet};

use muster_proto::v1::watch_executions_response::Kind;
use muster_proto::v1::{self, ExecutionStatus, ReportKind};
use muster_tests::{CONNECTOR, Client, LIMIT, ScriptedRunner, Wanted, Work, World, eventually, id_of, is_final};
use tokio::task::JoinSet;
use tonic::Streaming;

/// What a coordinator knows of the past for those who come back, in changes: `docs/api.md` and the call's comments promise no more.
const CHANGES_MAX: usize = 8_192;

/// How many at the same time make so many changes that a token is too old.
const MAKERS: usize = 16;

/// Who watches, and what it has been told.
struct Watcher {
    client: Client,
    stream: Option<Streaming<v1::WatchExecutionsResponse>>,
    token: String,
    /// All that was told of each execution by changes, in order.
    told: BTreeMap<String, Vec<ExecutionStatus>>,
    /// What is open, by all that was told.
    open: BTreeMap<String, ExecutionStatus>,
    snapshots: usize,
}

impl Watcher {
    fn of(world: &World) -> Self {
        Self {
            client: world.client(),
            stream: None,
            token: String::new(),
            told: BTreeMap::new(),
            open: BTreeMap::new(),
            snapshots: 0,
        }
    }

    /// Watches from where it was; from a snapshot on, at first.
    async fn watch(&mut self) {
        let stream = self.client.watch_from(&self.token).await;
        self.stream = Some(stream.expect("it may be watched"));
    }

    /// Lets go of the stream, as when a connection breaks.
    fn cut(&mut self) {
        self.stream = None;
    }

    /// The next message is taken in.
    async fn take(&mut self) {
        let stream = self.stream.as_mut().expect("it watches");
        let message = tokio::time::timeout(LIMIT, stream.message()).await;
        let message = message
            .expect("a message in time")
            .expect("it goes on")
            .expect("it goes on");
        self.token = message.resume_token;
        match message.kind.expect("it says something") {
            Kind::Snapshot(part) => {
                self.snapshots += usize::from(part.complete);
                // All of these snapshots have one part.
                self.open.clear();
                let open = part.executions.into_iter();
                self.open.extend(open.map(|one| (one.name.clone(), one.status())));
            }
            Kind::Changes(changes) => changes.executions.into_iter().for_each(|one| self.change(&one)),
            Kind::Lagged(_) => panic!("it takes each message at once"),
        }
    }

    fn change(&mut self, execution: &v1::Execution) {
        let (name, status) = (execution.name.clone(), execution.status());
        self.told.entry(name.clone()).or_default().push(status);
        if is_final(execution) {
            self.open.remove(&name);
        } else {
            self.open.insert(name, status);
        }
    }

    /// Takes in what comes until it has been told of this work that it stands so.
    async fn until(&mut self, work: &Work, status: ExecutionStatus) {
        while self.told_of(work).last() != Some(&status) {
            self.take().await;
        }
    }

    /// What was told of a work by changes.
    fn told_of(&self, work: &Work) -> &[ExecutionStatus] {
        let found = self.told.iter().find(|(name, _)| id_of(name) == work.id());
        found.map_or(&[], |(_, told)| told)
    }

    /// No execution was told of twice as the same, or backwards.
    fn was_told_nothing_twice(&self) {
        for (name, told) in &self.told {
            assert!(told.windows(2).all(|two| two[0] < two[1]), "{name}: {told:?}");
        }
    }

    /// Takes in what comes until it knows what is open as the coordinator does.
    async fn until_right(&mut self) {
        let executions = self.client.all_executions().await.expect("they are listed");
        let open = executions.iter().filter(|one| !is_final(one));
        let open: BTreeMap<_, _> = open.map(|one| (one.name.clone(), one.status())).collect();
        while self.open != open {
            self.take().await;
        }
    }
}

/// Has an integration of this name made, and its first execution given to this runner, which begins it.
async fn begin(client: &Client, runner: &mut ScriptedRunner, name: &str) -> Work {
    client.create_soon(&Wanted::new(name, CONNECTOR)).await;
    let work = runner.assignment().await;
    runner.report(vec![work.started()]).await;
    runner.ack(&work, ReportKind::Started).await;
    work
}

async fn complete(runner: &mut ScriptedRunner, work: &Work) {
    runner.report(vec![work.completed(None)]).await;
    runner.ack(work, ReportKind::Finished).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_that_was_cut_goes_on_by_its_token_with_nothing_lost_and_nothing_twice() {
    let world = World::start_with(&[]).await;
    let client = world.client();
    let mut runner = ScriptedRunner::named("worker", "default", 8)
        .check_in(&world.coordinator.url())
        .await;
    let mut watcher = Watcher::of(&world);
    let before = begin(&client, &mut runner, "before").await;
    watcher.watch().await;
    watcher.take().await;
    assert_eq!(
        (watcher.snapshots, watcher.open.len()),
        (1, 1),
        "what was open is in the snapshot"
    );
    complete(&mut runner, &before).await;
    watcher.until(&before, ExecutionStatus::Completed).await;

    // Cut between any two of them, whatever has happened meanwhile.
    let mut works = vec![before];
    for round in 0..5 {
        watcher.cut();
        let ended = begin(&client, &mut runner, &format!("ended {round}")).await;
        complete(&mut runner, &ended).await;
        let begun = begin(&client, &mut runner, &format!("begun {round}")).await;
        let token = watcher.token.clone();
        watcher.watch().await;
        if round % 2 == 0 {
            // It breaks again before all was told, and with a message that may not have arrived.
            watcher.take().await;
            watcher.cut();
            if round % 4 == 0 {
                watcher.token = token;
                watcher
                    .told
                    .retain(|name, _| works.iter().any(|work: &Work| work.id() == id_of(name)));
            }
            watcher.watch().await;
        }
        watcher.until(&begun, ExecutionStatus::Executing).await;
        assert_eq!(watcher.told_of(&ended).last(), Some(&ExecutionStatus::Completed));
        complete(&mut runner, &begun).await;
        watcher.until(&begun, ExecutionStatus::Completed).await;
        works.extend([ended, begun]);
    }
    watcher.was_told_nothing_twice();
    assert_eq!(watcher.snapshots, 1, "a token was too old");
    let executions = client.all_executions().await.expect("they are listed");
    let all: BTreeSet<&str> = executions.iter().map(|one| one.name.as_str()).collect();
    assert_eq!(watcher.told.keys().map(String::as_str).collect::<BTreeSet<_>>(), all);
    watcher.until_right().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_watch_over_a_restart_of_the_coordinator_knows_in_the_end_what_is_so() {
    let mut world = World::start_with(&[]).await;
    let client = world.client();
    let worker = ScriptedRunner::named("worker", "default", 8);
    let mut runner = worker.check_in(&world.coordinator.url()).await;
    let mut watcher = Watcher::of(&world);
    watcher.watch().await;
    let mut held = begin(&client, &mut runner, "held").await;
    watcher.until(&held, ExecutionStatus::Executing).await;
    for round in 0..3 {
        // What happens now it does not see.
        watcher.cut();
        let ended = begin(&client, &mut runner, &format!("ended {round}")).await;
        complete(&mut runner, &ended).await;
        complete(&mut runner, &held).await;
        let next = begin(&client, &mut runner, &format!("held {round}")).await;
        drop(runner);
        world.coordinator.kill_9();
        world.coordinator.restart().await;
        runner = worker
            .check_in_with(&world.coordinator.url(), std::slice::from_ref(&next), &[])
            .await;
        watcher.watch().await;
        watcher.until_right().await;
        let open: Vec<&str> = watcher.open.keys().map(|name| id_of(name)).collect();
        assert_eq!(open, [next.id()], "what has ended meanwhile is not among what is open");
        held = next;
        // And it goes on with changes.
        let seen = begin(&client, &mut runner, &format!("seen {round}")).await;
        watcher.until(&seen, ExecutionStatus::Executing).await;
        complete(&mut runner, &seen).await;
        watcher.until(&seen, ExecutionStatus::Completed).await;
    }
    watcher.was_told_nothing_twice();

    // A restart in which nothing has happened is none for whoever watches.
    complete(&mut runner, &held).await;
    watcher.until(&held, ExecutionStatus::Completed).await;
    drop(runner);
    eventually("a runner that has left", LIMIT, async || {
        let runners = client.runners().await.map_err(|status| status.to_string())?;
        if runners.iter().any(|runner| runner.online) {
            Err(format!("{runners:?}"))
        } else {
            Ok(())
        }
    })
    .await;
    assert_eq!(world.coordinator.terminate(LIMIT).await.code(), Some(0));
    world.coordinator.restart().await;
    watcher.watch().await;
    let mut runner = worker.check_in(&world.coordinator.url()).await;
    let last = begin(&client, &mut runner, "last").await;
    while !watcher.open.keys().any(|name| id_of(name) == last.id()) {
        watcher.take().await;
    }
    watcher.until_right().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_too_old_gets_a_snapshot_and_one_that_is_just_not_goes_on() {
    let world = World::start_with(&[]).await;
    let client = world.client();
    let mut runner = ScriptedRunner::named("worker", "default", 8)
        .check_in(&world.coordinator.url())
        .await;
    let mut watcher = Watcher::of(&world);
    watcher.watch().await;
    let first = begin(&client, &mut runner, "first").await;
    watcher.until(&first, ExecutionStatus::Executing).await;
    watcher.cut();

    // Two changes each: it is made, and it is canceled. Nobody serves them.
    let mut making = JoinSet::new();
    for maker in 0..MAKERS {
        let client = world.client();
        making.spawn(async move {
            let wanted = Wanted::new(&format!("maker {maker}"), CONNECTOR).pool("nobody");
            let created = client.create_soon(&wanted).await;
            let mut open = client.open_execution(&created.name).await;
            for _ in 0..CHANGES_MAX / 2 / MAKERS + 1 {
                client.cancel(&open).await.expect("it is open");
                let run = client.run(&created.name, &[]).await.expect("it can be run");
                open.clone_from(&run[0].name);
            }
        });
    }
    while let Some(made) = making.join_next().await {
        made.expect("it does not fail");
    }
    watcher.watch().await;
    watcher.take().await;
    assert_eq!(watcher.snapshots, 2, "a snapshot comes first");
    assert_eq!(watcher.open.len(), 1 + MAKERS);
    watcher.until_right().await;
    complete(&mut runner, &first).await;
    watcher.until(&first, ExecutionStatus::Completed).await;
}
