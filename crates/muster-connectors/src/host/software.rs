//! Data type `software`: the installed packages.

mod apk;
mod dpkg;
mod rpm;

use std::sync::Arc;

use muster_connector::{Category, Failure, Sink};
use serde::Serialize;

use super::bridge::{blocking, read_blocking};
use super::root::Root;

/// A record; `docs/records.md` says what each field means.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
struct Package {
    manager: &'static str,
    name: String,
    version: String,
    architecture: String,
    state: String,
    source: Option<String>,
    vendor: Option<String>,
    size_bytes: Option<u64>,
    installed_at: Option<String>,
}

/// Which databases there are. A machine may have several.
struct Databases {
    dpkg: bool,
    apk: Option<&'static str>,
    rpm: Option<&'static str>,
}

/// Collects all packages of all package managers.
///
/// A database that is there and cannot be read fails the collection: half a list would say that the other half was removed.
pub(super) async fn collect(root: Root, sink: &mut Sink) -> Result<(), Failure> {
    let root = Arc::new(root);
    let found = {
        let root = Arc::clone(&root);
        blocking(move || Databases {
            dpkg: root.metadata(dpkg::STATUS).is_ok(),
            apk: apk::INSTALLED.into_iter().find(|path| root.metadata(path).is_ok()),
            rpm: rpm::database(&root),
        })
        .await?
    };
    if !found.dpkg && found.apk.is_none() && found.rpm.is_none() {
        return Err(Failure::new(
            Category::Configuration,
            "there is no database of dpkg, apk or rpm: no other package manager is known to this connector",
        )
        .with_remedy("check `root`, or remove the data type software from this integration"));
    }
    if found.dpkg {
        let root = Arc::clone(&root);
        read_blocking(sink, move |emitter| dpkg::read(&root, emitter)).await?;
    }
    if let Some(path) = found.apk {
        let root = Arc::clone(&root);
        read_blocking(sink, move |emitter| apk::read(&root, path, emitter)).await?;
    }
    if let Some(folder) = found.rpm {
        rpm::Rpm::new(&root, folder)?.collect(sink).await?;
    }
    Ok(())
}

fn unreadable(path: &str, error: &std::io::Error) -> Failure {
    Failure::new(Category::Permission, format!("/{path} cannot be read: {error}"))
        .with_remedy("let the runner read that file: half a list of packages would be wrong")
}
