//! What integrations and runners are called that entries are about.

use std::collections::{BTreeSet, HashMap};

use futures_util::future::join_all;
use muster_proto::v1::{AuditEntry, GetIntegrationRequest, GetRunnerRequest, IntegrationView};
use tonic::{Code, Status};

use crate::fault::Fault;
use crate::place::Here;

/// By their resource names: of those that are there still. Each is asked for by itself, and all at once: a page is about few of the many that there may be.
pub(super) async fn of_entries(here: &Here, entries: &[AuditEntry]) -> Result<HashMap<String, String>, Fault> {
    let resources: BTreeSet<&str> = entries.iter().map(|entry| of_integration(&entry.resource)).collect();
    let asked = resources.into_iter().map(|resource| async move {
        let called = called(here, resource).await?;
        Ok::<_, Fault>(called.map(|name| (resource.to_owned(), name)))
    });
    let found = join_all(asked).await.into_iter().collect::<Result<Vec<_>, _>>()?;
    Ok(found.into_iter().flatten().collect())
}

/// The integration of an execution; any other resource itself.
pub(super) fn of_integration(resource: &str) -> &str {
    resource
        .split_once("/executions/")
        .map_or(resource, |(integration, _)| integration)
}

/// What a resource is called; `None` where it has gone, never was, or is of a kind that has no page.
async fn called(here: &Here, resource: &str) -> Result<Option<String>, Fault> {
    let Some(path) = resource
        .strip_prefix(&here.organization)
        .and_then(|path| path.strip_prefix('/'))
    else {
        return Ok(None);
    };
    let name = resource.to_owned();
    match path.split('/').collect::<Vec<_>>()[..] {
        ["integrations", _] => {
            let asked = here
                .api
                .integrations()
                .get_integration(GetIntegrationRequest {
                    name,
                    view: IntegrationView::Basic.into(),
                })
                .await;
            there(asked.map(|found| found.into_inner().display_name))
        }
        ["runners", _] => {
            let asked = here.api.runners().get_runner(GetRunnerRequest { name }).await;
            there(asked.map(|found| found.into_inner().display_name))
        }
        _ => Ok(None),
    }
}

/// What was found; nothing where a name leads nowhere, as that of a refused call may.
fn there(found: Result<String, Status>) -> Result<Option<String>, Fault> {
    match found {
        Ok(name) => Ok(Some(name)),
        Err(status) if matches!(status.code(), Code::NotFound | Code::InvalidArgument) => Ok(None),
        Err(status) => Err(status.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_gone_has_no_name_and_what_cannot_be_read_is_a_fault() {
        assert_eq!(
            of_integration("organizations/a/integrations/1/executions/2"),
            "organizations/a/integrations/1"
        );
        assert_eq!(of_integration("organizations/a/runners/1"), "organizations/a/runners/1");
        assert!(matches!(there(Ok("Corp".to_owned())), Ok(Some(name)) if name == "Corp"));
        assert!(matches!(there(Err(Status::not_found("gone"))), Ok(None)));
        assert!(matches!(there(Err(Status::invalid_argument("no name"))), Ok(None)));
        assert!(there(Err(Status::unavailable("down"))).is_err());
    }
}
