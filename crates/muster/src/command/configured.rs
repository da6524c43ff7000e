//! The flags that make a configuration: a file, standard input, single values.

use serde_json::{Map, Value};

use crate::configuration::{Assignment, Source, assign};
use crate::error::Error;
use crate::judge::Given;

/// Where a configuration comes from.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Configuration")]
pub struct Configured {
    /// Set a value; JSON where it parses as JSON, else a string. After --config, and in this order
    #[arg(long, value_name = "PATH.TO.KEY=VALUE")]
    pub set: Vec<Assignment>,
    /// Read the configuration, one JSON object, from a file, or from standard input by `-`
    #[arg(long, value_name = "FILE", value_parser = |text: &str| Ok::<_, String>(Source::from(text)))]
    pub config: Option<Source>,
}

impl Configured {
    /// The configuration that these flags make alone.
    ///
    /// # Errors
    /// Those of [`Source::read`] and [`assign`].
    pub fn read(&self) -> Result<Map<String, Value>, Error> {
        let mut object = match &self.config {
            Some(source) => source.read()?,
            None => Map::new(),
        };
        assign(&mut object, &self.set)?;
        Ok(object)
    }

    /// Where its values come from.
    pub fn given(&self) -> Given<'_> {
        Given {
            source: self.config.as_ref(),
            set: &self.set,
        }
    }
}
