//! When an integration would be collected by another schedule.

use muster_core::decide::integration::update::planned_times;
use muster_core::time::Stamp;
use muster_proto::v1;

use super::find;
use crate::caller::Call;
use crate::service::Services;
use crate::status::ServiceError;
use crate::wire::{definition, name, time};

/// How many times are told of each data type.
const TIMES: usize = 5;

impl Services {
    pub(super) async fn preview_schedule_of(
        &self,
        call: Call,
        request: v1::PreviewScheduleRequest,
    ) -> Result<v1::PreviewScheduleResponse, ServiceError> {
        let (organization, id) = name::integration("name", &request.name)?;
        self.judge_organization(&call, &organization)?;
        let asked = definition::schedules(&request.data_types)?;
        let planned: Result<Vec<(_, Vec<Stamp>)>, ServiceError> = self
            .shard
            .turn(move |turn| {
                let integration = find(turn.state(), &organization, id)?;
                let now = turn.now();
                let planned = asked.into_iter().map(|(data_type, interval)| {
                    let times = planned_times(integration, &data_type, interval, now);
                    (data_type, times.take(TIMES).collect())
                });
                Ok(planned.collect())
            })
            .await?;
        let planned = planned?.into_iter().map(|(data_type, times)| v1::PlannedTimes {
            data_type: data_type.to_string(),
            times: times.into_iter().map(time::timestamp).collect(),
        });
        Ok(v1::PreviewScheduleResponse {
            data_types: planned.collect(),
        })
    }
}
