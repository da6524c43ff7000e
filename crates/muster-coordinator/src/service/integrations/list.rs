//! Lists of integrations, by the ordered indices that there are.

use muster_core::entity::Integration;
use muster_core::health::Conditions;
use muster_core::state::State;
use muster_core::words::{ConfigurationStatus, IntegrationId, OrganizationId};
use muster_proto::v1;
use muster_shard::Turn;

use super::told_with;
use crate::caller::Call;
use crate::service::Services;
use crate::status::ServiceError;
use crate::wire::filter::IntegrationFilter;
use crate::wire::integration::{self, Told};
use crate::wire::name;
use crate::wire::page::{PAGE_SIZE_MAX, order_by, page_size};
use crate::wire::token::{ForeignToken, Query};

/// The most bytes of configurations in a page, so that its message stays below the 4 MiB that clients take by default.
pub(super) const PAGE_BYTES_MAX: usize = 1024 * 1024;

/// In which order they come: one for each index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Order {
    OldestFirst,
    NewestFirst,
    ByName,
}

const ORDERS: &[(&str, Order)] = &[
    ("create_time", Order::OldestFirst),
    ("create_time desc", Order::NewestFirst),
    ("display_name", Order::ByName),
];

/// Where a list stands, by its order; `None` at its beginning.
#[derive(Debug, Clone)]
enum Place {
    After(Option<IntegrationId>),
    Before(Option<IntegrationId>),
    /// After this display name, in lower case.
    AfterName(Option<String>),
}

impl Place {
    fn read(order: Order, query: &Query, token: &str) -> Result<Self, ForeignToken> {
        Ok(match order {
            Order::OldestFirst => Self::After(query.position(token)?),
            Order::NewestFirst => Self::Before(query.position(token)?),
            Order::ByName => Self::AfterName(query.position(token)?),
        })
    }

    /// The token of the page that begins behind this integration.
    fn token_behind(&self, query: &Query, last: (IntegrationId, &str)) -> String {
        match self {
            Self::After(_) | Self::Before(_) => query.token(&last.0),
            Self::AfterName(_) => query.token(&last.1.to_lowercase()),
        }
    }

    /// Those from there on; of one status only, where an index has these in that order.
    fn walk<'a>(
        &'a self,
        state: &'a State,
        organization: &'a OrganizationId,
        status: Option<ConfigurationStatus>,
    ) -> Box<dyn Iterator<Item = IntegrationId> + 'a> {
        let index = state.index();
        match self {
            Self::After(last) => match status {
                Some(status) => Box::new(index.integrations_with(organization, status, *last)),
                None => Box::new(index.integrations_of(organization, *last)),
            },
            Self::Before(last) => Box::new(index.integrations_before(organization, *last)),
            Self::AfterName(last) => {
                let later = index.integrations_by_name(organization, last.as_deref());
                Box::new(later.map(|(_, id)| id))
            }
        }
    }
}

impl Services {
    pub(super) async fn list_integrations_of(
        &self,
        call: Call,
        request: v1::ListIntegrationsRequest,
    ) -> Result<v1::ListIntegrationsResponse, ServiceError> {
        let organization = name::organization("parent", &request.parent)?;
        self.judge_organization(&call, &organization)?;
        let size = page_size(request.page_size, PAGE_SIZE_MAX)?;
        let view = request.view();
        let filter = IntegrationFilter::parse(&request.filter).map_err(ServiceError::Filter)?;
        let order = order_by(&request.order_by, ORDERS)?;
        let chosen_by = [&*request.parent, &*request.filter, &format!("{order:?}")];
        let query = self.tokens.query("integrations", &chosen_by);
        let place = Place::read(order, &query, &request.page_token).map_err(|_| ServiceError::Token("page_token"))?;
        let page = self
            .shard
            .turn(move |turn| Page::read(turn, &organization, &filter, &place, size, &query))
            .await?;
        let viewed = page.integrations.iter().map(|told| integration::viewed(told, view));
        let integrations: Result<Vec<_>, _> = viewed.collect();
        Ok(v1::ListIntegrationsResponse {
            integrations: integrations.map_err(ServiceError::internal)?,
            next_page_token: page.next.unwrap_or_default(),
        })
    }
}

/// A page of integrations, and the token of the next one; `None` after the last page.
struct Page {
    integrations: Vec<Told>,
    next: Option<String>,
}

impl Page {
    fn read(
        turn: &Turn<'_>,
        organization: &OrganizationId,
        filter: &IntegrationFilter,
        place: &Place,
        size: usize,
        query: &Query,
    ) -> Self {
        let (state, now) = (turn.state(), turn.now());
        let mut conditions = Conditions::new(state, now);
        let mut told = |one| told_with(&mut conditions, state, one, now);
        let found = |id| state.of(organization).integration(id);
        if let Some(display_name) = filter.display_name() {
            // There is at most one, and the index knows it, so there is no second page.
            let named = state.index().named(organization, display_name).and_then(found);
            let taken = named.filter(|named| filter.takes(named));
            return Self {
                integrations: taken.map(&mut told).into_iter().collect(),
                next: None,
            };
        }
        let mut integrations = Vec::new();
        let mut last: Option<&Integration> = None;
        let mut bytes = 0;
        let mut later = place.walk(state, organization, filter.status()).filter_map(found);
        for one in later.by_ref().take(PAGE_SIZE_MAX) {
            last = Some(one);
            if filter.takes(one) {
                bytes += one.definition.configuration.as_str().len();
                integrations.push(told(one));
            }
            if integrations.len() >= size || bytes > PAGE_BYTES_MAX {
                break;
            }
        }
        let more = later.next().is_some();
        let last = last.filter(|_| more);
        Self {
            integrations,
            next: last.map(|last| place.token_behind(query, (last.id, last.definition.display_name.as_str()))),
        }
    }
}
