//! What is typed and not saved yet.

use muster_tests::{Browser, Wanted};
use prost_types::value::Kind;
use prost_types::{Struct, Value};

use super::configuration::set_up;

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_saved_is_asked_about_before_it_is_left() {
    let Some(browser) = Browser::new() else { return };
    let (world, url) = super::world().await;
    let settings = set_up(world.folder());
    let _runner = world.runner("hq-1", &["--config", &settings]);
    let client = world.client();
    client.until_online("hq-1").await;
    let text = |text: &str| Value {
        kind: Some(Kind::StringValue(text.to_owned())),
    };
    let sign_in = Struct {
        fields: [("kind", text("token")), ("token", text("file:directory"))]
            .map(|(key, value)| (key.to_owned(), value))
            .into(),
    };
    let mut names = Vec::new();
    for name in ["Corp", "Plant"] {
        let mut wanted = Wanted::new(name, "directory").with("url", "ldaps://dc1.corp.example");
        let sign_in = Kind::StructValue(sign_in.clone());
        wanted.configuration.insert("auth".to_owned(), sign_in);
        names.push(client.create_soon(&wanted).await.name);
    }
    // More than are shown at first.
    for number in 0..68 {
        let name = format!("Zone {number}");
        client.create_soon(&Wanted::new(&name, "directory").draft()).await;
    }
    browser.flow("unsaved.py", &[&url, &names[0], &names[1]]).ends().await;
}
