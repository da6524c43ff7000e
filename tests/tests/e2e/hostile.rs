//! Peers that mean harm, all against one coordinator that speaks TLS and asks everybody who they are: meanwhile the others' work goes on, nobody else's
//! session ends, and nothing is lost.

mod attacks;
mod others;
mod peer;

use std::fmt::Write as _;
use std::fs;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use muster_proto::v1;
use muster_proto::v1::execution_service_client::ExecutionServiceClient;
use muster_proto::v1::integration_service_client::IntegrationServiceClient;
use muster_tests::{LIMIT, eventually};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

use self::attacks::{Deaf, Unread};
use self::others::{Noticed, Others};
use self::peer::Target;
use crate::secure::{Secure, said};
use crate::wrong_certificates::enrolled;

/// How long the others are watched without an attack.
const CALM_FOR: Duration = Duration::from_secs(3);

/// How long an assignment may take while somebody attacks, on a machine that has other things to do, too.
const ASSIGNED_WITHIN: Duration = Duration::from_secs(5);

/// By how much the coordinator's memory may grow for all attacks together.
const GROWTH_MIB_MAX: u64 = 200;

/// How many connections say nothing; fewer where there may be fewer.
const IDLE: u64 = 10_000;

/// Files that this process needs besides connections.
const FILES_SPARE: u64 = 500;

/// What was noticed while something went on.
struct Row {
    what: &'static str,
    how: String,
    noticed: Noticed,
    took: Duration,
    resident_mib: u64,
}

struct Table<'a> {
    secure: &'a Secure,
    others: &'a Others,
    rows: Vec<Row>,
}

impl Table<'_> {
    async fn during(&mut self, what: &'static str, attack: impl Future<Output = String>) {
        drop(self.others.take());
        let began = Instant::now();
        let how = attack.await;
        let row = Row {
            what,
            how,
            noticed: self.others.take(),
            took: began.elapsed(),
            resident_mib: self.secure.process.resident_bytes() >> 20,
        };
        println!("{what}: {}", row.how);
        assert!(!self.others.have_ended(), "the others could not go on: {what}");
        self.rows.push(row);
    }

    fn print(&self) {
        let ms = |time: Duration| format!("{:.1}", time.as_secs_f64() * 1_000.0);
        let mut text = format!(
            "{:<28} {:>6} {:>8} {:>9} {:>9} {:>8} {:>9} {:>9} {:>8}\n",
            "attack", "s", "assigned", "p50 ms", "p99 ms", "came", "p50 ms", "p99 ms", "RSS MiB"
        );
        for row in &self.rows {
            let (assigned, assigned_p50, assigned_p99) = row.noticed.assigned();
            let (came, came_p50, came_p99) = row.noticed.came();
            let _ = writeln!(
                text,
                "{:<28} {:>6.1} {assigned:>8} {:>9} {:>9} {came:>8} {:>9} {:>9} {:>8}",
                row.what,
                row.took.as_secs_f64(),
                ms(assigned_p50),
                ms(assigned_p99),
                ms(came_p50),
                ms(came_p99),
                row.resident_mib,
            );
        }
        println!("{text}");
    }
}

/// Lets this process, and those that it starts, have as many files as it may; how many that are.
fn all_files() -> u64 {
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE).expect("the system tells it");
    setrlimit(Resource::RLIMIT_NOFILE, most, most).expect("it may have what it may have");
    most
}

#[tokio::test(flavor = "multi_thread")]
async fn while_peers_misbehave_the_others_work_goes_on() {
    let connections = IDLE.min(all_files() - FILES_SPARE);
    let secure = Arc::new(Secure::start(&[]).await);
    let folder = |name: &str| secure.folder.path().join(name);
    let token = secure.token(Duration::from_secs(600), 3).await;
    for name in ["real", "steady", "deaf"] {
        let ran = secure.enroll(&folder(name), &token, &[]);
        assert!(ran.status.success(), "{}", said(&ran));
    }
    let mut real = secure.runner(&folder("real"));
    secure.until_online().await;
    secure.collect().await;
    let others = Others::begin(&secure, folder("steady"));
    let target = Target::of(&secure);
    let admin = fs::read_to_string(secure.data().join("bootstrap-token")).expect("it was made");
    let resident_before = secure.process.resident_bytes() >> 20;
    let mut table = Table {
        secure: &secure,
        others: &others,
        rows: Vec::new(),
    };

    let calm = async {
        tokio::time::sleep(CALM_FOR).await;
        "nobody attacks".to_owned()
    };
    table.during("none", calm).await;
    let (mut unread, mut deaf) = (None, None);
    let reading_nothing = async {
        unread = Some(Unread::begin(&target, admin.trim()).await);
        let folder = folder("deaf");
        deaf = Some(Deaf::begin(&Target::of_runner(&secure, &folder), &enrolled(&folder)).await);
        tokio::time::sleep(CALM_FOR).await;
        "they go on below".to_owned()
    };
    table.during("nothing is taken", reading_nothing).await;
    table.during("slow loris in TLS", attacks::slow_loris(&target)).await;
    let idle = usize::try_from(connections).expect("it is small");
    table.during("idle TCP", attacks::idle_tcp(&target, idle)).await;
    table.during("idle TLS", attacks::idle_tls(&target)).await;
    table.during("rapid reset", attacks::rapid_reset(&target)).await;
    table
        .during("headers without end", attacks::continuation(&target))
        .await;
    table
        .during("window updates by 0", attacks::empty_updates(&target))
        .await;
    table
        .during("settings and pings", attacks::settings_and_pings(&target))
        .await;
    table.during("nonsense", attacks::nonsense(&target)).await;
    table.during("bombs", attacks::bombs(&target)).await;
    let unread = unread.expect("they have begun");
    println!("nothing is taken: {}", unread.until_cut().await);
    let deaf = deaf.expect("it has begun");
    println!("a check-in that takes nothing: {}", deaf.until_cut().await);
    let runners = secure.runners().await;
    let deaf = runners.iter().find(|runner| runner.display_name == "somebody");
    assert!(deaf.is_some_and(|deaf| !deaf.online), "{runners:?}");
    table.print();
    no_files_left(&secure, &target, all_files()).await;
    assert!(!others.have_ended(), "the others could not go on without files");

    for row in &table.rows {
        let (assigned, _, p99) = row.noticed.assigned();
        assert!(assigned > 0, "{}: nothing was assigned", row.what);
        assert!(p99 < ASSIGNED_WITHIN, "{}: assignments take {p99:?}", row.what);
        assert_eq!(row.noticed.turned_away, 0, "{}: newcomers got no answer", row.what);
        let growth = row.resident_mib.saturating_sub(resident_before);
        assert!(
            growth < GROWTH_MIB_MAX,
            "{}: its memory has grown by {growth} MiB",
            row.what
        );
    }
    let done = others.end();
    assert_eq!(done.created, done.completed, "something is lost");
    // The real runner collects and lands as before, in the session that it had.
    collect_again(&secure).await;
    let log = real.log();
    assert_eq!(log.matches("checked in").count(), 1, "{log}");
    real.terminate(LIMIT).await;
    nothing_has_failed(&secure).await;
    let log = secure.process.log();
    assert!(!log.contains("panicked"), "{log}");
    assert!(log.contains("it is read more slowly"), "{log}");
}

