//! What lies beside the records and tells about them.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::Timestamp;
use muster_core::time::Stamp;
use muster_core::words::{Attempt, Counts, StagedId};
use object_store::path::Path;
use serde::{Deserialize, Serialize};

use super::files::{Checksum, Files};
use super::line::Fields;
use super::place::{StagedName, created, timestamp};
use super::{Destination, LandingError};

/// The version of the format that is written. A later one may add fields without a new version; readers leave out what they don't know.
const FORMAT: u32 = 1;

/// A manifest on disk. Written once, when the records are staged, and never changed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    format: u32,
    /// The upload that this tells about.
    pub staged: String,
    organization: String,
    integration: String,
    data_type: String,
    execution: String,
    attempt: u32,
    records: u64,
    /// Before compression.
    bytes: u64,
    compressed_bytes: u64,
    /// Of the compressed bytes, in hexadecimal digits.
    sha256: String,
    schema: SchemaHint,
    /// When the execution was created.
    created_at: String,
    /// When the upload began.
    uploaded_at: String,
}

/// Which fields the records have, as far as it is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct SchemaHint {
    /// The JSON types of each field's values.
    fields: BTreeMap<String, Vec<String>>,
    /// False when there are fields of which nothing is told: too many, or with too long a name.
    complete: bool,
}

impl Manifest {
    pub(super) fn new(
        name: StagedName,
        destination: &Destination,
        counts: Counts,
        checksum: &Checksum,
        fields: &Fields,
        uploaded_at: Stamp,
    ) -> Self {
        Self {
            format: FORMAT,
            staged: name.to_string(),
            organization: destination.organization.to_string(),
            integration: destination.integration.to_string(),
            data_type: destination.data_type.to_string(),
            execution: destination.execution.to_string(),
            attempt: name.attempt.0,
            records: counts.records,
            bytes: counts.bytes,
            compressed_bytes: checksum.bytes,
            sha256: hex(&checksum.sha256),
            schema: SchemaHint {
                fields: fields
                    .seen
                    .iter()
                    .map(|(name, kinds)| (name.clone(), kinds.names().map(str::to_owned).collect()))
                    .collect(),
                complete: !fields.incomplete,
            },
            created_at: text(created(destination.execution)),
            uploaded_at: text(timestamp(uploaded_at.millis())),
        }
    }

    /// Reads the manifest at `path`; `None` when it is not there.
    pub(super) async fn load(files: &dyn Files, path: &Path) -> Result<Option<Self>, LandingError> {
        let Some(content) = files.get(path).await? else {
            return Ok(None);
        };
        let damaged = |reason| LandingError::Damaged {
            what: path.to_string(),
            reason,
        };
        let manifest: Self = serde_json::from_slice(&content).map_err(|error| damaged(error.to_string()))?;
        if manifest.format != FORMAT {
            return Err(damaged(format!(
                "its format is {}, this version of Muster reads format {FORMAT}",
                manifest.format
            )));
        }
        Ok(Some(manifest))
    }

    pub(super) fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = serde_json::to_vec_pretty(self).expect("texts, numbers and maps of texts are JSON");
        bytes.push(b'\n');
        bytes
    }

    pub(super) fn counts(&self) -> Counts {
        Counts {
            records: self.records,
            bytes: self.bytes,
        }
    }

    pub(super) fn id(&self) -> StagedId {
        StagedId(self.staged.clone())
    }

    /// Whether these are the records of that execution, and of nobody else.
    pub(super) fn belongs_to(&self, destination: &Destination) -> bool {
        self.organization == destination.organization.as_str()
            && self.integration == destination.integration.to_string()
            && self.data_type == destination.data_type.as_str()
            && self.execution == destination.execution.to_string()
    }

    /// By which attempt they were collected.
    pub(super) fn attempt(&self) -> Attempt {
        Attempt(self.attempt)
    }

    /// Its destination in words.
    pub(super) fn destination(&self) -> String {
        format!(
            "organization={}/integration={}/data_type={}/{}",
            self.organization, self.integration, self.data_type, self.execution
        )
    }

    /// What is wrong with records of this checksum; `None` when nothing is.
    pub(super) fn fault(&self, found: &Checksum) -> Option<String> {
        if found.bytes != self.compressed_bytes {
            return Some(format!("{} bytes instead of {}", found.bytes, self.compressed_bytes));
        }
        (hex(&found.sha256) != self.sha256).then(|| "their checksum is another".to_owned())
    }
}

fn text(time: Timestamp) -> String {
    format!("{time:.3}")
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
            write!(text, "{byte:02x}").expect("a String takes whatever is written");
            text
        })
}

#[cfg(test)]
mod tests {
    use muster_core::words::{Attempt, DataType, ExecutionId, IntegrationId, OrganizationId};

    use super::*;
    use crate::line;

    /// Written by the first version; must be read by all later ones.
    const GOLDEN: &str = include_str!("golden/manifest-1.json");

    #[test]
    fn the_format_stays() {
        let name = StagedName {
            execution: ExecutionId(0x0193_6b1e_2f3a_7c4d_8e5f_0123_4567_89ab),
            attempt: Attempt(2),
            ordinal: 17,
        };
        let destination = Destination {
            organization: OrganizationId::new("acme").expect("a name"),
            integration: IntegrationId(0x0193_6b1e_2f3a_7c4d_8e5f_0123_4567_89cd),
            data_type: DataType::new("device").expect("a name"),
            execution: name.execution,
        };
        let lines = b"{\"id\":1,\"name\":null}\n{\"id\":2,\"name\":\"b\",\"tags\":[]}\n";
        let mut fields = Fields::default();
        let records = line::judge(lines, 0, &mut fields).expect("records");
        let counts = Counts {
            records,
            bytes: lines.len() as u64,
        };
        let checksum = Checksum {
            bytes: 40,
            sha256: [0xab; 32],
        };
        let manifest = Manifest::new(
            name,
            &destination,
            counts,
            &checksum,
            &fields,
            Stamp::from_millis(1_732_600_000_000),
        );
        assert_eq!(String::from_utf8(manifest.to_bytes()).expect("UTF-8"), GOLDEN);
        assert_eq!(serde_json::from_str::<Manifest>(GOLDEN).expect("a manifest"), manifest);
    }
}
