//! What an integration will do, does and has done: the newest first.

use std::time::Duration;

use maud::{Markup, html};
use muster_proto::v1::{
    CollectionSchedule, Enablement, ErrorNotifications, Execution, GetExecutionRequest, ListExecutionsRequest,
    ListExecutionsResponse, ListRunnersRequest, Runner, SummarizeExecutionsRequest, SummarizeExecutionsResponse,
};

use super::{Panel, execution};
use crate::fault::Fault;
use crate::view::{Region, View};
use crate::words::{between, clock, length, number, percent, prose, relative, state};

/// How many executions are shown at first, how many more at a time, and how many at most.
const SHOWN: usize = 50;
const SHOWN_MAX: usize = 1_000;

/// The tab, with one execution opened.
pub(super) async fn view(panel: &Panel<'_>, opened: Option<&str>) -> Result<View, Fault> {
    let query = panel.query();
    let show = query.get("entries").parse().unwrap_or(SHOWN).clamp(SHOWN, SHOWN_MAX);
    let (page, summary, runners) = tokio::try_join!(executions(panel, show), summary(panel), runners(panel))?;
    let ListExecutionsResponse {
        mut executions,
        next_page_token,
        upcoming,
    } = page;
    // More of the list leaves open what is open.
    let part = opened.map_or_else(|| "logs".to_owned(), |id| format!("executions/{id}"));
    let opened = match opened {
        None => None,
        Some(id) => {
            let name = format!("{}/executions/{id}", panel.integration.name);
            let request = GetExecutionRequest { name: name.clone() };
            let opened = panel.here.api.executions().get_execution(request).await?.into_inner();
            if !executions.iter().any(|one| one.name == name) {
                // It is older than what is shown, or is not what the filter asks for.
                executions.push(opened.clone());
            }
            Some((name, execution::detail(panel, &opened).await?))
        }
    };
    let items = executions.iter().map(|one| {
        let opened = opened
            .as_ref()
            .filter(|(name, _)| *name == one.name)
            .map(|(_, detail)| detail);
        entry(panel, one, &runners, opened)
    });
    let list = Region::list("entries", ("ol", "entries"), items.collect());
    let rate = Region::one("rate", rate(panel, &summary));
    let coming = Region::one("coming", coming(panel, &part, &upcoming));
    let more = Region::one(
        "more-entries",
        more(panel, &part, (show, !next_page_token.is_empty()), executions.is_empty()),
    );
    let body = html! {
        (rate)
        (coming)
        section.executions aria-labelledby="executions-head" {
            div.between {
                h3 #executions-head { "Executions " small { "newest first" } }
                (filter(panel))
            }
            div.entry-head aria-hidden="true" { span { "Status" } span { "Data" } span { "Started" } span { "Runner" } span.number { "Took" } span.number { "Records" } }
            (list)
            (more)
        }
    };
    Ok(View {
        title: "Logs".to_owned(),
        body,
        regions: vec![rate, coming, list, more],
    })
}

async fn executions(panel: &Panel<'_>, most: usize) -> Result<ListExecutionsResponse, Fault> {
    let mut filter = Vec::new();
    let status = panel.query().get("outcome");
    match status {
        "open" => filter.push("(status = CREATED OR status = PENDING OR status = EXECUTING)".to_owned()),
        "completed" => filter.push("status = COMPLETED".to_owned()),
        "error" => filter.push("status = ERROR".to_owned()),
        _ => {}
    }
    let kind = panel.query().get("data_type");
    if let Some(known) = panel
        .integration
        .data_types
        .iter()
        .find(|known| known.data_type == kind)
    {
        filter.push(format!("data_type = {}", known.data_type));
    }
    let mut all = ListExecutionsResponse::default();
    // A filtered page may be short: a few of them are asked for, and then it is for whoever looks to ask for more.
    for _ in 0..8 {
        let missing = most.saturating_sub(all.executions.len());
        let request = ListExecutionsRequest {
            parent: panel.integration.name.clone(),
            page_size: i32::try_from(missing).unwrap_or(i32::MAX),
            page_token: all.next_page_token,
            filter: filter.join(" AND "),
            ..ListExecutionsRequest::default()
        };
        let page = panel.here.api.executions().list_executions(request).await?.into_inner();
        all.executions.extend(page.executions);
        all.next_page_token = page.next_page_token;
        if all.upcoming.is_empty() {
            all.upcoming = page.upcoming;
        }
        if all.next_page_token.is_empty() || all.executions.len() >= most {
            break;
        }
    }
    Ok(all)
}

