//! What an integration is called, whether it collects, and who is told of its errors.

use maud::{Markup, html};
use muster_proto::v1::{Enablement, Integration};

use super::Sheet;
use crate::definition::{MAIL, POOL, mails};
use crate::form::{Draw, Field, Kind};
use crate::place::settings::no_mail_server;
use crate::words::{clock, prose};

impl Sheet<'_> {
    pub(super) fn general(&self, draw: &Draw<'_>) -> Markup {
        let text = |examples| Kind::Text {
            input: "text",
            length_max: None,
            examples,
        };
        let mut name = Field::new("Name", "", "", text(Vec::new()));
        let mut pool = Field::new(
            "Runner pool",
            "Its runners collect: those that can reach the source.",
            POOL,
            text(self.pools.to_vec()),
        );
        (name.is_required, pool.is_required) = (true, true);
        html! {
            section.sheet-part aria-labelledby="general" {
                h3 #general { "General" }
                (draw.field(&name, "display_name", "integration.display_name"))
                (draw.field(&pool, "pool", "integration.pool"))
                @if let Some(integration) = self.integration { (self.switch(integration)) }
                (self.mails(draw))
            }
        }
    }

    /// Whether it collects, and what changes that.
    fn switch(&self, integration: &Integration) -> Markup {
        let button = |what: &str, word: &str| html! { button type="submit" name="do" value=(what) { (word) } };
        html! {
            fieldset.group.switch {
                legend { "Collecting" }
                @match (integration.enablement(), &integration.pause_end_time) {
                    (Enablement::Draft, _) => { p { "A draft: it collects nothing before it is activated." } },
                    (Enablement::Disabled | Enablement::Unspecified, _) => { p { "Switched off." } },
                    (Enablement::Enabled, Some(until)) => {
                        p { "Paused until " (clock(until, self.now)) "." }
                        div.actions { (button("resume", "Resume")) (button("disable", "Disable")) }
                    },
                    (Enablement::Enabled, None) => {
                        p { "Switched on." }
                        div.actions {
                            (button("disable", "Disable"))
                            label.unseen for="pause" { "Pause for, or until" }
                            input #pause.short name="pause" value=(self.answer.pause) list="pauses" placeholder="4h" aria-describedby="pause-help" autocomplete="off";
                            datalist #pauses { option value="1h" {} option value="4h" {} option value="1d" {} option value="7d" {} }
                            (button("pause", "Pause"))
                        }
                        p.help #pause-help { "A pause for so long, such as 4h, or until a time: in UTC, such as 2026-12-01 08:00, or with an offset, such as 2026-12-01T08:00+02:00." }
                    },
                }
            }
        }
    }

    fn mails(&self, draw: &Draw<'_>) -> Markup {
        let all = mails();
        let drawn = |is_rare: bool| {
            html! {
                @for mail in all.iter().filter(|mail| mail.name != MAIL && mail.is_rare == is_rare) { (draw.field(&mail.field, mail.name, &mail.path())) }
            }
        };
        let is_wrong = self.answer.faults.iter().any(|(path, _)| {
            let mut rare = all.iter().filter(|mail| mail.is_rare);
            rare.any(|mail| path.starts_with(&mail.path()))
        });
        html! {
            fieldset.group.mails {
                legend.unseen { "Error email notifications" }
                @for mail in all.iter().filter(|mail| mail.name == MAIL) { (draw.field(&mail.field, mail.name, &mail.path())) }
                div.mail-fields {
                    @if !self.mails_are_sent { (no_mail_server(self.here)) }
                    (drawn(false))
                    details open[is_wrong] { summary { "Advanced" } div.rare { (drawn(true)) } }
                    div.actions { button type="submit" name="do" value="mail" { "Send a test mail" } }
                    @if !self.answer.mails.is_empty() {
                        ul.mail-answers role="status" {
                            @for (recipient, answer) in &self.answer.mails {
                                li {
                                    bdi { (recipient) } ": "
                                    @match answer {
                                        Ok(answer) => { span.good { "taken by the mail server" } ", which said " code { (answer) } },
                                        Err(problem) => { span.fault { (prose(problem)) } },
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
