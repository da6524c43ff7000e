//! What a connector is: its specification, its check, its collection, and the sink that takes what it collects.
//!
//! A [`Connector`] knows one kind of source and nothing else: no coordinator, no wire, no landing. Whoever runs it makes a [`sink()`],
//! gives the [`Sink`] to [`run`] and reads the [`Items`] at the other end:
//!
//! ```
//! use muster_connector::{Collection, Connector, Counts, SinkItem, run, sink};
//! use muster_connector::CancellationToken;
//!
//! async fn count(connector: &dyn Connector, collection: &Collection) -> Counts {
//!     let (sink, mut items) = sink(CancellationToken::new());
//!     let forward = async {
//!         while let Some(item) = items.next().await {
//!             match item {
//!                 SinkItem::Records { lines, .. } => println!("{} bytes of JSON lines", lines.len()),
//!                 SinkItem::Log { message, .. } => println!("{message}"),
//!                 SinkItem::Progress { counts, .. } => println!("{} records so far", counts.records),
//!             }
//!         }
//!     };
//!     let (done, ()) = tokio::join!(run(connector, collection, sink), forward);
//!     done.map(|done| done.counts).unwrap_or_default()
//! }
//! ```

pub mod conformance;
mod connection;
mod connector;
mod fields;
mod key;
mod network;
pub mod reach;
pub mod redact;
mod run;
pub mod secret;
mod sink;
mod spec;
mod validate;

pub use connection::{NamingIssuers, UntrustedBy, connection_failure};
pub use connector::{BoxFuture, Collection, Connector, End};
pub use key::{KeyFault, judge_key};
pub use muster_core::remedy;
pub use muster_core::words::{
    Category, ConnectorName, Counts, Cursor, DataType, Failure, LogLevel, Permission, Reason, ReasonKind,
};
pub use network::Network;
pub use redact::Redactor;
pub use run::{Done, run};
pub use sink::{CHUNK_BYTES_MAX, CHUNKS_IN_FLIGHT_MAX, Items, Limits, RECORD_BYTES_MAX, Sink, SinkItem, Stop, sink};
pub use spec::{DataTypeSpec, Spec};
pub use tokio_util::sync::CancellationToken;
pub use validate::{FAULTS_MAX, Fault, Invalid, judge_schema, validate};
