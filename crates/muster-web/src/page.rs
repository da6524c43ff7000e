//! A view as a whole page.

use axum::Extension;
use axum::response::{IntoResponse as _, Redirect, Response};
use http::{Method, Uri};

use crate::fault::Fault;
use crate::gate::Visitor;
use crate::place;
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
    let address = at.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    Ok(shell::page(address, &view).into_response())
}
