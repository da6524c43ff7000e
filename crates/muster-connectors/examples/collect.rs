//! Collects one data type of this machine and prints its records, without any coordinator:
//! `cargo run -p muster-connectors --example collect -- device`

use std::io::{self, Write};

use muster_connector::{CancellationToken, Collection, DataType, Network, SinkItem, run, sink};
use muster_connectors::host::Host;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let data_type = DataType::new(&arguments.next().unwrap_or_else(|| "device".to_owned()))?;
    let root = arguments.next().unwrap_or_else(|| "/".to_owned());
    let collection = Collection {
        config: serde_json::json!({ "root": root }),
        data_type,
        cursor: None,
        network: Network::by_hand(),
    };
    let (sink, mut items) = sink(CancellationToken::new());
    let print = async {
        while let Some(item) = items.next().await {
            match item {
                SinkItem::Records { lines, .. } => io::stdout().write_all(&lines)?,
                SinkItem::Log { level, message } => eprintln!("{level:?}: {message}"),
                SinkItem::Progress { .. } => {}
            }
        }
        io::Result::Ok(())
    };
    let host = Host::new();
    let (done, printed) = tokio::join!(run(&host, &collection, sink), print);
    printed?;
    let done = done.map_err(|failure| format!("{}: {}", failure.message, muster_connector::remedy::alone(&failure)))?;
    eprintln!("{} records, {} bytes", done.counts.records, done.counts.bytes);
    Ok(())
}
