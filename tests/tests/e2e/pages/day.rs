//! A day of some integrations, hour by hour, on a machine whose clock is put forward: what a glance at the page tells of it.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use muster_proto::v1;
use muster_tests::{
    Browser, Client, Coordinator, LIMIT, ORGANIZATION, Process, Runner, Wanted, eventually, free_address,
};
use serde_json::{Value, json};

use crate::bad_input::clock::faketime;

const PROGRAM: &str = include_str!("day/source.py");

/// For so many hours there are collections.
const HOURS: u32 = 23;

/// Waits until all that is due `behind` hours ago has been collected, and nothing is open.
async fn until_collected(client: &Client, behind: u32) {
    let now = SystemTime::now() - behind * Duration::from_secs(3_600);
    let request = v1::ListIntegrationsRequest {
        parent: ORGANIZATION.to_owned(),
        ..Default::default()
    };
    eventually("nothing is due", LIMIT, async || {
        let found = client.integrations().list_integrations(request.clone()).await;
        let all = found.map_err(|status| status.to_string())?.into_inner().integrations;
        let served = all
            .iter()
            .filter(|one| one.pool == "default" && one.enablement() == v1::Enablement::Enabled);
        let kinds = served.flat_map(|integration| &integration.data_types);
        let is_done = |kind: &v1::CollectionSchedule| {
            let next = kind.next_collection_time.and_then(|at| SystemTime::try_from(at).ok());
            kind.open_execution.is_empty() && next.is_some_and(|next| next > now)
        };
        match kinds.filter(|kind| !is_done(kind)).count() {
            0 => Ok(()),
            some => Err(format!("{some} are due or open, {behind} h ago")),
        }
    })
    .await;
}

/// A program's connector, and the file that says what its source has.
struct Source {
    connector: &'static str,
    title: &'static str,
    data_types: &'static [&'static str],
    file: PathBuf,
}

impl Source {
    fn new(folder: &Path, connector: &'static str, title: &'static str, data_types: &'static [&'static str]) -> Self {
        let file = folder.join(connector).with_extension("json");
        Self {
            connector,
            title,
            data_types,
            file,
        }
    }

    /// Its table in a runner's configuration.
    fn table(&self, folder: &Path, program: &Path) -> String {
        let arguments = [
            "python3".to_owned(),
            program.display().to_string(),
            self.title.to_owned(),
            self.file.display().to_string(),
            self.data_types.join(","),
        ];
        format!(
            "[exec.{}]\nprogram = \"/usr/bin/env\"\narguments = {arguments:?}\npass_environment = [\"PATH\"]\nread_paths = [{folder:?}]\n",
            self.connector
        )
    }

    fn has(&self, what: &Value) {
        fs::write(&self.file, what.to_string()).expect("written");
    }

    fn wanted(&self, name: &str) -> Wanted {
        let wanted = Wanted::new(name, self.connector);
        self.data_types
            .iter()
            .fold(wanted, |wanted, kind| wanted.data_type(kind))
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_day_is_seen_execution_by_execution() {
    let Some(browser) = Browser::new() else { return };
    let Some(library) = faketime() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let (address, data) = (free_address(), folder.path().join("data"));
    let url = format!("http://{address}");
    let start = async |behind: u32| {
        let mut command = Coordinator::command(&data, address);
        command
            .env("LD_PRELOAD", &library)
            .env("FAKETIME", format!("-{behind}h"));
        command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
        let log = folder.path().join(format!("coordinator-{behind}.log"));
        let mut coordinator = Process::start(command, &log);
        let ready = coordinator.until_logged("the coordinator is ready", LIMIT).await;
        let page = ready["http"].as_str().expect("the line says where").to_owned();
        (coordinator, page)
    };
    let mut coordinator = start(HOURS).await;
    let client = Client::of(&url);
    let of = |connector, title, data_types| Source::new(folder.path(), connector, title, data_types);
    let directory = of("ad", "Active Directory", &["device", "user"]);
    let okta = of("okta", "Okta", &["device", "user"]);
    let jamf = of("jamf", "Jamf Pro", &["device"]);
    let fleet = of("fleet", "Fleet osquery", &["device", "software"]);
    let sources = [&directory, &okta, &jamf, &fleet];
    let program = folder.path().join("source.py");
    fs::write(&program, PROGRAM).expect("written");
    let tables = sources.map(|source| source.table(folder.path(), &program));
    let config = folder.path().join("runner.toml");
    fs::write(&config, tables.concat()).expect("written");
    // Not to be read for some hours of the night, and at one in the morning.
    let refused = |behind: u32| matches!(behind, 7 | 15..=18);
    let forbidden = json!({
        "category": "permission",
        "message": "the API answered 403 to GET /api/v1/devices",
        "remedy": "grant the token `okta.devices.read`",
    });
    let is_hour = |behind: u32| {
        directory.has(&json!({"device": 1_204 + behind % 3, "user": 2_310 - behind / 5}));
        let devices = if refused(behind) { forbidden.clone() } else { json!(412) };
        okta.has(&json!({"device": devices, "user": 3_310 + (behind * 7) % 5}));
        jamf.has(&json!({"device": 842 - behind / 9}));
        fleet.has(&json!({"device": 96 + behind % 2, "software": 58_112}));
    };
    is_hour(HOURS);
    let config = config.to_str().expect("UTF-8");
    let mut runner = Runner::start(folder.path(), &url, "hq-1", &["--config", config]);
    client.until_online("hq-1").await;

    client.create_soon(&directory.wanted("Corp directory")).await;
    let broken = client.create_soon(&okta.wanted("Okta")).await;
    client.create_soon(&jamf.wanted("Macs of the field team")).await;
    let zero = client.create_soon(&fleet.wanted("Laptops")).await;
    client.create_soon(&Wanted::new("Branch servers", "host")).await;
    client
        .create_soon(&directory.wanted("Plant 2 directory").pool("plant-2"))
        .await;
    client.create_soon(&jamf.wanted("Macs of the sales team").draft()).await;

    until_collected(&client, HOURS).await;
    for behind in (0..HOURS).rev() {
        is_hour(behind);
        // A clock that is set while threads look at it is now and then read wrong: so each hour has a process of its own.
        coordinator.0.kill_9();
        runner.kill_9();
        coordinator = start(behind).await;
        runner.restart();
        until_collected(&client, behind).await;
    }
    // And now, when the other has nothing to show.
    okta.has(&json!({"device": forbidden, "user": 3_312}));
    fleet.has(&json!({"device": 0, "software": 58_112}));
    for name in [&broken.name, &zero.name] {
        client.run(name, &[]).await.expect("it runs");
    }
    until_collected(&client, 0).await;
    // Each of which data type of which integration, and when and how it ended.
    let executions = client.all_executions().await.expect("they are listed");
    let all = executions.iter().map(|one| {
        let integration = one.name.split("/executions/").next();
        let end = one.end_time.map(|end| end.seconds);
        json!([integration, one.data_type, one.status().as_str_name(), end])
    });
    let all = json!(all.collect::<Vec<_>>()).to_string();
    browser
        .flow("day.py", &[&format!("http://{}", coordinator.1), &all])
        .ends()
        .await;
}
