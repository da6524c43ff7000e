//! A view as a whole page.

use axum::Extension;
use axum::response::{IntoResponse as _, Redirect, Response};
use http::{Method, Uri};

use crate::fault::Fault;
use crate::gate::Visitor;
use crate::place::{self, Query};
use crate::shell;

/// What is at an address.
pub(crate) async fn show(Extension(visitor): Extension<Visitor>, method: Method, at: Uri) -> Result<Response, Fault> {
    if !matches!(method, Method::GET | Method::HEAD) {
        return Err(Fault::NotFound);
    }
    if let Some(to) = place::redirect(&visitor, &at).await? {
        return Ok(Redirect::to(&to).into_response());
    }
    let view = place::view(&visitor, &at).await?;
    // What was done is said once: whoever comes again, or keeps the address, looks at what is there.
    let query = Query::of(&at);
    let address = match query.get("said") {
        "" => at
            .path_and_query()
            .map_or("/", http::uri::PathAndQuery::as_str)
            .to_owned(),
        _ => query.with("said", "").at(at.path()),
    };
    Ok(shell::page(&address, &view).into_response())
}
