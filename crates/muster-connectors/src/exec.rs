//! Connectors that are programs of a runner's own: `[exec.NAME]` of its configuration names one, and NAME is what integrations call it.
//!
//! The coordinator learns what such a connector is called and what it can be told, and never which program it is: a command stands in the
//! runner's configuration alone. `docs/exec.md` has the protocol, `docs/own-connector.md` how to write such a program.
//!
//! ```no_run
//! use muster_connector::{ConnectorName, Failure};
//! use muster_connectors::exec::{Exec, Program};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let launch = Program::at("/opt/connectors/crm").judge().map_err(|faults| format!("{faults:?}"))?;
//! let crm = Exec::start(ConnectorName::new("crm")?, launch).await?;
//! # Ok(())
//! # }
//! ```

mod collect;
mod confine;
mod conversation;
mod lines;
mod process;
mod program;
mod protocol;
mod skeleton;
mod spec;
mod tail;
mod writers;

use muster_connector::remedy;
use muster_connector::{BoxFuture, Collection, Connector, ConnectorName, End, Failure, Network, Sink, Spec};
use serde_json::Value;

pub use confine::{Confine, Held, held};
pub use program::{
    ARGUMENTS_MAX, FieldFault, LINE_BYTES_MAX, LOG_LINES_MAX, Launch, MEMORY_MIB_DEFAULT, Program, VARIABLES_MAX,
    WITHIN_MAX,
};
pub use protocol::PROTOCOL;
pub use skeleton::{Language, LanguageError, SkeletonFile, skeleton};

/// A connector that is a program. Each check and each collection is a run of it; nothing of it runs between them.
#[derive(Debug)]
pub struct Exec {
    spec: Spec,
    launch: Launch,
}

/// Why a program is no connector.
#[derive(Debug, thiserror::Error)]
#[error("the program of `[exec.{name}]` does not say what it is: {}; {}", .failure.message, remedy::alone(.failure))]
pub struct StartError {
    /// The connector's name.
    pub name: ConnectorName,
    /// What went wrong with its specification.
    pub failure: Failure,
}

impl Exec {
    /// The connector `name`: runs the program once, to ask for its specification.
    ///
    /// # Errors
    /// [`StartError`]: it cannot be started, or does not say what it is in the time that it has.
    ///
    /// # Panics
    /// Outside of a tokio runtime with time and I/O.
    pub async fn start(name: ConnectorName, launch: Launch) -> Result<Self, StartError> {
        match collect::spec(&name, &launch).await {
            Ok(spec) => Ok(Self { spec, launch }),
            Err(failure) => Err(StartError { name, failure }),
        }
    }
}

impl Connector for Exec {
    fn spec(&self) -> &Spec {
        &self.spec
    }

    fn check<'a>(&'a self, config: &'a Value, network: &'a Network) -> BoxFuture<'a, Result<(), Failure>> {
        Box::pin(async move {
            self.spec.validate(config)?;
            collect::check(&self.launch, config, network).await
        })
    }

    fn collect<'a>(&'a self, collection: &'a Collection, sink: &'a mut Sink) -> BoxFuture<'a, Result<End, Failure>> {
        let offered = self.spec.data_type(&collection.data_type);
        let key = offered.map_or(&[][..], |one| &one.primary_key);
        Box::pin(collect::collect(&self.launch, key, collection, sink))
    }
}