async fn summary(panel: &Panel<'_>) -> Result<SummarizeExecutionsResponse, Fault> {
    let parent = panel.integration.name.clone();
    let request = SummarizeExecutionsRequest { parent };
    Ok(panel
        .here
        .api
        .executions()
        .summarize_executions(request)
        .await?
        .into_inner())
}

async fn runners(panel: &Panel<'_>) -> Result<Vec<Runner>, Fault> {
    let request = ListRunnersRequest {
        parent: panel.here.organization.clone(),
        page_size: 1_000,
        ..ListRunnersRequest::default()
    };
    Ok(panel
        .here
        .api
        .runners()
        .list_runners(request)
        .await?
        .into_inner()
        .runners)
}

/// How many have failed, and how far that is from a mail.
fn rate(panel: &Panel<'_>, summary: &SummarizeExecutionsResponse) -> Markup {
    let (failed, all) = (summary.error_count, summary.error_count + summary.completed_count);
    let percent = percent(failed, all);
    let open = summary.created_count + summary.pending_count + summary.executing_count;
    let (mails, limit) = mails(panel.integration.error_notifications.as_ref());
    html! {
        section #rate.rate aria-label="Error rate of the last 24 hours" {
            p {
                @if all == 0 { b { "Nothing has ended in the last 24 h" } }
                @else { b { (failed) " of " (all) " failed in the last 24 h = " (percent) " %" } }
                @if open > 0 { " · " (open) " open" }
                span.end { (mails) }
            }
            svg.bar viewBox="0 0 100 10" preserveAspectRatio="none" aria-hidden="true" {
                rect.ground x="0" y="2" width="100" height="6" {}
                rect.bad x="0" y="2" width=(percent) height="6" {}
                @if let Some(limit) = limit { rect.limit x=(limit - 0.15) y="0" width="0.3" height="10" {} }
            }
        }
    }
}

/// At what rate there is a mail, and where that is on the bar of the last 24 hours; `None`: it is the rate of another time.
fn mails(notifications: Option<&ErrorNotifications>) -> (String, Option<f64>) {
    let Some(of) = notifications.filter(|of| of.enabled) else {
        return ("no mails".to_owned(), None);
    };
    let threshold = of.threshold_percent.unwrap_or(30.0);
    let window = of.window.as_ref().and_then(|window| window.seconds.try_into().ok());
    let window = window.map_or(DAY, Duration::from_secs);
    let mut words = format!("mail at {threshold} %");
    if window != DAY {
        words.push_str(&format!(" over {}", length(window)));
    }
    if let Some(least) = of.sample_min.filter(|least| *least > 1) {
        words.push_str(&format!(" of at least {least}"));
    }
    (words, (window == DAY).then_some(threshold))
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What will be collected next.
fn coming(panel: &Panel<'_>, part: &str, upcoming: &[muster_proto::v1::UpcomingCollection]) -> Markup {
    let Panel { here, integration, now } = panel;
    let reason = |kind: &CollectionSchedule| kind.no_collection_reason.clone();
    html! {
        section #coming aria-labelledby="coming-head" {
            h3 #coming-head { "Upcoming" }
            div.between {
                @if let Some(until) = &integration.pause_end_time {
                    p.help { "Paused until " (clock(until, now)) "." }
                } @else if upcoming.is_empty() {
                    p.help { (prose(&integration.data_types.iter().map(reason).find(|reason| !reason.is_empty()).unwrap_or_else(|| "nothing is planned".to_owned()))) }
                }
                ul.coming {
                    @for next in upcoming {
                        li {
                            span { (next.data_type) }
                            @if let Some(at) = &next.create_time { b { (clock(at, now)) } small { (relative(at, now)) } }
                            @if !next.note.is_empty() { small.warned { (prose(&next.note)) } }
                        }
                    }
                }
                @if here.may_operate() && integration.enablement() == Enablement::Enabled {
                    @if integration.data_types.iter().all(|kind| !kind.open_execution.is_empty()) { p.help { "All is being collected" } }
                    @else {
                        form method="post" action={ "/" (integration.name) "/run" } {
                            input type="hidden" name="back" value=(panel.here.query.at(&format!("/{}/{part}", integration.name)));
                            button type="submit" { "Run now" }
                        }
                    }
                }
            }
        }
    }
}

