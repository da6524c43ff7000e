//! Whom an incident was told to, when, and what the mail server has answered.

use maud::{Markup, html};
use muster_proto::v1::notice_delivery::Channel;
use muster_proto::v1::{Incident, IncidentNoticeKind, NoticeDelivery, NoticeDeliveryState};
use prost_types::Timestamp;

use super::super::Here;
use crate::words::{clock, counted, relative};

/// All that was told of it.
pub(super) fn told(here: &Here, incident: &Incident, now: &Timestamp) -> Markup {
    let deliveries = || incident.notices.iter().flat_map(|notice| &notice.deliveries);
    let dead = deliveries()
        .filter(|one| one.state() == NoticeDeliveryState::Dead)
        .count();
    let waiting = deliveries()
        .filter(|one| one.state() == NoticeDeliveryState::Waiting)
        .count();
    let all = deliveries().count();
    html! {
        @if all == 0 {
            p.help { "Nobody was mailed: there are no recipients for this." }
        } @else {
            details.told open[dead + waiting > 0] {
                summary {
                    (counted(all as u64, "mail"))
                    @if waiting > 0 { ", " span.warned { (waiting) " waiting" } }
                    @if dead > 0 { ", " span.bad { (dead) " not delivered" } }
                }
                table.cards {
                    thead { tr { th scope="col" { "To" } th scope="col" { "News" } th scope="col" { "State" } th scope="col" { "The mail server’s answer" } } }
                    tbody {
                        @for notice in &incident.notices { @for delivery in &notice.deliveries {
                            tr {
                                th scope="row" { bdi { (recipient(delivery)) } }
                                td data-name="News" { (kind(notice.kind())) @if let Some(at) = &notice.notice_time { " " small { (clock(at, now)) } } }
                                td data-name="State" { (state(delivery, now)) }
                                td data-name="Answer" { bdi { (delivery.answer) } }
                            }
                        } }
                    }
                }
                @if dead > 0 {
                    p.help { "What was not delivered is not tried again. Mend the address or the mail server, then send a test mail from the " a href=(here.path("settings")) { "settings" } "." }
                }
            }
        }
    }
}

fn recipient(delivery: &NoticeDelivery) -> &str {
    match &delivery.channel {
        Some(Channel::Email(address)) => address,
        None => "a way that this version does not know",
    }
}

fn kind(kind: IncidentNoticeKind) -> &'static str {
    match kind {
        IncidentNoticeKind::Unspecified => "News",
        IncidentNoticeKind::Opened => "Opened",
        IncidentNoticeKind::Reminder => "Reminder",
        IncidentNoticeKind::Closed => "Over",
    }
}

fn state(delivery: &NoticeDelivery, now: &Timestamp) -> Markup {
    let at = delivery.end_time.as_ref();
    match delivery.state() {
        NoticeDeliveryState::Sent => {
            html! { span.state.completed { i {} "Sent" } @if let Some(at) = at { " " small { (clock(at, now)) } } }
        }
        NoticeDeliveryState::Dead => {
            html! { span.state.error { i {} "Not delivered" } @if let Some(at) = at { " " small { "given up " (clock(at, now)) } } }
        }
        NoticeDeliveryState::Waiting => html! {
            span.state.waiting { i {} "Waiting" }
            " " small {
                (counted(u64::from(delivery.tries), "try").replace("trys", "tries"))
                @if let Some(next) = &delivery.next_try_time { ", next " (relative(next, now)) }
            }
        },
        NoticeDeliveryState::Unspecified => html! { "–" },
    }
}
