//! How an integration is configured: a form of what it is called, where its source is, and how often it is collected.

mod connection;
mod general;
mod schedule;
mod source;

use maud::{Markup, html};
use muster_proto::v1::{
    Connector, Enablement, GetConnectorRequest, GetCoordinatorRequest, Integration, ListConnectorsRequest,
    PlannedTimes, PreviewScheduleRequest,
};
use prost_types::Timestamp;
use tonic::Code;

use super::Panel;
use crate::answer::{Answer, Said};
use crate::api::Api;
use crate::definition::Definition;
use crate::fault::Fault;
use crate::form::{Draw, Faults};
use crate::place::Here;
use crate::view::{Region, View};
use crate::words::prose;

/// What stays in the address when a form is sent there: the list beside it, and a test that goes on.
const KEPT: [&str; 9] = [
    "q",
    "status",
    "connector",
    "pool",
    "sort",
    "as",
    "show",
    "asked",
    "runner",
];

/// The tab.
pub(super) async fn view(panel: &Panel<'_>) -> Result<View, Fault> {
    let Panel { here, integration, now } = panel;
    let (connector, pools, mails_are_sent) = tokio::try_join!(
        connector(&here.api, &here.organization, &integration.connector),
        pools(here),
        mails_are_sent(here),
    )?;
    let specification = connector.as_ref().and_then(|known| known.specification.as_ref());
    let of = |access_schema: &str| Definition::new(specification, access_schema, Some(integration));
    let fresh;
    let (definition, answer) = match &here.answer {
        Some(answer) => (of(answer.typed.get("access_schema")), answer),
        None => {
            let definition = of(&integration.access_schema);
            fresh = Answer::fresh(definition.typed(integration), &integration.etag);
            (definition, &fresh)
        }
    };
    let planned = planned(here, &definition, answer, &integration.name).await?;
    let sheet = Sheet {
        here,
        definition: &definition,
        answer,
        integration: Some(integration),
        connector: &integration.connector,
        pools: &pools,
        mails_are_sent,
        planned: &planned,
        now,
    };
    let action = here
        .query
        .only(&KEPT)
        .at(&format!("/{}/configuration", integration.name));
    let (said, form) = sheet.drawn(&action, done(here.query.get("said")));
    let settings = Region::one("settings", form);
    let checked = Region::one("checked", connection::region(panel));
    Ok(View {
        title: "Configuration".to_owned(),
        body: html! {
            @if !here.may_operate() { p.note { "You may look at this. An operator or an admin of the organization may change it." } }
            (said)
            (checked)
            (settings)
            @if here.may_operate() { (delete(panel)) }
        },
        regions: vec![checked, settings],
    })
}

/// What an address says that was done.
fn done(said: &str) -> &'static str {
    match said {
        "saved" => "Saved.",
        "same" => "Nothing was changed.",
        "created" => "Saved as a draft: it collects nothing before it is activated.",
        "enabled" => "Saved and switched on.",
        "disabled" => "Switched off: it collects nothing.",
        "paused" => "Paused.",
        "resumed" => "It goes on with its schedule.",
        _ => "",
    }
}

/// What is known of a connector; `None` when nobody offers it.
pub(crate) async fn connector(api: &Api, organization: &str, connector: &str) -> Result<Option<Connector>, Fault> {
    let name = format!("{organization}/connectors/{connector}");
    match api.connectors().get_connector(GetConnectorRequest { name }).await {
        Ok(known) => Ok(Some(known.into_inner())),
        Err(status) if matches!(status.code(), Code::NotFound | Code::InvalidArgument) => Ok(None),
        Err(status) => Err(status.into()),
    }
}

/// The pools in which there were runners.
pub(in crate::place) async fn pools(here: &Here) -> Result<Vec<String>, Fault> {
    let request = ListConnectorsRequest {
        parent: here.organization.clone(),
        page_size: 100,
        ..ListConnectorsRequest::default()
    };
    let known = here.api.connectors().list_connectors(request).await?.into_inner();
    let mut pools: Vec<String> = known.connectors.into_iter().flat_map(|known| known.pools).collect();
    pools.sort_unstable();
    pools.dedup();
    Ok(pools)
}

/// Whether the coordinator has a mail server.
pub(in crate::place) async fn mails_are_sent(here: &Here) -> Result<bool, Fault> {
    let coordinator = here.api.coordinator().get_coordinator(GetCoordinatorRequest {}).await?;
    Ok(!coordinator.into_inner().mail_sender.is_empty())
}

/// When it would be collected by the intervals that are typed; of those that are none, nothing.
async fn planned(
    here: &Here,
    definition: &Definition<'_>,
    answer: &Answer,
    name: &str,
) -> Result<Vec<PlannedTimes>, Fault> {
    let mut wrong = Faults::default();
    let mut schedules = definition.schedules(&answer.typed, "data_types", &mut wrong);
    let is_typed = |data_type: &str| answer.typed.get(&crate::definition::every(data_type)).trim().is_empty();
    // Whose interval is not understood has none here, and would be told by the default.
    schedules.retain(|kind| kind.interval.is_some() || is_typed(&kind.data_type));
    for kind in &mut schedules {
        let collectable = definition
            .collectables
            .iter()
            .find(|known| known.data_type == kind.data_type);
        kind.interval = kind.interval.or(collectable.and_then(|known| known.default));
    }
    let request = PreviewScheduleRequest {
        name: name.to_owned(),
        data_types: schedules,
    };
    match here.api.integrations().preview_schedule(request).await {
        Ok(planned) => Ok(planned.into_inner().data_types),
        // An interval that cannot be is told when it is saved.
        Err(status) if status.code() == Code::InvalidArgument => Ok(Vec::new()),
        Err(status) => Err(status.into()),
    }
}