fn filter(panel: &Panel<'_>) -> Markup {
    let query = panel.query();
    let option = |name: &str, value: &str, word: &str| html! { option value=(value) selected[query.get(name) == value] { (word) } };
    html! {
        form.filter action={ "/" (panel.integration.name) "/logs" } data-live-form {
            @for name in super::CHOICES {
                @if !query.get(name).is_empty() { input type="hidden" name=(name) value=(query.get(name)); }
            }
            label.unseen for="outcome" { "Status" }
            select #outcome name="outcome" {
                (option("outcome", "", "All")) (option("outcome", "open", "Open")) (option("outcome", "completed", "Completed")) (option("outcome", "error", "Error"))
            }
            label.unseen for="data_type" { "Data type" }
            select #data_type name="data_type" {
                (option("data_type", "", "All data"))
                @for kind in &panel.integration.data_types { (option("data_type", &kind.data_type, &kind.data_type)) }
            }
            button type="submit" { "Filter" }
        }
    }
}

fn entry(panel: &Panel<'_>, one: &Execution, runners: &[Runner], opened: Option<&Markup>) -> (String, Markup) {
    let execution = one.name.rsplit('/').next().unwrap_or_default();
    let id = format!("e-{execution}");
    let began = one.start_time.as_ref().or(one.claim_time.as_ref());
    let took = began
        .zip(one.end_time.as_ref())
        .map(|(from, to)| length(between(from, to)));
    let runner = runners
        .iter()
        .find(|runner| runner.name == one.runner)
        .map_or("–", |runner| runner.display_name.as_str());
    let records = match (&one.counts, one.progress_records) {
        (Some(counts), _) => number(counts.records),
        (None, Some(so_far)) => format!("{} …", number(so_far)),
        (None, None) => "–".to_owned(),
    };
    let part = if opened.is_some() {
        "logs".to_owned()
    } else {
        format!("executions/{execution}")
    };
    let html = html! {
        li id=(id) data-open[opened.is_some()] {
            a.entry href=(panel.with(&part, "", "")) aria-expanded=(if opened.is_some() { "true" } else { "false" }) {
                (state(one))
                span { (one.data_type) @if one.attempt > 1 { small { " attempt " (one.attempt) } } }
                span { (clock(began.or(one.create_time.as_ref()).unwrap_or(&panel.now), &panel.now)) }
                span { bdi { (runner) } }
                span.number { (took.as_deref().unwrap_or("–")) }
                span.number { (records) }
            }
            @if let Some(detail) = opened { (detail) }
        }
    };
    (id, html)
}

fn more(panel: &Panel<'_>, part: &str, (show, more): (usize, bool), is_empty: bool) -> Markup {
    html! {
        div #more-entries {
            @if is_empty && !more { p.help { "Nothing has been collected that is like that." } }
            @if more && show < SHOWN_MAX {
                a.button.more href=(panel.with(part, "entries", &(show + SHOWN).to_string())) data-more { "Show more" }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_compared_with_what_mails_are_sent_at_only_over_the_same_time() {
        let of = |window: Option<i64>, sample_min| ErrorNotifications {
            enabled: true,
            threshold_percent: Some(12.5),
            window: window.map(|seconds| prost_types::Duration { seconds, nanos: 0 }),
            sample_min,
            ..ErrorNotifications::default()
        };
        for (notifications, words, limit) in [
            (of(None, None), "mail at 12.5 %", Some(12.5)),
            (of(Some(86_400), Some(1)), "mail at 12.5 %", Some(12.5)),
            (of(None, Some(5)), "mail at 12.5 % of at least 5", Some(12.5)),
            (of(Some(3_600), None), "mail at 12.5 % over 1 h", None),
            (of(Some(60), Some(3)), "mail at 12.5 % over 1 min of at least 3", None),
        ] {
            assert_eq!(mails(Some(&notifications)), (words.to_owned(), limit));
        }
        let off = (String::from("no mails"), None);
        assert_eq!(mails(None), off);
        assert_eq!(mails(Some(&ErrorNotifications::default())), off);
        let by_default = ErrorNotifications {
            enabled: true,
            ..ErrorNotifications::default()
        };
        assert_eq!(mails(Some(&by_default)), ("mail at 30 %".to_owned(), Some(30.0)));
    }
}
