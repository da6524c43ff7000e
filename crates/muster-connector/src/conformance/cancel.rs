//! A collection that is canceled stops.

use std::time::Duration;

use muster_core::words::{Category, DataType, Failure};
use tokio::time::{Instant, timeout};

use super::{Settings, Verdict, collection, in_words, too_slow, wrong};
use crate::{CancellationToken, Collection, Connector, Done, run, sink};

/// How long a canceled collection has: a runner drops it after that.
const STOPS_WITHIN: Duration = Duration::from_secs(1);

/// Cancels a collection after what it gives first, and looks how soon it ends. One that is over by then is canceled before it begins.
pub(super) async fn is_obeyed(connector: &dyn Connector, settings: &Settings, data_type: &DataType) -> Verdict {
    let token = CancellationToken::new();
    let (sink, mut items) = sink(token.clone());
    let collection = collection(settings, data_type, None);
    let mut collecting = std::pin::pin!(run(connector, &collection, sink));
    let first = async {
        tokio::select! {
            biased;
            _ = items.next() => None,
            ended = &mut collecting => Some(ended),
        }
    };
    match timeout(settings.step_within, first).await {
        Ok(Some(Ok(_))) => before_it_begins(connector, &collection).await,
        Ok(Some(Err(failure))) => wrong(format!("it fails with {}", in_words(&failure))),
        Ok(None) => {
            token.cancel();
            // Nobody reads any more: a connector that waits for its reader must stop, too.
            stops(collecting).await
        }
        Err(_) => too_slow("a collection", settings),
    }
}

async fn before_it_begins(connector: &dyn Connector, collection: &Collection) -> Verdict {
    let token = CancellationToken::new();
    token.cancel();
    let (sink, _items) = sink(token);
    stops(run(connector, collection, sink)).await
}

async fn stops(collecting: impl Future<Output = Result<Done, Failure>>) -> Verdict {
    let canceled = Instant::now();
    match timeout(STOPS_WITHIN, collecting).await {
        Ok(Err(failure)) if failure.category == Category::Canceled => Ok(format!(
            "it stopped {} ms after it was canceled",
            canceled.elapsed().as_millis()
        )),
        Ok(Err(failure)) => wrong(format!("it was canceled, and fails with {}", in_words(&failure))),
        Ok(Ok(_)) => wrong("it was canceled, and says that it ended well"),
        Err(_) => wrong(format!(
            "it did not stop within {} s: let it look at the sink's cancellation while it waits",
            STOPS_WITHIN.as_secs()
        )),
    }
}
