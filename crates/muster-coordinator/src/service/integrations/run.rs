//! Collecting now: one integration, or a thousand in one turn of the writer.

use muster_core::audit::{FieldChange, short};
use muster_core::decide::execution::run_now::RunNow;
use muster_core::decide::{Answer, Command, Rejection};
use muster_core::words::{DataType, ExecutionId, IntegrationId, OrganizationId};
use muster_proto::v1;
use muster_shard::Turn;

use super::preview::judge_command;
use crate::caller::Call;
use crate::service::Services;
use crate::service::executions::opened;
use crate::status::{ServiceError, name_of_reason, reason_of_rejection};
use crate::wire::{FieldFault, definition, execution, name};

/// The most integrations of a batch: one turn of the writer takes them all.
const BATCH_MAX: usize = 1_000;

impl Services {
    pub(super) async fn run_integration_of(
        &self,
        call: Call,
        request: v1::RunIntegrationRequest,
    ) -> Result<v1::RunIntegrationResponse, ServiceError> {
        let (organization, integration) = name::integration("name", &request.name)?;
        self.judge_organization(&call, &organization)?;
        let by = call;
        self.judge_ready()?;
        let data_types = definition::data_type_names(&request.data_types)?;
        let progress = self.progress.clone();
        let open: Result<Vec<execution::Open>, ServiceError> = self
            .shard
            .turn(move |turn| {
                let command = RunNow {
                    organization: organization.clone(),
                    integration,
                    data_types,
                };
                let command = Command::RunNow(command);
                let answer = if request.validate_only {
                    // What would be new is not in the ledger, and so is not told.
                    judge_command(turn, &by, command)?.answer
                } else {
                    by.ask(turn, command)?
                };
                let own = turn.state().of(&organization);
                let found = executions(answer)?.into_iter().filter_map(|id| own.execution(id));
                Ok(found.map(|found| opened(turn, found, &progress)).collect())
            })
            .await?;
        Ok(v1::RunIntegrationResponse {
            executions: open?.into_iter().map(execution::open).collect(),
        })
    }

    pub(super) async fn batch_run_integrations_of(
        &self,
        call: Call,
        request: v1::BatchRunIntegrationsRequest,
    ) -> Result<v1::BatchRunIntegrationsResponse, ServiceError> {
        let organization = name::organization("parent", &request.parent)?;
        self.judge_organization(&call, &organization)?;
        let by = call;
        self.judge_ready()?;
        let count = request.names.len();
        if count == 0 || count > BATCH_MAX {
            return Err(FieldFault::new("names", format_args!("are {count}: must be 1 to {BATCH_MAX}")).into());
        }
        let integrations = name::integrations_of(&organization, "names", &request.names)?;
        let data_types = definition::data_type_names(&request.data_types)?;
        let batch = Batch {
            organization,
            integrations,
            data_types,
            validate_only: request.validate_only,
        };
        let ran = self.shard.turn(move |turn| batch.run(turn, &by)).await??;
        let mut names = request.names;
        let failures = ran.refused.into_iter().map(|(place, rejection)| v1::RunFailure {
            name: names.get_mut(place).map(std::mem::take).unwrap_or_default(),
            reason: name_of_reason(reason_of_rejection(&rejection)).to_owned(),
            message: rejection.to_string(),
        });
        Ok(v1::BatchRunIntegrationsResponse {
            failures: failures.collect(),
            created_count: ran.created,
            open_count: ran.open,
        })
    }
}

/// Integrations that are to collect now.
struct Batch {
    organization: OrganizationId,
    integrations: Vec<IntegrationId>,
    data_types: Vec<DataType>,
    /// Only asks what would become of it.
    validate_only: bool,
}

/// What has become of a batch.
#[derive(Default)]
struct Ran {
    created: u32,
    open: u32,
    /// The places of those that were refused, and why.
    refused: Vec<(usize, Rejection)>,
}

impl Batch {
    fn run(&self, turn: &mut Turn<'_>, by: &Call) -> Result<Ran, ServiceError> {
        let mut ran = Ran::default();
        // What is open of one integration, before it runs: used again for each, since there are many.
        let mut open: Vec<ExecutionId> = Vec::new();
        for (place, integration) in self.integrations.iter().enumerate() {
            open.clear();
            open.extend(turn.state().index().open_of(*integration));
            // What would have been created for it before would be open now.
            let again = self.validate_only && self.integrations[..place].contains(integration);
            match self.run_one(turn, by, *integration) {
                Ok(answer) => {
                    for id in executions(answer)? {
                        if again || open.contains(&id) {
                            ran.open += 1;
                        } else {
                            ran.created += 1;
                        }
                    }
                }
                Err(rejection) => ran.refused.push((place, rejection)),
            }
        }
        if !self.validate_only {
            by.note(turn, self.changes(&ran));
        }
        Ok(ran)
    }

    /// What the audit log says of it.
    fn changes(&self, ran: &Ran) -> Vec<FieldChange> {
        let integrations: Vec<_> = self.integrations.iter().map(ToString::to_string).collect();
        let told = [
            ("integrations", short(&integrations.join(", "))),
            ("integrations_count", self.integrations.len().to_string()),
            ("executions_created", ran.created.to_string()),
            ("executions_open", ran.open.to_string()),
            ("refused", ran.refused.len().to_string()),
        ];
        let changes = told.into_iter().map(|(field, value)| FieldChange {
            field: field.to_owned(),
            before: None,
            after: Some(value),
        });
        changes.collect()
    }

    fn run_one(&self, turn: &mut Turn<'_>, by: &Call, integration: IntegrationId) -> Result<Answer, Rejection> {
        let command = Command::RunNow(RunNow {
            organization: self.organization.clone(),
            integration,
            data_types: self.data_types.clone(),
        });
        if self.validate_only {
            Ok(judge_command(turn, by, command)?.answer)
        } else {
            // The batch leaves one entry for all.
            turn.ask(&by.principal(), command)
        }
    }
}

fn executions(answer: Answer) -> Result<Vec<ExecutionId>, ServiceError> {
    match answer {
        Answer::Executions(ids) => Ok(ids),
        Answer::Done
        | Answer::Integration(_)
        | Answer::Organization(_)
        | Answer::Person(_)
        | Answer::Token(_)
        | Answer::Welcome(_)
        | Answer::Barred(_)
        | Answer::Certified { .. }
        | Answer::Checking { .. } => Err(ServiceError::internal(
            "run now has answered with something else than executions",
        )),
    }
}
