//! A collection that goes on from a cursor brings all that is new.

use std::collections::HashMap;

use super::collect::collect;
use super::{Settings, Verdict, wrong};
use crate::{Connector, DataTypeSpec};

/// Collects everything, then twice from the cursor, then everything again, then from the cursor that came with the first cursor's records: what is
/// new in the whole must be in what went on from a cursor.
pub(super) async fn resumes_without_loss(
    connector: &dyn Connector,
    settings: &Settings,
    data_type: &DataTypeSpec,
) -> Verdict {
    let first = collect(connector, settings, data_type, None).await?;
    let Some(cursor) = first.cursor else {
        return wrong("the data type is incremental, and a collection ends without a cursor");
    };
    let second = collect(connector, settings, data_type, Some(cursor.clone())).await?;
    let Some(later) = second.cursor else {
        return wrong("a collection from a cursor ends without one, so the next one would begin anew");
    };
    let again = collect(connector, settings, data_type, Some(cursor)).await?;
    let forgotten = second
        .records
        .keys()
        .filter(|key| !again.records.contains_key(key))
        .count();
    if forgotten > 0 {
        return wrong(format!(
            "a second collection from the same cursor lacks {forgotten} records of the first: what a cursor says must \
             not change when it is used, since a collection may be done twice"
        ));
    }
    let whole = collect(connector, settings, data_type, None).await?;
    let fourth = collect(connector, settings, data_type, Some(later)).await?;
    let lost = whole
        .records
        .iter()
        .filter(|(key, text)| {
            let had = |records: &HashMap<u64, u64>| records.get(key) == Some(text);
            !had(&first.records) && !second.records.contains_key(key) && !fourth.records.contains_key(key)
        })
        .count();
    if lost > 0 {
        return wrong(format!(
            "{lost} records that are new since the first collection were not in those that went on from its cursor"
        ));
    }
    let all_again = first.records.len() > 1 && first.records.keys().all(|key| second.records.contains_key(key));
    if all_again {
        return wrong(format!(
            "a collection from the cursor brings all {} records again: it should bring what has changed",
            first.records.len()
        ));
    }
    Ok(format!(
        "{} records at first, {} from the cursor, and none is lost",
        first.records.len(),
        second.records.len()
    ))
}
