//! A day of some integrations, hour by hour, on a machine whose clock is put forward: what a glance at the page tells of it.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use muster_proto::v1;
use muster_tests::{
    Browser, Client, Coordinator, LIMIT, ORGANIZATION, Process, Runner, Wanted, eventually, free_address, passwd_of,
};
use serde_json::json;

use crate::bad_input::clock::faketime;

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

/// Puts a folder aside, or back.
fn switch(source: &Path, is_there: bool) {
    let aside = source.with_extension("aside");
    match (is_there, source.exists()) {
        (true, false) => fs::rename(aside, source).expect("renamed"),
        (false, true) => fs::rename(source, aside).expect("renamed"),
        (true, true) | (false, false) => {}
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
    let mut runner = Runner::start(folder.path(), &url, "hq-1", &[]);
    client.until_online("hq-1").await;

    let folder_of = |name: &str, records: u32| {
        let path = folder.path().join(name);
        passwd_of(&path, records);
        path
    };
    let (corp, fleet) = (folder_of("corp", 1_204), folder_of("fleet", 412));
    let from = |name: &str, root: &Path| Wanted::new(name, "host").with("root", root.to_str().expect("UTF-8"));
    let broken = from("Corp directory", &corp).data_type("user");
    let broken = client.create_soon(&broken).await;
    let zero = client.create_soon(&from("Fleet", &fleet).data_type("user")).await;
    client.create_soon(&Wanted::new("Branch servers", "host")).await;
    client
        .create_soon(&Wanted::new("Asset register", "host").pool("plant-2"))
        .await;
    client.create_soon(&Wanted::new("HR export", "host").draft()).await;

    until_collected(&client, HOURS).await;
    for behind in (0..HOURS).rev() {
        // Not to be read for some hours of the night, and at one in the morning.
        switch(&corp, !matches!(behind, 7 | 15..=18));
        passwd_of(&fleet, 412 + (behind * 7) % 5);
        // A clock that is set while threads look at it is now and then read wrong: so each hour has a process of its own.
        coordinator.0.kill_9();
        runner.kill_9();
        coordinator = start(behind).await;
        runner.restart();
        until_collected(&client, behind).await;
    }
    // And now, when the other has nothing to show.
    switch(&corp, false);
    passwd_of(&fleet, 0);
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
