//! Where this runner's machine keeps the secrets that integrations may refer to.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use muster_connector::secret::{Places, SecretCommand};

/// Where a service manager hands over credentials (systemd's `LoadCredential=`).
const CREDENTIALS_VARIABLE: &str = "CREDENTIALS_DIRECTORY";

/// Where an operator puts secrets for all runners of a machine.
const MACHINE_FOLDER: &str = "/etc/muster/secrets";

/// The folder in a runner's own one.
const OWN_FOLDER: &str = "secrets";

/// The places of a runner with this data folder, the nearest first, and these commands. None of the folders has to be there. `None`: without a
/// folder of its own.
#[must_use]
pub fn places(data_folder: Option<&Path>, commands: BTreeMap<String, SecretCommand>) -> Places {
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
    }
}
