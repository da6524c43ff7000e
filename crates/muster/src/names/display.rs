//! From the name of a resource back to what a person calls it.

use std::collections::{BTreeSet, HashMap};

use futures_util::{StreamExt, stream};
use muster_proto::v1::{Execution, GetIntegrationRequest, GetRunnerRequest};

use super::{integration_of, short_id};
use crate::client::Client;

/// How many names are remembered: a watch of a million integrations forgets, and asks again.
const REMEMBERED_MAX: usize = 10_000;

/// How many names are asked for at the same time.
const ASKED_TOGETHER: usize = 16;

/// What people call the integrations and runners that were met so far.
#[derive(Debug, Default)]
pub struct DisplayNames(HashMap<String, String>);

impl DisplayNames {
    /// Learns what these executions' integrations and runners are called. One that is gone, or that cannot be asked about now, is called
    /// by the end of its identifier: a list is worth more than its names.
    pub async fn learn(&mut self, client: &Client, executions: &[Execution]) {
        if self.0.len() > REMEMBERED_MAX {
            self.0.clear();
        }
        let integrations = executions.iter().map(|one| integration_of(&one.name));
        let runners = executions.iter().map(|one| one.runner.as_str());
        let names = integrations.chain(runners);
        let new: BTreeSet<&str> = names
            .filter(|name| !name.is_empty() && !self.0.contains_key(*name))
            .collect();
        let asked = stream::iter(new).map(|name| async move { (name, display_name(client, name).await) });
        let answers: Vec<(&str, Option<String>)> = asked.buffer_unordered(ASKED_TOGETHER).collect().await;
        for (name, answer) in answers {
            self.0
                .insert(name.to_owned(), answer.unwrap_or_else(|| short_id(name).to_owned()));
        }
    }

    /// What people call it; the end of its identifier where that was not learnt; empty for an empty name.
    pub fn of<'a>(&'a self, name: &'a str) -> &'a str {
        self.0.get(name).map_or_else(|| short_id(name), String::as_str)
    }
}

/// What an integration or a runner is called; `None` when nobody can say.
async fn display_name(client: &Client, name: &str) -> Option<String> {
    let name = name.to_owned();
    if name.contains("/runners/") {
        let runner = client.runners().get_runner(GetRunnerRequest { name }).await.ok()?;
        return Some(runner.into_inner().display_name);
    }
    let integration = client
        .integrations()
        .get_integration(GetIntegrationRequest {
            name,
            ..Default::default()
        })
        .await
        .ok()?;
    Some(integration.into_inner().display_name)
}
