//! The web page: what people see of their integrations in a browser.
//!
//! It is one more client of the public API. All that it shows it asks for by the same calls as everybody else, with the token of whoever looks at it, in the
//! same process: so it can show nobody what the API would not, and has no rules of its own. It knows neither the shard nor the store.
//!
//! - A `View` is what one address shows. It is rendered as a whole for whoever opens the address, and again and again for whoever has it
//!   open, who gets what has changed (`live`).
//! - An action is a form that is posted. It makes one call, and leads back to a view.
//!
//! Without JavaScript everything can be read and every form be sent; the script makes it live and saves reloads.

mod action;
mod answer;
mod api;
mod assets;
mod definition;
mod fault;
mod form;
mod gate;
mod limit;
mod live;
mod page;
mod place;
mod session;
mod shell;
mod sign_in;
mod status;
mod view;
mod words;

pub use api::{Peer, Served};
pub use gate::is_of_this_machine;
pub use session::SessionKey;

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::{get, post};
use tokio_util::sync::CancellationToken;
use tower_http::compression::CompressionLayer;

/// The most bytes of a form: a configuration may have 64 KiB as JSON, and a form says the same in more.
const FORM_BYTES_MAX: usize = 512 * 1024;

/// What the pages need of the coordinator.
pub struct Options {
    /// The names and addresses by which browsers may reach it, beside those of this machine itself: other names are refused, so that no page of somebody
    /// else's can make a browser ask in its stead.
    pub hosts: Vec<String>,
    /// What keeps sessions; `None` where nobody is asked who they are.
    pub sessions: Option<SessionKey>,
    /// Ends all that is live.
    pub stop: CancellationToken,
}

/// What all requests share.
#[derive(Clone)]
struct Web(Arc<Shared>);

struct Shared {
    api: Served,
    options: Options,
    audience: live::Audience,
    forms: gate::Forms,
}

/// The pages over this API. Requests must carry [`Peer`] as an extension.
pub fn routes(api: Served, options: Options) -> Router {
    let web = Web(Arc::new(Shared {
        api,
        options,
        audience: live::Audience::default(),
        forms: gate::Forms::default(),
    }));
    Router::new()
        .route(
            "/sign-in",
            get(sign_in::show)
                .post(sign_in::sign_in)
                .layer(DefaultBodyLimit::max(sign_in::BYTES_MAX)),
        )
        .route("/sign-out", post(sign_in::sign_out))
        .merge(action::routes())
        .fallback(page::show)
        .layer(from_fn(limit::answered))
        // What is live has no end, and what programs read is no page: they keep to the limit by themselves.
        .route("/live", get(live::live))
        .merge(status::routes())
        .layer(from_fn_with_state(web.clone(), gate::guard))
        .layer(DefaultBodyLimit::max(FORM_BYTES_MAX))
        .merge(assets::routes())
        .layer(CompressionLayer::new().gzip(true))
        .layer(from_fn(gate::protect))
        .with_state(web)
}
