//! What a connector is told about its source.

use std::fmt;
use std::sync::Arc;

/// An integration's configuration: a JSON object as text, which only the connector and its schema understand. Cheap to clone.
#[derive(Clone, PartialEq, Eq)]
pub struct Configuration(Arc<str>);

/// A configuration that is too long to keep.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the configuration has {bytes} bytes of JSON: at most {} are kept",
    Configuration::BYTES_MAX
)]
pub struct ConfigurationError {
    /// How many it has.
    pub bytes: usize,
}

impl Configuration {
    /// The most bytes of a configuration: it is kept in the journal and sent with every assignment.
    pub const BYTES_MAX: usize = 64 * 1024;

    /// The configuration of this JSON text, which the caller has judged against the connector's schema.
    ///
    /// # Errors
    /// [`ConfigurationError`] when it is longer than [`Configuration::BYTES_MAX`].
    pub fn new(json: &str) -> Result<Self, ConfigurationError> {
        if json.len() > Self::BYTES_MAX {
            return Err(ConfigurationError { bytes: json.len() });
        }
        Ok(Self(json.into()))
    }

    /// The JSON text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Shows the length alone: a configuration may hold what must not be logged.
impl fmt::Debug for Configuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Configuration({} bytes)", self.0.len())
    }
}
