//! Where this runner's machine keeps the secrets that integrations may refer to.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use muster_connector::secret::{Opener, Places, SecretCommand};

use crate::sealing::Sealing;

/// Where a service manager hands over credentials (systemd's `LoadCredential=`).
const CREDENTIALS_VARIABLE: &str = "CREDENTIALS_DIRECTORY";

/// Where an operator puts secrets for all runners of a machine.
const MACHINE_FOLDER: &str = "/etc/muster/secrets";

/// The folder in a runner's own one.
const OWN_FOLDER: &str = "secrets";

/// The places of a runner with this data folder, the nearest first, these commands and this key. None of the folders has to be there. `None`: without a
/// folder of its own, or without a key.
#[must_use]
pub fn places(
    data_folder: Option<&Path>,
    commands: BTreeMap<String, SecretCommand>,
    sealing: Option<Sealing>,
) -> Places {
    let handed_over = std::env::var_os(CREDENTIALS_VARIABLE).map(PathBuf::from);
    let handed_over = handed_over.filter(|folder| folder.is_absolute());
    let own = data_folder.map(|folder| folder.join(OWN_FOLDER));
    let folders = handed_over
        .into_iter()
        .chain(own)
        .chain([PathBuf::from(MACHINE_FOLDER)]);
    Places {
        folders: folders.collect(),
        commands,
        opener: sealing.map(|sealing| Arc::new(sealing) as Arc<dyn Opener>),
    }
}
