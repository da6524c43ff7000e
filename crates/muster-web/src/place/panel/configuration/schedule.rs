//! What is collected, how often, and when next.

use maud::{Markup, html};
use muster_proto::v1::Enablement;

use super::Sheet;
use crate::definition::{COLLECT, Collectable, every};
use crate::form::{Draw, Field, Kind, id_of, span};
use crate::words::{clock, relative};

impl Sheet<'_> {
    pub(super) fn schedule(&self, draw: &Draw<'_>) -> Markup {
        let all = Field::new("Schedule", "", "", Kind::Json);
        html! {
            section.sheet-part aria-labelledby="schedule" {
                h3 #schedule { "Schedule" }
                p.help { "How often each is collected, such as 90s, 15m, 1h30m or 7d; 1m at the least." }
                ul.schedule {
                    @for kind in &self.definition.collectables { (self.collectable(draw, kind)) }
                }
                (draw.exactly(&all, COLLECT, "integration.data_types"))
                (draw.meanwhile(COLLECT, str::to_owned))
                button.look type="submit" name="do" value="look" { "Show the next times" }
            }
        }
    }

    fn collectable(&self, draw: &Draw<'_>, kind: &Collectable) -> Markup {
        let Collectable {
            data_type,
            title,
            default,
            is_offered,
        } = kind;
        let name = every(data_type);
        let (is_collected, id) = (draw.typed.has(COLLECT, data_type), id_of(&name));
        let placeholder = default.as_ref().map(span::text).unwrap_or_default();
        let place = self.definition.place(draw.typed, data_type);
        let path = place.map_or_else(|| "-".to_owned(), |at| format!("integration.data_types[{at}]"));
        let field = Field::new(title, "", "", Kind::Json);
        let planned = self.planned.iter().find(|planned| planned.data_type == *data_type);
        html! {
            li data-off[!is_collected] {
                label.flag { input type="checkbox" name=(COLLECT) value=(data_type) checked[is_collected]; (title) }
                div {
                    label.unseen for=(id) { "Interval of " (title) }
                    input.short id=(id) name=(name) value=(draw.typed.get(&name)) placeholder=(placeholder) spellcheck="false"
                        aria-describedby={ (id) "-fault " (id) "-times" };
                    (draw.beside(&field, &name, &path))
                }
                div.times id={ (id) "-times" } {
                    @if !is_offered { p.fault { "The connector does not offer it any more." } }
                    @if !is_collected { p.help { "Not collected" } }
                    @else if let Some(when) = self.at_once(data_type) { p.help { (when) ", then every " (self.interval(draw, kind)) } }
                    @else if let Some(planned) = planned {
                        @if self.integration.is_some_and(|one| one.enablement() != Enablement::Enabled) { p.help { "If it were enabled now" } }
                        ol {
                            @for (at, time) in planned.times.iter().enumerate() {
                                li { (clock(time, self.now)) @if at == 0 { " " small { (relative(time, self.now)) } } }
                            }
                        }
                    }
                }
            }
        }
    }

    /// Whether it is collected at once, and when that is: what was never collected is as soon as its integration is switched on. `None`: it keeps to its
    /// schedule.
    fn at_once(&self, data_type: &str) -> Option<&'static str> {
        let Some(integration) = self.integration else {
            return Some("At once");
        };
        let when = match integration.enablement() {
            Enablement::Enabled => return None,
            Enablement::Draft => "At once when it is activated",
            Enablement::Disabled | Enablement::Unspecified => "At once when it is enabled",
        };
        let mut collected = integration.data_types.iter();
        let was_collected = collected.any(|known| known.data_type == data_type && known.last_completed_time.is_some());
        (!was_collected).then_some(when)
    }

    /// How often it is collected, as typed or as by default.
    fn interval(&self, draw: &Draw<'_>, kind: &Collectable) -> String {
        let typed = draw.typed.get(&every(&kind.data_type));
        let length = span::parse(typed).ok().or(kind.default);
        length.as_ref().map_or_else(|| "interval".to_owned(), span::text)
    }
}
