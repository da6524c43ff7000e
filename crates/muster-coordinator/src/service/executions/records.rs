//! Reading what an execution has collected.

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::stream::{self, BoxStream};
use muster_core::words::Outcome;
use muster_proto::v1;
use tonic::Status;

use super::{Found, destination, has_records};
use crate::caller::Call;
use crate::landing::Lines;
use crate::service::Services;
use crate::status::ServiceError;
use crate::wire::name;

type Records = BoxStream<'static, Result<v1::ReadRecordsResponse, Status>>;

impl Services {
    pub(super) async fn read_records_of(
        &self,
        call: Call,
        request: v1::ReadRecordsRequest,
    ) -> Result<Records, ServiceError> {
        let name = name::execution("name", &request.name)?;
        self.judge_organization(&call, &name.organization)?;
        let execution = name.execution;
        let none = |why| Err(ServiceError::RecordsNotFound { execution, why });
        let finished = match self.find_execution(name).await? {
            Found::Open(_) => return none("it is open, so wait for its end"),
            Found::Finished(finished) => finished,
        };
        if !has_records(&finished) {
            return match &finished.outcome {
                Outcome::Completed { .. } => none("it has collected nothing"),
                Outcome::Error(_) => none("it ended in an error"),
            };
        }
        match self
            .landing
            .read(&destination(&finished))
            .await
            .map_err(ServiceError::Landing)?
        {
            Some(lines) => Ok(limited(lines, request.max_records)),
            None => none("they are not in the landing any more"),
        }
    }
}

/// The first `max` records; all of them for 0.
fn limited(lines: Lines, max: u64) -> Records {
    let left = if max == 0 { u64::MAX } else { max };
    let records = stream::unfold((lines, left), |(mut lines, left)| async move {
        if left == 0 {
            return None;
        }
        match lines.next().await? {
            Ok(chunk) => {
                let (chunk, count) = first(chunk, left);
                Some((Ok(v1::ReadRecordsResponse { lines: chunk }), (lines, left - count)))
            }
            Err(error) => Some((Err(ServiceError::Landing(error).into()), (lines, 0))),
        }
    });
    records.boxed()
}

/// At most `left` of the lines in a chunk, and how many they are.
fn first(chunk: Bytes, left: u64) -> (Bytes, u64) {
    let mut count = 0;
    for (place, _) in chunk.iter().enumerate().filter(|(_, byte)| **byte == b'\n') {
        count += 1;
        if count == left {
            return (chunk.slice(..=place), count);
        }
    }
    (chunk, count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn as_many_records_are_read_as_were_asked_for() {
        let chunks = ["{}\n{}\n{}\n", "{}\n{}\n"];
        for (max, expected) in [(0, 5), (1, 1), (3, 3), (4, 4), (5, 5), (9, 5)] {
            let lines = stream::iter(chunks.map(|chunk| Ok(Bytes::from_static(chunk.as_bytes())))).boxed();
            let read: Vec<_> = limited(lines, max).collect().await;
            let read: usize = read
                .into_iter()
                .map(|part| part.map_or(0, |part| part.lines.len() / 3))
                .sum();
            assert_eq!(read, expected, "{max}");
        }
    }
}