/// The form of an integration, or of a new one.
pub(in crate::place) struct Sheet<'a> {
    pub(in crate::place) here: &'a Here,
    pub(in crate::place) definition: &'a Definition<'a>,
    pub(in crate::place) answer: &'a Answer,
    /// `None`: a new one.
    pub(in crate::place) integration: Option<&'a Integration>,
    pub(in crate::place) connector: &'a str,
    pub(in crate::place) pools: &'a [String],
    /// Whether the coordinator has a mail server.
    pub(in crate::place) mails_are_sent: bool,
    pub(in crate::place) planned: &'a [PlannedTimes],
    pub(in crate::place) now: &'a Timestamp,
}

impl Sheet<'_> {
    /// The form, and before it what there is to say about it: `done` where nothing else is.
    pub(in crate::place) fn drawn(&self, action: &str, done: &str) -> (Markup, Markup) {
        let Self { here, answer, .. } = self;
        let meanwhile = answer.meanwhile.as_ref().map(|one| (&one.merge, &one.theirs));
        let draw = Draw::new(&answer.typed, &answer.faults, meanwhile);
        let sections = html! {
            (self.general(&draw))
            (self.source(&draw))
            (self.schedule(&draw))
        };
        let base = serde_json::to_string(&answer.base).unwrap_or_default();
        let enter = if self.integration.is_some() { "save" } else { "look" };
        let form = html! {
            form #settings method="post" action=(action) data-guard data-look data-dirty[answer.is_dirty()] data-answered[answer.says()] {
                input type="hidden" name="etag" value=(answer.etag);
                input type="hidden" name="base" value=(base);
                input type="hidden" name="request_id" value=(answer.request_id);
                @if let Some(judged) = answer.judged.filter(|_| !answer.faults.is_empty()) { input type="hidden" name="judged" value=(judged.word()); }
                fieldset.plain disabled[!here.may_operate()] { (sections) }
                @if here.may_operate() { (self.buttons()) }
            }
        };
        // What Enter does in a field: what the first button of a form does, wherever that stands.
        let before = html! {
            (self.said(&draw, done))
            @if here.may_operate() { button.unseen type="submit" form="settings" name="do" value=(enter) tabindex="-1" aria-hidden="true" {} }
        };
        (before, form)
    }

    fn said(&self, draw: &Draw<'_>, done: &str) -> Markup {
        let unplaced = draw.unplaced();
        let wrong = |text: &str| {
            html! {
                p.all { (prose(text)) }
                (draw.wrong())
                @if !unplaced.is_empty() {
                    ul { @for (path, problem) in &unplaced { li { code { (path.trim_start_matches("integration.")) } " " (problem) } } }
                }
            }
        };
        html! {
            @match &self.answer.said {
                Some(Said::Bad(text)) => div #answer.note.error role="alert" tabindex="-1" { (wrong(text)) },
                // Whoever mends one after the other is not told of the rest each time.
                None if !self.answer.faults.is_empty() => div #answer.note.error tabindex="-1" { (wrong(&self.answer.faults.count())) },
                Some(Said::Good(text)) => div #answer.note.good role="status" tabindex="-1" { p.all { (prose(text)) } },
                None if done.is_empty() => div #answer {},
                None => div #answer.note.good role="status" tabindex="-1" { p.all { (done) } },
            }
        }
    }

    fn buttons(&self) -> Markup {
        let button = |what: &str, class: &str, word: &str| html! { button class=(class) type="submit" name="do" value=(what) { (word) } };
        html! {
            div.foot-bar {
                @match self.integration.map(Integration::enablement) {
                    None => { (button("activate", "primary", "Activate")) (button("draft", "", "Save draft")) (button("draft-check", "", "Save draft and test")) },
                    Some(Enablement::Enabled) => { (button("save", "primary", "Save")) (button("save-check", "", "Save and test")) },
                    Some(Enablement::Draft) => { (button("enable", "primary", "Save and activate")) (button("save", "", "Save draft")) (button("save-check", "", "Save and test")) },
                    Some(Enablement::Disabled | Enablement::Unspecified) => { (button("save", "primary", "Save")) (button("enable", "", "Save and enable")) (button("save-check", "", "Save and test")) },
                }
                span.unsaved { "Not saved yet" }
            }
        }
    }
}

fn delete(panel: &Panel<'_>) -> Markup {
    let integration = panel.integration;
    html! {
        details.danger {
            summary { "Delete this integration" }
            form method="post" action={ "/" (integration.name) "/delete" } {
                p { "Its open executions are canceled, and nothing is collected any more. What was collected stays where it landed; its log goes with its retention." }
                input type="hidden" name="etag" value=(integration.etag);
                input type="hidden" name="back" value=(panel.here.query.only(&super::CHOICES).at(&panel.here.path("integrations")));
                button.bad type="submit" { "Delete " bdi { (integration.display_name) } " for good" }
            }
        }
    }
}
