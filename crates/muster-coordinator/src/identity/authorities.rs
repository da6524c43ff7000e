//! The certificates that are trusted, of each organization its own: what the ledger says, at hand for whoever cannot wait for a turn of its writer, as a
//! handshake.

use std::collections::BTreeMap;
use std::sync::{PoisonError, RwLock};

use muster_core::entity::Authority;
use muster_core::time::Stamp;
use muster_core::words::OrganizationId;
use muster_identity::pki_types::CertificateDer;
use muster_shard::{ShardError, ShardHandle};

/// How many are read in a turn of the writer.
const PAGE: usize = 500;

type Owner = Option<OrganizationId>;

/// A certificate, and until when it is trusted; `None` while it signs.
type Trusted = (CertificateDer<'static>, Option<Stamp>);

#[derive(Default)]
pub(super) struct Authorities(RwLock<BTreeMap<Owner, Vec<Trusted>>>);

impl Authorities {
    /// Those of this owner that are trusted at `now`, the oldest first.
    pub(super) fn trusted(&self, owner: Option<&OrganizationId>, now: Stamp) -> Vec<CertificateDer<'static>> {
        let all = self.0.read().unwrap_or_else(PoisonError::into_inner);
        let own = all.get(&owner.cloned()).into_iter().flatten();
        let trusted = own.filter(|(_, until)| until.is_none_or(|until| now < until));
        trusted.map(|(certificate, _)| certificate.clone()).collect()
    }

    /// Reads all that the ledger has.
    pub(super) async fn load(&self, shard: &ShardHandle) -> Result<(), ShardError> {
        let mut after: Option<Owner> = None;
        loop {
            let from = after.clone();
            let page = shard.turn(move |turn| {
                let later = turn.state().everywhere().authorities();
                let later = later.filter(|one| from.as_ref().is_none_or(|from| one.owner > *from));
                later.take(PAGE).map(read).collect::<Vec<_>>()
            });
            let page = page.await?;
            let Some((last, _)) = page.last() else { return Ok(()) };
            after = Some(last.clone());
            self.0.write().unwrap_or_else(PoisonError::into_inner).extend(page);
        }
    }

    /// Reads that of one owner, which has changed.
    pub(super) async fn reload(&self, shard: &ShardHandle, owner: Option<&OrganizationId>) -> Result<(), ShardError> {
        let of = owner.cloned();
        let found = shard.turn(move |turn| turn.state().everywhere().authority(of.as_ref()).map(read));
        if let Some((owner, trusted)) = found.await? {
            let mut all = self.0.write().unwrap_or_else(PoisonError::into_inner);
            all.insert(owner, trusted);
        }
        Ok(())
    }
}

fn read(authority: &Authority) -> (Owner, Vec<Trusted>) {
    let generations = authority.generations.iter();
    let trusted = generations.map(|one| (CertificateDer::from(one.certificate.to_vec()), one.until));
    (authority.owner.clone(), trusted.collect())
}
