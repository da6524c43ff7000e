//! What a source says, as the page shows it.

use std::fs;

use muster_tests::{Browser, LIMIT, Wanted};
use serde_json::json;

const SPECIFICATION: &str = r#"{"spec":{"protocol":1,"version":"1","title":"Hostile","description":"D","config_schema":{"type":"object"},"data_types":[{"name":"device","title":"Devices","primary_key":["id"]}]}}"#;

#[tokio::test(flavor = "multi_thread")]
async fn whatever_a_source_says_is_text() {
    let Some(browser) = Browser::new() else { return };
    let (world, url) = super::world().await;
    let lines = [
        "<script>alert(1)</script><img src=x onerror=alert(1)>".to_owned(),
        "\u{1b}[31mred\u{1b}[0m".to_owned(),
        "left\u{202e}thgir".to_owned(),
        "x".repeat(8_000),
    ];
    let mut said: Vec<String> = lines
        .iter()
        .map(|line| json!({"log": {"message": line}}).to_string())
        .collect();
    said.push(json!({"error": {"category": "configuration", "message": "<b>no</b> & no"}}).to_string());
    let file = world.folder().join("said.jsonl");
    fs::write(&file, said.join("\n") + "\n").expect("written");
    let script = format!(
        "read -r request\ncase \"$1\" in\nspec) echo '{SPECIFICATION}';;\n*) cat {};;\nesac",
        file.display()
    );
    let config = world.folder().join("runner.toml");
    let settings = format!(
        "connectors = []\n[exec.hostile]\nprogram = \"/bin/sh\"\narguments = [\"-c\", {}, \"program\"]\n\
         environment = {{ PATH = \"/usr/bin:/bin\" }}\nread_paths = [{}]\n",
        json!(script),
        json!(world.folder()),
    );
    fs::write(&config, settings).expect("written");
    let _runner = world.runner("hq-1", &["--config", &config.to_string_lossy()]);
    let client = world.client();
    client.until_online("hq-1").await;
    let hostile = client.create_soon(&Wanted::new("Hostile", "hostile")).await;
    let execution = client.open_execution(&hostile.name).await;
    client.until_ended(&execution, LIMIT).await;
    browser.flow("said.py", &[&url]).ends().await;
}
