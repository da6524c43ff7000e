//! Whether the configuration schemas that a runner's connectors come with are JSON Schemas: judged when it checks in, since later the one who would
//! be told is somebody who configures an integration, and cannot mend them.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use muster_connector::judge_schema;
use muster_core::entity::Offer;
use muster_proto::v1;
use sha2::{Digest as _, Sha256};
use tonic::Status;

use crate::status::{ServiceError, refusal};
use crate::wire::connector::{schemas, specification};

/// The most specifications that are remembered as sound, by their digests: as many kinds and versions of connectors as a whole service has.
const SOUND_MAX: usize = 1_000;

/// The specifications whose schemas were sound: a thousand runners that come back at once offer the same few, and a schema takes its time. Cheap to
/// clone; clones are the same.
#[derive(Debug, Clone, Default)]
pub(super) struct SoundSchemas(Arc<Mutex<HashSet<[u8; 32]>>>);

impl SoundSchemas {
    /// Judges what a hello offers, in its order.
    ///
    /// # Errors
    /// The first schema that is none, as a status that ends the check-in.
    pub(super) fn judge(&self, offers: &[Offer]) -> Result<(), Status> {
        for (index, offer) in offers.iter().enumerate() {
            let digest = Sha256::digest(offer.specification.as_bytes()).into();
            if self.knows(&digest) {
                continue;
            }
            let specification = specification(offer).map_err(ServiceError::internal)?;
            for (field, schema) in schemas(&specification).map_err(ServiceError::internal)? {
                judge_schema(&schema).map_err(|invalid| unsound(index, &field, &invalid.to_string()))?;
            }
            self.remember(digest);
        }
        Ok(())
    }

    fn knows(&self, digest: &[u8; 32]) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(digest)
    }

    fn remember(&self, digest: [u8; 32]) {
        let mut sound = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if sound.len() >= SOUND_MAX {
            // Who makes up so many is the only one who notices.
            sound.clear();
        }
        sound.insert(digest);
    }
}

fn unsound(index: usize, field: &str, problem: &str) -> Status {
    let message = format!("hello.connectors[{index}].{field}: {problem}");
    tracing::warn!(%message, "a runner offers a connector that nobody could configure: its stream ends");
    refusal(v1::ErrorReason::InvalidField, message)
}
