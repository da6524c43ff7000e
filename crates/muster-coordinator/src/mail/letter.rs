//! A notice to one recipient, in words. How it becomes a mail is next door, in `message`.

mod clone;
mod pool;
mod rate;
mod runner;

use muster_core::entity::{Closing, Evidence, Incident, Notice, NoticeKind};
use muster_core::time::Stamp;
use muster_core::words::{EmailAddress, IncidentId};

/// A notice to one recipient.
#[derive(Debug, Clone)]
pub(crate) struct Letter {
    pub(super) incident: IncidentId,
    /// Which of the incident's notices.
    pub(super) ordinal: u32,
    /// When it was decided.
    pub(super) at: Stamp,
    pub(super) recipient: EmailAddress,
    pub(super) said: Said,
}

/// What a letter says, in the order in which it is read.
#[derive(Debug, Clone)]
pub(super) struct Said {
    /// The heading: what is the matter, in one line.
    pub(super) subject: String,
    /// What has happened.
    pub(super) sentence: String,
    /// The figures, each with what it is.
    pub(super) figures: Vec<(&'static str, String)>,
    /// What to do; `None` where each error says so, or nothing is to be done.
    pub(super) remedy: Option<String>,
    pub(super) errors: Vec<SaidError>,
    /// Where it is looked at, below the address of the coordinator; `None` when there is nothing to look at.
    pub(super) link: Option<String>,
    /// What shows it in a terminal.
    pub(super) command: Option<String>,
    /// Why the recipient gets it.
    pub(super) footer: &'static str,
}

/// An error, as a letter says it.
#[derive(Debug, Clone)]
pub(super) struct SaidError {
    /// Of which data type.
    pub(super) of: String,
    pub(super) at: String,
    pub(super) category: &'static str,
    pub(super) message: String,
    pub(super) remedy: String,
    /// The resource name of the execution.
    pub(super) execution: String,
}

/// Why a letter is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum News {
    Opened,
    Reminder,
    Closed(Closing),
}

impl Letter {
    /// A notice of an incident to a recipient.
    pub(crate) fn of(incident: &Incident, notice: &Notice, recipient: &EmailAddress) -> Self {
        Self {
            incident: incident.id,
            ordinal: notice.ordinal,
            at: notice.at,
            recipient: recipient.clone(),
            said: match &notice.evidence {
                Evidence::ErrorRate(rate) => rate::say(incident, notice, rate),
                Evidence::PoolOffline(pool) => pool::say(incident, notice, pool),
                Evidence::RunnerOutdated(runner) => runner::say(incident, notice, runner),
                Evidence::RunnerCloned(runner) => clone::say(incident, notice, runner),
            },
        }
    }
}

/// Why a notice is told.
fn news(incident: &Incident, notice: &Notice) -> News {
    match notice.kind {
        NoticeKind::Opened => News::Opened,
        NoticeKind::Reminder => News::Reminder,
        NoticeKind::Closed => News::Closed(incident.closed.map_or(Closing::Recovered, |closed| closed.closing)),
    }
}

/// Since when, and until when if it is over.
fn span(incident: &Incident, news: News) -> Vec<(&'static str, String)> {
    let mut span = vec![("Since", time(incident.opened))];
    if let (News::Closed(_), Some(closed)) = (news, incident.closed) {
        span.push(("Until", time(closed.at)));
    }
    span
}

const TO_OPERATORS: &str = "This mail was made by Muster. You get it because the configuration of the coordinator names you as one of its operators.";

fn time(stamp: Stamp) -> String {
    let millis = i64::try_from(stamp.millis()).ok();
    let time = millis.and_then(|millis| jiff::Timestamp::from_millisecond(millis).ok());
    time.unwrap_or_default().strftime("%-d %B %Y, %H:%M:%S UTC").to_string()
}