/// Peers who take all files that the coordinator may have: whoever is there goes on, and whoever comes may come again when there are some.
async fn no_files_left(secure: &Secure, target: &Target, files: u64) {
    const PEERS: usize = 200;
    let process = format!("/proc/{}", secure.process.pid());
    let open = fs::read_dir(format!("{process}/fd")).expect("it runs").count();
    let ticks = || {
        let stat = fs::read_to_string(format!("{process}/stat")).expect("it runs");
        let fields = stat.rsplit(')').next().expect("a name ends").split_ascii_whitespace();
        fields
            .skip(11)
            .take(2)
            .map(|ticks| ticks.parse::<u64>().expect("a number"))
            .sum::<u64>()
    };
    let limited = |files: u64| {
        let pid = secure.process.pid().to_string();
        let ran = Command::new("prlimit")
            .args(["--pid", &pid, &format!("--nofile={files}:")])
            .status();
        assert!(ran.expect("util-linux is there").success());
    };
    let while_they_stay = async || {
        let before = ticks();
        tokio::time::sleep(CALM_FOR).await;
        ticks() - before
    };
    let calm = while_they_stay().await;
    limited(open as u64 + 20);
    let mut peers = Vec::new();
    for _ in 0..PEERS {
        peers.push(target.tcp(20).await.expect("the system takes it"));
    }
    let busy = while_they_stay().await;
    drop(peers);
    limited(files);
    // A hundred are a second of one core.
    assert!(
        busy < calm + 100,
        "it asks for connections all the time: {busy} ticks, and {calm} before"
    );
    let log = secure.process.log();
    assert!(log.contains("connections cannot be accepted"), "{log}");
    eventually("somebody who comes anew is let in", LIMIT, async || {
        let asked = ExecutionServiceClient::new(secure.operator())
            .list_executions(v1::ListExecutionsRequest {
                parent: format!("{}/integrations/-", crate::secure::PARENT),
                ..Default::default()
            })
            .await;
        asked.map(drop).map_err(|status| status.to_string())
    })
    .await;
}

/// Has the real runner collect once more what it has collected at first.
async fn collect_again(secure: &Secure) {
    let list = v1::ListIntegrationsRequest {
        parent: crate::secure::PARENT.to_owned(),
        ..Default::default()
    };
    let mut integrations = IntegrationServiceClient::new(secure.operator());
    let listed = integrations.list_integrations(list).await.expect("listed").into_inner();
    let own = listed.integrations.into_iter().find(|one| one.connector == "host");
    let run = v1::RunIntegrationRequest {
        name: own.expect("it was created").name,
        ..Default::default()
    };
    let ran = integrations.run_integration(run).await.expect("it runs").into_inner();
    let name = &ran.executions[0].name;
    eventually("the real runner has collected", LIMIT, async || {
        let asked = v1::GetExecutionRequest { name: name.clone() };
        let found = ExecutionServiceClient::new(secure.operator())
            .get_execution(asked)
            .await;
        let found = found.map_err(|status| status.to_string())?.into_inner();
        let is_done = found.status() == v1::ExecutionStatus::Completed;
        is_done.then_some(()).ok_or_else(|| format!("{found:?}"))
    })
    .await;
}

async fn nothing_has_failed(secure: &Secure) {
    let list = v1::ListExecutionsRequest {
        parent: format!("{}/integrations/-", crate::secure::PARENT),
        filter: "status = ERROR".to_owned(),
        ..Default::default()
    };
    let listed = ExecutionServiceClient::new(secure.operator())
        .list_executions(list)
        .await;
    let failed = listed.expect("listed").into_inner().executions;
    assert!(failed.is_empty(), "{failed:?}");
}
