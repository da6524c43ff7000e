//! What one organization has: the ledger as whoever asks for it may see it.

use std::collections::BTreeMap;

use crate::entity::{
    Authority, Barred, EnrollmentToken, Execution, Incident, Integration, Offer, Organization, Person, Runner,
    RunnerIdentity, Token,
};
use crate::ledger::Ledger;
use crate::words::{
    ConnectorName, EnrollmentTokenId, ExecutionId, IncidentId, IntegrationId, OrganizationId, PersonId, RunnerId,
    TokenId,
};

/// What belongs to one owner, and what serves it. Nothing else can be found in it: what is somebody else's and what is missing give the same
/// answer, so whoever serves callers asks here, and need not think of it.
#[derive(Debug, Clone, Copy)]
pub struct Own<'a, 'o> {
    ledger: &'a Ledger,
    /// `None` for the service itself.
    owner: Option<&'o OrganizationId>,
}

impl<'a, 'o> Own<'a, 'o> {
    pub(crate) fn of(ledger: &'a Ledger, owner: Option<&'o OrganizationId>) -> Self {
        Self { ledger, owner }
    }

    fn owns(self, owner: Option<&OrganizationId>) -> bool {
        owner == self.owner
    }

    /// The organization itself, unless it is gone.
    #[must_use]
    pub fn organization(self) -> Option<&'a Organization> {
        self.ledger.organization(self.owner?).filter(|found| found.exists())
    }

    /// Its integration of this id.
    #[must_use]
    pub fn integration(self, id: IntegrationId) -> Option<&'a Integration> {
        let found = self.ledger.integration(id)?;
        self.owns(Some(&found.organization)).then_some(found)
    }

    /// Its open execution of this id.
    #[must_use]
    pub fn execution(self, id: ExecutionId) -> Option<&'a Execution> {
        let found = self.ledger.execution(id)?;
        self.owns(Some(&found.organization)).then_some(found)
    }

    /// Its open executions older than `before`, newest first.
    pub fn executions_before(self, before: Option<ExecutionId>) -> impl Iterator<Item = &'a Execution> {
        let open = self.ledger.executions_before(before);
        open.filter(move |found| self.owns(Some(&found.organization)))
    }

    /// Its incident of this id.
    #[must_use]
    pub fn incident(self, id: IncidentId) -> Option<&'a Incident> {
        let found = self.ledger.incident(id)?;
        self.owns(Some(&found.organization)).then_some(found)
    }

    /// The runner of this id, if what it has to do may run there: one of its own, or a hosted one, which belongs to nobody.
    #[must_use]
    pub fn runner(self, id: RunnerId) -> Option<&'a Runner> {
        self.ledger.runner(id).filter(|found| self.is_served_by(found))
    }

    /// Whether a runner that serves it may not check in any more; `None` when it may.
    #[must_use]
    pub fn barred(self, runner: &Runner) -> Option<Barred> {
        // A hosted one serves it, and its identity is the service's.
        let identity = self.ledger.runner_identity(runner.id);
        identity.filter(|_| self.is_served_by(runner))?.barred
    }

    /// The runners that serve it, oldest first.
    pub fn runners(self) -> impl Iterator<Item = &'a Runner> {
        self.ledger.runners().filter(move |found| self.is_served_by(found))
    }

    fn is_served_by(self, runner: &Runner) -> bool {
        let owner = runner.profile.organization.as_ref();
        owner.is_none() || self.owns(owner)
    }

    /// What its own runners say of a connector, or else the hosted ones.
    #[must_use]
    pub fn offer(self, name: &ConnectorName) -> Option<&'a Offer> {
        self.ledger.offer(self.owner?, name)
    }

    /// What its own runners and the hosted ones say of their connectors, by name. There are as many as there are kinds of sources.
    #[must_use]
    pub fn offers(self) -> BTreeMap<&'a ConnectorName, &'a Offer> {
        let hosted = self.ledger.connectors_of(None);
        // Its own go first.
        let own = self.ledger.connectors_of(self.owner);
        hosted
            .chain(own)
            .map(|connector| (&connector.key.name, &connector.offer))
            .collect()
    }

    /// Its person of this id.
    #[must_use]
    pub fn person(self, id: PersonId) -> Option<&'a Person> {
        let found = self.ledger.person(id)?;
        self.owns(found.scope.organization()).then_some(found)
    }

    /// Its token of this id.
    #[must_use]
    pub fn token(self, id: TokenId) -> Option<&'a Token> {
        let found = self.ledger.token(id)?;
        self.owns(found.scope.organization()).then_some(found)
    }

    /// Its enrollment token of this id.
    #[must_use]
    pub fn enrollment_token(self, id: EnrollmentTokenId) -> Option<&'a EnrollmentToken> {
        let found = self.ledger.enrollment_token(id)?;
        self.owns(found.pool.organization.as_ref()).then_some(found)
    }

    /// The identity of its runner.
    #[must_use]
    pub fn runner_identity(self, runner: RunnerId) -> Option<&'a RunnerIdentity> {
        let found = self.ledger.runner_identity(runner)?;
        self.owns(found.pool.organization.as_ref()).then_some(found)
    }

    /// The identities of its runners, oldest first.
    pub fn runner_identities(self) -> impl Iterator<Item = &'a RunnerIdentity> {
        let known = self.ledger.runner_identities();
        known.filter(move |found| self.owns(found.pool.organization.as_ref()))
    }

    /// Its authority.
    #[must_use]
    pub fn authority(self) -> Option<&'a Authority> {
        self.ledger.authority(self.owner)
    }
}
