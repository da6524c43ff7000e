//! `muster audit export`.

use muster_process::progress::Progress;
use muster_proto::v1::{AuditChain, AuditEntry, ExportAuditEntriesRequest};

use super::Of;
use crate::audit::{Entry, Header};
use crate::client::Client;
use crate::command::Session;
use crate::error::Error;
use crate::exit::Exit;
use crate::output::text::count;

/// Print the audit log as JSON lines, the oldest entry first, with all that its hashes are made of
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  muster audit export > audit.jsonl
  muster audit export --from 2 > newer.jsonl

The first line says where the log begins and ends. Keep the number and the hash of the last entry: `muster audit verify --known-hash` finds by them
whether what came before was changed since, or cut off.")]
pub struct Args {
    #[command(flatten)]
    of: Of,
    /// Begin with this entry
    #[arg(long, value_name = "NUMBER", default_value = "1", hide_default_value = true)]
    from: u64,
}

/// Prints it as it comes.
pub async fn run(args: &Args, session: &mut Session) -> Result<Exit, Error> {
    let Session { client, output, .. } = session;
    let parent = args.of.parent(client);
    let mut export = Export::begin(client, parent, args.from).await?;
    let mut header = Some(export.chain.clone());
    let mut progress = Progress::beside_output();
    let mut done = 0_u64;
    while let Some(entries) = export.next().await? {
        for entry in &entries {
            let entry = Entry::from(entry);
            if let Some(chain) = header.take() {
                output.document_line(&Header::new(&chain, entry.number, entry.previous_hash.clone()))?;
            }
            output.document_line(&entry)?;
            done += 1;
        }
        output.flush()?;
        progress.tell(|| format!("{} so far", count(done, "entry")));
    }
    if let Some(chain) = header {
        output.document_line(&Header::new(&chain, chain.last_number + 1, chain.hash.clone()))?;
    }
    progress.clear();
    Ok(Exit::Success)
}

/// An export that is under way.
pub(super) struct Export<'c> {
    client: &'c Client,
    /// Where the log begins and ends.
    pub(super) chain: AuditChain,
    stream: tonic::Streaming<muster_proto::v1::ExportAuditEntriesResponse>,
}

const DOING: &str = "export the audit log";

impl<'c> Export<'c> {
    /// # Errors
    /// That of the call.
    pub(super) async fn begin(client: &'c Client, parent: String, from_number: u64) -> Result<Self, Error> {
        let request = ExportAuditEntriesRequest { parent, from_number };
        let fails = |status| client.error(DOING, &status);
        let opened = client.audit().export_audit_entries(request).await;
        let mut stream = opened.map_err(fails)?.into_inner();
        let first = stream.message().await.map_err(fails)?;
        Ok(Self {
            client,
            chain: first.and_then(|first| first.chain).unwrap_or_default(),
            stream,
        })
    }

    /// The next entries; `None` after the last ones.
    ///
    /// # Errors
    /// That of the call.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<AuditEntry>>, Error> {
        let next = self.stream.message().await;
        let next = next.map_err(|status| self.client.error(DOING, &status))?;
        Ok(next.map(|next| next.audit_entries))
    }
}
