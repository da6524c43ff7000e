//! Errors that tonic makes before any service is asked (an unknown call, a request that is too large or no message) get the details that every
//! other error has.

use tonic::Status;
use tonic::codegen::http::Response;
use tonic::service::Routes;
use tower::util::MapResponseLayer;

use crate::status::explained;

/// The same routes, whose every error says its reason and where to read more about it.
#[must_use]
pub fn explain_errors(routes: Routes) -> Routes {
    routes.into_axum_router().layer(MapResponseLayer::new(explain)).into()
}

/// An error without an answer before it comes as headers alone. What comes later, as trailers, is our own.
fn explain<B: Default>(response: Response<B>) -> Response<B> {
    match Status::from_header_map(response.headers()) {
        Some(status) => explained(&status).map_or(response, Status::into_http),
        None => response,
    }
}
