//! `ConnectorService`: the connectors that an organization's runners and the hosted ones offer.

use std::collections::{BTreeMap, BTreeSet};

use muster_core::entity::Offer;
use muster_core::state::State;
use muster_core::words::{ConnectorName, OrganizationId, PoolName};
use muster_proto::v1;
use muster_proto::v1::connector_service_server::ConnectorService;
use tonic::{Request, Response, Status};

use super::Services;
use crate::caller::Call;
use crate::status::ServiceError;
use crate::wire::page::page_size;
use crate::wire::{connector, name};

/// The most connectors of a page: each has a specification.
const PAGE_SIZE_MAX: usize = 100;

#[tonic::async_trait]
impl ConnectorService for Services {
    async fn get_connector(
        &self,
        request: Request<v1::GetConnectorRequest>,
    ) -> Result<Response<v1::Connector>, Status> {
        Ok(Response::new(
            self.get_connector_of(Call::of(&request), request.into_inner()).await?,
        ))
    }

    async fn list_connectors(
        &self,
        request: Request<v1::ListConnectorsRequest>,
    ) -> Result<Response<v1::ListConnectorsResponse>, Status> {
        Ok(Response::new(
            self.list_connectors_of(Call::of(&request), request.into_inner())
                .await?,
        ))
    }
}

impl Services {
    async fn get_connector_of(
        &self,
        call: Call,
        request: v1::GetConnectorRequest,
    ) -> Result<v1::Connector, ServiceError> {
        let (organization, connector) = name::connector("name", &request.name)?;
        self.judge_organization(&call, &organization)?;
        let (of, named) = (organization.clone(), connector.clone());
        let found = self
            .shard
            .turn(move |turn| {
                let offer = turn.state().of(&of).offer(&named)?.clone();
                let pools = pools(turn.state(), &of, &BTreeSet::from([named]));
                Some((offer, pools))
            })
            .await?;
        let (offer, pools) = found.ok_or(ServiceError::ConnectorNotFound(connector))?;
        told(&organization, &offer, &pools)
    }

    async fn list_connectors_of(
        &self,
        call: Call,
        request: v1::ListConnectorsRequest,
    ) -> Result<v1::ListConnectorsResponse, ServiceError> {
        let organization = name::organization("parent", &request.parent)?;
        self.judge_organization(&call, &organization)?;
        let size = page_size(request.page_size, PAGE_SIZE_MAX)?;
        let query = self.tokens.query("connectors", &[&request.parent]);
        let after: Option<String> = query
            .position(&request.page_token)
            .map_err(|_| ServiceError::Token("page_token"))?;
        let of = organization.clone();
        let (mut offers, pools) = self
            .shard
            .turn(move |turn| {
                let known = turn.state().of(&of).offers();
                let later = known
                    .into_iter()
                    .filter(|(name, _)| after.as_deref().is_none_or(|after| name.as_str() > after));
                let page: Vec<Offer> = later.map(|(_, offer)| offer.clone()).take(size + 1).collect();
                let names = page.iter().map(|offer| offer.name.clone()).collect();
                (page, pools(turn.state(), &of, &names))
            })
            .await?;
        let more = offers.len() > size;
        offers.truncate(size);
        let last = offers.last().filter(|_| more);
        let next_page_token = last
            .map(|offer| query.token(&offer.name.to_string()))
            .unwrap_or_default();
        let connectors: Result<Vec<_>, _> = offers.iter().map(|offer| told(&organization, offer, &pools)).collect();
        Ok(v1::ListConnectorsResponse {
            connectors: connectors?,
            next_page_token,
        })
    }
}

/// The pools in which these connectors are offered.
fn pools(
    state: &State,
    organization: &OrganizationId,
    names: &BTreeSet<ConnectorName>,
) -> BTreeMap<ConnectorName, BTreeSet<PoolName>> {
    let mut pools: BTreeMap<ConnectorName, BTreeSet<PoolName>> = BTreeMap::new();
    for runner in state.of(organization).runners() {
        let profile = &runner.profile;
        for name in profile.connectors.iter().filter(|name| names.contains(*name)) {
            let of = pools.entry(name.clone()).or_default();
            if !of.contains(&profile.pool.name) {
                of.insert(profile.pool.name.clone());
            }
        }
    }
    pools
}

fn told(
    organization: &OrganizationId,
    offer: &Offer,
    pools: &BTreeMap<ConnectorName, BTreeSet<PoolName>>,
) -> Result<v1::Connector, ServiceError> {
    let pools: Vec<PoolName> = pools.get(&offer.name).into_iter().flatten().cloned().collect();
    connector::connector(organization, offer, &pools).map_err(ServiceError::internal)
}
