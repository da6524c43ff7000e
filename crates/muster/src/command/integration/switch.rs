//! `muster integration enable` and `disable`.

use muster_proto::v1::{DisableIntegrationRequest, EnableIntegrationRequest, ErrorReason};

use super::{Named, tell, typed};
use crate::command::Session;
use crate::error::Error;
use crate::exit::Exit;
use crate::names;
use crate::output::text::clean;

/// Activates it.
pub async fn enable(named: Named, session: &mut Session) -> Result<Exit, Error> {
    let Session { client, output, .. } = session;
    let integration = names::integration(client, &named.integration).await?;
    let display_name = clean(&integration.display_name);
    let request = EnableIntegrationRequest {
        name: integration.name,
        etag: String::new(),
        ..Default::default()
    };
    let enabled = client.integrations().enable_integration(request).await;
    let enabled = enabled
        .map_err(|status| {
            let error = client.error(format!("enable integration `{display_name}`"), &status);
            error.advise(ErrorReason::InvalidConfiguration, || {
                format!("mend it: muster integration update {} --set …", typed(&display_name))
            })
        })?
        .into_inner();
    tell(output, &enabled, &format!("integration `{display_name}` is enabled"))?;
    Ok(Exit::Success)
}

/// Switches it off.
pub async fn disable(named: Named, session: &mut Session) -> Result<Exit, Error> {
    let Session { client, output, .. } = session;
    let integration = names::integration(client, &named.integration).await?;
    let display_name = clean(&integration.display_name);
    let request = DisableIntegrationRequest {
        name: integration.name,
        etag: String::new(),
        ..Default::default()
    };
    let disabled = client.integrations().disable_integration(request).await;
    let disabled = disabled
        .map_err(|status| client.error(format!("disable integration `{display_name}`"), &status))?
        .into_inner();
    tell(output, &disabled, &format!("integration `{display_name}` is disabled"))?;
    Ok(Exit::Success)
}
