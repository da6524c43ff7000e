//! Where the source is and how it is asked, by the connector's own schema; and what it must grant.

use maud::{Markup, html};
use muster_proto::v1::ConnectorSpecification;

use super::Sheet;
use crate::form::{CONFIGURATION, Draw, Field, ROOT, id_of};

impl Sheet<'_> {
    pub(super) fn source(&self, draw: &Draw<'_>) -> Markup {
        let Self {
            definition, connector, ..
        } = self;
        let ways = definition.ways();
        html! {
            section.sheet-part aria-labelledby="source" {
                h3 #source {
                    "Source "
                    @if let Some(known) = definition.specification { small { (known.title) " " (known.version) } }
                }
                @match definition.specification {
                    Some(known) => p.help { (known.description) },
                    None => p.note.warned {
                        "No runner offers the connector " code { (connector) } " any more, so nobody can say what it needs to be told. Its configuration stays as it is. "
                        "Start a runner that offers it, or delete this integration."
                    },
                }
                @if !ways.is_empty() {
                    @let chosen = draw.typed.get("access_schema");
                    div.field {
                        label for=(id_of("access_schema")) { "Access" span.need { " required" } }
                        select id=(id_of("access_schema")) name="access_schema" {
                            @if ways.iter().all(|way| way.access_schema != chosen) { option value=(chosen) selected { "Choose" } }
                            @for way in ways { option value=(way.access_schema) selected[way.access_schema == chosen] { (way.title) } }
                        }
                        @for way in ways.iter().filter(|way| way.access_schema == chosen) { p.help { (way.description) } }
                        (draw.beside(&Field::json("Access"), "access_schema", "integration.access_schema"))
                        button.look type="submit" name="do" value="look" { "Show its fields" }
                    }
                }
                @if definition.specification.is_some() { (draw.field(&definition.configuration, ROOT, CONFIGURATION)) }
                @else { details { summary { "Its configuration" } (draw.field(&definition.configuration, ROOT, CONFIGURATION)) } }
                @if definition.configuration.has_secret() { (self.secrets()) }
                @if let Some(known) = definition.specification { (permissions(known)) }
            }
        }
    }

    /// How a secret is given.
    fn secrets(&self) -> Markup {
        let pool = self.answer.typed.get("pool");
        let pool = if is_pool(pool) { pool } else { "default" };
        let command = format!("muster seal --pool {pool} < secret.txt");
        html! {
            details.secrets {
                summary { "How a secret is given" }
                p { "Never as it is: the coordinator must not be able to read it. Either name where the runner finds it, "
                    code { "env:MUSTER_SECRET_NAME" } ", " code { "file:NAME" } " or " code { "exec:NAME" } ", or seal it to the runners of the pool, and paste what this prints:" }
                div.actions {
                    code.command { (command) }
                    button type="button" data-copy=(command) { "Copy" }
                }
            }
        }
    }
}

/// Whether a text can stand in a command as it is.
fn is_pool(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

fn permissions(known: &ConnectorSpecification) -> Markup {
    html! {
        @if !known.permissions.is_empty() {
            h4 #permissions { "What the source must grant" }
            div.scroller { table.permissions aria-labelledby="permissions" {
                thead { tr { th scope="col" { "Permission" } th scope="col" { "What for" } th scope="col" { "Data" } th scope="col" { "Needed" } } }
                tbody {
                    @for one in &known.permissions {
                        tr {
                            th scope="row" { code { (one.permission) } }
                            td { (one.purpose) }
                            td { @if one.data_types.is_empty() { "all" } @else { (one.data_types.join(", ")) } }
                            td { @if one.required { "required" } @else { "optional" } }
                        }
                    }
                }
            } }
        }
    }
}
