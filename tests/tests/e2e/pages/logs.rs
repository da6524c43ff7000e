//! The executions of an integration, more than a page of them.

use std::fs;
use std::path::Path;

use muster_tests::{Browser, Client, LIMIT, Runner, Wanted, World, id_of};
use serde_json::json;

const SPECIFICATION: &str = r#"{"spec":{"protocol":1,"version":"1","title":"Pages","description":"Reads two pages.","config_schema":{"type":"object"},"data_types":[{"name":"device","title":"Devices","primary_key":["id"]},{"name":"user","title":"Users","primary_key":["id"]}]}}"#;

const REFUSED: &str = r#"{"error":{"category":"permission","message":"the source does not list devices","reason":{"missing_permission":"devices.read"}}}"#;

/// Two pages, for as long as a file `held` is there; an error while one is that is called `refused`.
fn connector(folder: &Path) -> String {
    let records: String = (0..120)
        .map(|number| json!({"record": {"id": format!("n-{number}")}}).to_string() + "\n")
        .collect();
    fs::write(folder.join("records.jsonl"), records).expect("written");
    let say = |message: &str| json!({"log": {"message": message}}).to_string();
    format!(
        "read -r request\n\
         case \"$1\" in spec) echo '{SPECIFICATION}'; exit;; esac\n\
         cd {}\n\
         if [ -e refused ]; then echo '{REFUSED}'; exit; fi\n\
         echo '{}'\n\
         while [ -e held ]; do sleep 0.1; done\n\
         cat records.jsonl\n\
         echo '{}'\n\
         echo '{}'\n",
        folder.display(),
        say("page 1 of 2"),
        say("page 2 of 2"),
        json!({"end": {"records": 120}}),
    )
}

fn runner(world: &World) -> Runner {
    let config = world.folder().join("runner.toml");
    let settings = format!(
        "connectors = []\n[exec.pages]\nprogram = \"/bin/sh\"\narguments = [\"-c\", {}, \"program\"]\n\
         environment = {{ PATH = \"/usr/bin:/bin\" }}\nread_paths = [{}]\n",
        json!(connector(world.folder())),
        json!(world.folder()),
    );
    fs::write(&config, settings).expect("written");
    world.runner("hq-1", &["--config", &config.to_string_lossy()])
}

/// Collects, and gives the ids of what has ended.
async fn collect(client: &Client, integration: &str, data_types: &[&str]) -> Vec<String> {
    let begun = client.run(integration, data_types).await.expect("it runs");
    for one in &begun {
        client.until_ended(&one.name, LIMIT).await;
    }
    begun.iter().map(|one| id_of(&one.name).to_owned()).collect()
}

/// The ids of all, as the API lists them: the newest first.
async fn all(client: &Client) -> String {
    let all = client.all_executions_soon().await;
    let ids: Vec<&str> = all.iter().map(|one| id_of(&one.name)).collect();
    ids.join(",")
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_a_hundred_executions_stand_still_while_others_come() {
    let Some(browser) = Browser::new() else { return };
    let (world, url) = super::world().await;
    let mut collecting = runner(&world);
    let client = world.client();
    client.until_online("hq-1").await;
    let pages = client.create_soon(&Wanted::new("Pages", "pages")).await.name;
    collect(&client, &pages, &[]).await;
    let refused = world.folder().join("refused");
    fs::write(&refused, "").expect("written");
    collect(&client, &pages, &[]).await;
    collect(&client, &pages, &["device"]).await;
    fs::remove_file(&refused).expect("removed");
    for _ in 0..53 {
        collect(&client, &pages, &[]).await;
    }

    let api = world.coordinator.url().replace("http://", "");
    let mut flow = browser.flow("logs.py", &[&url, &pages, &api]);
    let held = world.folder().join("held");
    while let Some(asked) = flow.asks_for().await {
        match asked.as_str() {
            "all executions" => flow.answer(&all(&client).await),
            "collect some times" => {
                for _ in 0..3 {
                    collect(&client, &pages, &[]).await;
                }
                let last = collect(&client, &pages, &["user"]).await;
                flow.answer(&last[0]);
            }
            "hold what is collected" => {
                fs::write(&held, "").expect("written");
                flow.done();
            }
            "stop the runner" => {
                fs::remove_file(&held).expect("removed");
                collecting.terminate(LIMIT).await;
                flow.done();
            }
            "start the runner" => {
                collecting.restart();
                client.until_online("hq-1").await;
                flow.done();
            }
            other => panic!("nobody does this: {other}"),
        }
    }
    flow.ends().await;
}
