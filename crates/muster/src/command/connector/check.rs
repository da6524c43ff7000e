//! `muster connector check`: whether a connector can read its source from here.

use serde::Serialize;
use serde_json::{Map, Value};

use super::here::Here;
use crate::command::Session;
use crate::command::configured::Configured;
use crate::error::{Error, Unfit};
use crate::exit::Exit;
use crate::judge::judge;
use crate::output::note;
use crate::output::text::clean;
use muster_connector::remedy::{Facts, remedy};
use muster_connector::secret::{Resolved, SecretError, resolve};
use muster_connector::{DataType, Failure, Spec};

/// Check from here whether a connector can read its source; no coordinator is asked
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  muster connector check host
  muster connector check host --set root=/
  muster connector check ./crm.py --config config.json

It exits with 2 when the source cannot be read.")]
pub struct Args {
    #[command(flatten)]
    connector: Here,
    #[command(flatten)]
    configured: Configured,
}

/// The outcome, for programs.
#[derive(Debug, Serialize)]
struct Document<'a> {
    connector: &'a str,
    ok: bool,
    failure: Option<FailureDocument<'a>>,
}

#[derive(Debug, Serialize)]
struct FailureDocument<'a> {
    category: &'a str,
    message: &'a str,
    remedy: String,
}

/// Checks it.
pub async fn run(args: &Args, session: &mut Session) -> Result<Exit, Error> {
    let output = &mut session.output;
    let configuration = args.configured.read()?;
    let connector = args.connector.open().await?;
    let spec = connector.spec();
    let guard = args.connector.guard(&spec.name)?;
    let prepared = prepare(
        "check the source".to_owned(),
        spec,
        configuration,
        &args.connector,
        &args.configured,
    )
    .await?;
    let checking = async {
        guard
            .network
            .judge_config(&spec.config_schema, &prepared.config)
            .await?;
        connector.check(&prepared.config, &guard.network).await
    };
    let checked = tokio::select! {
        checked = checking => checked.map_err(|failure| prepared.redactor.failure(failure)),
        signal = tokio::signal::ctrl_c() => return signal.map(|()| Exit::Interrupted).map_err(Error::Runtime),
    };
    if output.is_for_programs() {
        let failure = checked.as_ref().err();
        output.document(&Document {
            connector: spec.name.as_str(),
            ok: failure.is_none(),
            failure: failure.map(|failure| FailureDocument {
                category: failure.category.as_str(),
                message: &failure.message,
                remedy: remedy_of(failure, spec, None),
            }),
        })?;
    }
    match checked {
        Ok(()) => {
            if !output.is_for_programs() {
                output.line(format!("connector `{}` can read its source from here", spec.name))?;
                let data_type = spec.data_types.first().map(|one| format!(" --data-type {}", one.name));
                output.line(format!(
                    "collect:  muster connector collect {}{}",
                    args.connector.typed(),
                    data_type.unwrap_or_default()
                ))?;
            }
            Ok(Exit::Success)
        }
        Err(failure) => {
            output.flush()?;
            tell(
                &format!("connector `{}` cannot read its source from here", spec.name),
                &failure,
                &remedy_of(&failure, spec, None),
            );
            Ok(Exit::InError)
        }
    }
}

/// The configuration as the connector gets it: judged by its schema, and with secrets in the place of the references to them, as a runner does both.
///
/// # Errors
/// [`Error::Unfit`] with every fault, or the first reference that leads nowhere; [`Error::RunnerFile`].
pub async fn prepare(
    doing: String,
    spec: &Spec,
    configuration: Map<String, Value>,
    here: &Here,
    configured: &Configured,
) -> Result<Resolved, Error> {
    let unfit = |faults| {
        Error::Unfit(Box::new(Unfit {
            doing,
            connector: spec.name.to_string(),
            faults,
            next: format!("see what it needs: muster connector spec {}", here.typed_here()),
        }))
    };
    let given = configured.given();
    if let Err(faults) = judge(&spec.config_schema, &configuration, given) {
        return Err(unfit(faults));
    }
    let places = here.secret_places()?;
    let configuration = Value::Object(configuration);
    let resolved = resolve(&spec.config_schema, &configuration, &places);
    resolved
        .await
        .map_err(|SecretError { path, problem }| unfit(vec![given.told(&path, problem)]))
}

/// Tells a failure of the source, or of the connector.
pub fn tell(what: &str, failure: &Failure, remedy: &str) {
    note(format!(
        "error: {what}: {}: {}",
        failure.category.as_str(),
        clean(&failure.message)
    ));
    note(format!("next: {}", clean(remedy)));
}

/// What to do about a failure of a connector that was run here.
pub fn remedy_of(failure: &Failure, spec: &Spec, data_type: Option<&DataType>) -> String {
    let facts = Facts {
        connector: Some(&spec.name),
        data_type,
        permissions: &spec.permissions,
        ..Facts::default()
    };
    remedy(failure, &facts)
}
