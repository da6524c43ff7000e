//! `muster alerts`.

use muster_proto::v1::{Incident, IncidentState, NoticeDelivery, NoticeDeliveryState};

use super::{about, what};
use crate::command::{Limit, Session, note_more};
use crate::error::Error;
use crate::exit::Exit;
use crate::names;
use crate::output::json::list;
use crate::output::table::{Cell, Column, Table};
use crate::output::text::Tone;
use crate::output::time;

/// What is listed where nobody asks for all: what somebody should know of.
const MATTERS: &str = "state = OPEN OR deliveries:DEAD";

/// Which incidents are listed.
#[derive(Debug, clap::Args)]
pub struct Which {
    /// List also what is over and was told
    #[arg(long)]
    all: bool,
    #[command(flatten)]
    limit: Limit,
}

/// Lists them, the newest first.
pub async fn run(which: Which, session: &mut Session) -> Result<Exit, Error> {
    let Session { client, output, .. } = session;
    let filter = if which.all { "" } else { MATTERS };
    let listed = crate::list::incidents(client, which.limit.limit, filter).await?;
    if output.is_for_programs() {
        output.documents(&list(&listed.items))?;
        return Ok(Exit::Success);
    }
    let now = time::now();
    let mut table = Table::new([
        Column::text("INCIDENT", names::SHORT_ID_CHARS),
        Column::text("STATE", 6),
        Column::text("SINCE", 12),
        Column::text("ABOUT", 24),
        Column::text("WHAT", 32),
        Column::text("TOLD", 30),
    ]);
    for incident in &listed.items {
        table.row([
            names::short_id(&incident.name).into(),
            state(incident),
            time::relative(incident.open_time.as_ref(), &now).into(),
            about(incident).into(),
            what(incident).into(),
            told(incident).into(),
        ]);
    }
    output.table(&table)?;
    note_more(listed.more, &which.limit);
    Ok(Exit::Success)
}

fn state(incident: &Incident) -> Cell {
    match incident.state() {
        IncidentState::Unspecified => Cell::toned("unknown", Tone::Quiet),
        IncidentState::Open => Cell::toned("open", Tone::Bad),
        IncidentState::Closed => Cell::toned("closed", Tone::Quiet),
    }
}

/// How many of its deliveries have come how far: "2 sent, 1 dead letter".
fn told(incident: &Incident) -> String {
    let deliveries = || incident.notices.iter().flat_map(|notice| &notice.deliveries);
    let count = |state| {
        deliveries()
            .filter(|one: &&NoticeDelivery| one.state() == state)
            .count()
    };
    let parts = [
        (count(NoticeDeliveryState::Sent), "sent"),
        (count(NoticeDeliveryState::Waiting), "waiting"),
        (count(NoticeDeliveryState::Dead), "dead"),
    ];
    let told: Vec<String> = parts
        .into_iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    if told.is_empty() {
        time::NONE.to_owned()
    } else {
        told.join(", ")
    }
}
