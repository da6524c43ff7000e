//! The trait that every connector implements.

use std::pin::Pin;

use muster_core::words::{Cursor, DataType, Failure};
use serde_json::Value;

use crate::{Network, Sink, Spec};

/// A future on the heap, so that connectors of different kinds stand in one list.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The code that reads one kind of source.
///
/// A collection only reads: doing it twice is harmless. A connector keeps no state between calls; what it must remember is in the
/// [`Cursor`] that it returns.
pub trait Connector: Send + Sync {
    /// What this connector is, needs and offers. The same at every call.
    fn spec(&self) -> &Spec;

    /// Whether the source answers with this configuration, without collecting from it. It is reached by `network` alone.
    ///
    /// # Errors
    /// The [`Failure`] that a collection would end with, as far as it can be told beforehand.
    fn check<'a>(&'a self, config: &'a Value, network: &'a Network) -> BoxFuture<'a, Result<(), Failure>>;

    /// Reads all records of one data type into the sink. Call it through [`run`](crate::run()), which also does what stands around it.
    ///
    /// Dropping the future stops the collection; a connector that does long work between two records also looks at [`Sink::canceled`].
    ///
    /// # Errors
    /// The [`Failure`] that ended it. What lies in the sink by then is not used: a collection is whole, or it is none.
    fn collect<'a>(&'a self, collection: &'a Collection, sink: &'a mut Sink) -> BoxFuture<'a, Result<End, Failure>>;
}

/// What is to be collected.
#[derive(Debug, Clone, PartialEq)]
pub struct Collection {
    /// The integration's configuration, as the connector's schema describes it.
    pub config: Value,
    /// One of the data types that the connector offers.
    pub data_type: DataType,
    /// Where the last good collection ended. `None`: there was none, or the data type is not incremental; collect everything.
    pub cursor: Option<Cursor>,
    /// The way to the source, and the only one.
    pub network: Network,
}

/// A good end of a collection: every record has been given to the sink.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct End {
    /// Where the next collection goes on. `None`: it begins anew.
    pub cursor: Option<Cursor>,
}
