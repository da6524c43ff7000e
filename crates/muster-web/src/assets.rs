//! The stylesheet, the script and the icon, under addresses that change with what they are, so that browsers keep them for ever.

use std::sync::LazyLock;

use axum::Router;
use axum::response::IntoResponse as _;
use axum::routing::get;
use http::header::{CACHE_CONTROL, CONTENT_TYPE};
use sha2::{Digest as _, Sha256};

const FILES: [(&str, &str, &str); 3] = [
    (
        "muster.css",
        "text/css; charset=utf-8",
        include_str!("../assets/muster.css"),
    ),
    (
        "muster.js",
        "text/javascript; charset=utf-8",
        include_str!("../assets/muster.js"),
    ),
    ("icon.svg", "image/svg+xml", include_str!("../assets/icon.svg")),
];

static VERSION: LazyLock<String> = LazyLock::new(|| {
    let mut sum = Sha256::new();
    for (_, _, text) in FILES {
        sum.update(text);
    }
    let sum = sum.finalize();
    sum.iter().take(6).map(|byte| format!("{byte:02x}")).collect()
});

/// What all of them are known by: another one when any of them is another.
pub(crate) fn version() -> &'static str {
    &VERSION
}

/// The address of one of them.
pub(crate) fn address(name: &str) -> String {
    format!("/assets/{}/{name}", version())
}

pub(crate) fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    FILES.into_iter().fold(Router::new(), |routes, (name, kind, text)| {
        let headers = [
            (CONTENT_TYPE, kind),
            (CACHE_CONTROL, "public, max-age=31536000, immutable"),
        ];
        routes.route(&address(name), get(async move || (headers, text).into_response()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_script_stays_one_that_is_read_in_one_sitting() {
        let (.., script) = FILES[1];
        let lines = script.lines().count();
        assert!(lines <= 300, "it has {lines} lines");
    }
}
