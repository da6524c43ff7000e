//! Which executions an integration has: their ids, by the hour in which they were created.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Bound, ControlFlow};

use muster_core::words::{ExecutionId, IntegrationId};

use super::place;
use crate::StoreError;
use crate::backend::{Backend, Change, Direction, Tree};
use crate::value::{self, Flaw};

const HOUR_PREFIX: u8 = 4;
const HOUR_KEY_BYTES: usize = 1 + 16 + 4;

pub(super) const MILLIS_PER_HOUR: u64 = 60 * 60 * 1_000;

/// The hour (since the epoch) in which an execution was created: its id begins with 48 bits of milliseconds, so it
/// fits.
pub(super) fn hour_of(execution: ExecutionId) -> u32 {
    let millis = (execution.0 >> 80) as u64;
    (millis / MILLIS_PER_HOUR) as u32
}

pub(super) fn hour_key(integration: IntegrationId, hour: u32) -> [u8; HOUR_KEY_BYTES] {
    let mut key = [HOUR_PREFIX; HOUR_KEY_BYTES];
    key[1..17].copy_from_slice(&integration.to_bytes());
    key[17..].copy_from_slice(&hour.to_be_bytes());
    key
}

/// The hours, from `first` to `last`, of which an integration has executions; at most `limit` of them, beginning at the
/// end that `direction` names.
pub(super) fn hours(
    backend: &dyn Backend,
    integration: IntegrationId,
    (first, last): (u32, u32),
    direction: Direction,
    limit: usize,
) -> Result<Vec<u32>, StoreError> {
    let from = hour_key(integration, first);
    let to = value::piece_key(&hour_key(integration, last), u16::MAX);
    let mut found = Vec::new();
    backend.scan(
        Tree::History,
        (Bound::Included(&from), Bound::Included(&to)),
        direction,
        &mut |key, _| {
            let hour = key
                .get(17..HOUR_KEY_BYTES)
                .and_then(|bytes| bytes.try_into().ok())
                .map(u32::from_be_bytes);
            let hour = hour.ok_or_else(|| StoreError::damaged("an hour has a wrong key", place(integration)))?;
            if found.last() != Some(&hour) {
                if found.len() == limit {
                    return Ok(ControlFlow::Break(()));
                }
                found.push(hour);
            }
            Ok(ControlFlow::Continue(()))
        },
    )?;
    Ok(found)
}

/// The executions of an integration in an hour; none when nothing is written of it.
pub(super) fn read(
    backend: &dyn Backend,
    integration: IntegrationId,
    hour: u32,
) -> Result<BTreeSet<ExecutionId>, StoreError> {
    let broken = |flaw: Flaw| flaw.into_error(&format!("hour {hour}"), place(integration));
    let Some(value) = value::read(backend, Tree::History, &hour_key(integration, hour), broken)? else {
        return Ok(BTreeSet::new());
    };
    let (ids, []) = value.body.as_chunks::<16>() else {
        return Err(broken(Flaw::Broken("has a wrong length")));
    };
    Ok(ids.iter().map(|id| ExecutionId::from_bytes(*id)).collect())
}

/// How many executions an integration has in all hours.
pub(super) fn count(backend: &dyn Backend, integration: IntegrationId) -> Result<u64, StoreError> {
    let from = hour_key(integration, 0);
    let to = value::piece_key(&hour_key(integration, u32::MAX), u16::MAX);
    let mut count = 0;
    backend.scan(
        Tree::History,
        (Bound::Included(&from), Bound::Included(&to)),
        Direction::Forward,
        &mut |key, piece| {
            if let Some((_, 0)) = value::split_key(key) {
                let described = value::describe(piece);
                let (_, bytes) = described.map_err(|flaw: Flaw| flaw.into_error("an hour", place(integration)))?;
                count += bytes as u64 / 16;
            }
            Ok(ControlFlow::Continue(()))
        },
    )?;
    Ok(count)
}

/// Writes the executions of an hour in place of the `before` ones that were written; nothing remains when there are
/// none.
pub(super) fn write(
    integration: IntegrationId,
    hour: u32,
    before: usize,
    executions: &BTreeSet<ExecutionId>,
    changes: &mut Vec<Change>,
) -> Result<(), StoreError> {
    let key = hour_key(integration, hour);
    if executions.is_empty() {
        value::remove(&key, before * 16, 0, changes);
        return Ok(());
    }
    let body: Vec<u8> = executions.iter().flat_map(|execution| execution.to_bytes()).collect();
    value::encode(&key, 0, &[&body], changes).ok_or_else(|| {
        StoreError::misuse(format!(
            "integration {integration} has too many executions in hour {hour}"
        ))
    })?;
    value::remove(&key, before * 16, value::piece_count(body.len()), changes);
    Ok(())
}

/// Adds executions to the hours that they belong to.
pub(super) fn add(
    backend: &dyn Backend,
    integration: IntegrationId,
    executions: BTreeSet<ExecutionId>,
    changes: &mut Vec<Change>,
) -> Result<(), StoreError> {
    let mut by_hour: BTreeMap<u32, BTreeSet<ExecutionId>> = BTreeMap::new();
    for execution in executions {
        by_hour.entry(hour_of(execution)).or_default().insert(execution);
    }
    for (hour, mut executions) in by_hour {
        let written = read(backend, integration, hour)?;
        let before = written.len();
        executions.extend(written);
        write(integration, hour, before, &executions, changes)?;
    }
    Ok(())
}
