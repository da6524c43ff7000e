//! Lists of integrations, by the ordered indices that there are.

use muster_core::health::Conditions;
use muster_core::state::State;
use muster_core::words::{ConfigurationStatus, IntegrationId, OrganizationId};
use muster_proto::v1;
use muster_shard::Turn;

use super::attention::Listed;
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

    /// The token of the page that begins behind this integration, which the list has by this name.
    fn token_behind(&self, query: &Query, (name, last): (&str, IntegrationId)) -> String {
        match self {
            Self::After(_) | Self::Before(_) => query.token(&last),
            Self::AfterName(_) => query.token(&name.to_owned()),
        }
    }

    /// Those from there on, each with the name by which the list is ordered, or none: of one status only, where an index has these in that order.
    fn walk<'a>(
        &'a self,
        state: &'a State,
        organization: &'a OrganizationId,
        status: Option<ConfigurationStatus>,
    ) -> Walk<'a> {
        let index = state.index();
        match self {
            Self::After(last) => match status {
                Some(status) => unnamed(index.integrations_with(organization, status, *last)),
                None => unnamed(index.integrations_of(organization, *last)),
            },
            Self::Before(last) => unnamed(index.integrations_before(organization, *last)),
            Self::AfterName(last) => Box::new(index.integrations_by_name(organization, last.as_deref())),
        }
    }

    /// Those of these from there on.
    fn walk_listed<'a>(&'a self, listed: &'a Listed) -> Walk<'a> {
        match self {
            Self::After(last) => unnamed(listed.after(*last)),
            Self::Before(last) => unnamed(listed.before(*last)),
            Self::AfterName(last) => Box::new(listed.by_name(last.as_deref())),
        }
    }
}

type Walk<'a> = Box<dyn Iterator<Item = (&'a str, IntegrationId)> + 'a>;

fn unnamed<'a>(ids: impl Iterator<Item = IntegrationId> + 'a) -> Walk<'a> {
    Box::new(ids.map(|id| ("", id)))
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
        let seen = match filter.wants_attention() && filter.display_name().is_none() {
            true => Some(self.attention_of(&organization).await?),
            false => None,
        };
        let page = self.shard.turn(move |turn| {
            let listed = seen.as_ref().and_then(|seen| seen.listed.as_ref());
            Page::read(turn, &organization, (&filter, listed), &place, size, &query)
        });
        let page = page.await?;
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
    /// Of those that the filter takes; where they are `listed`, these alone may be taken.
    fn read(
        turn: &Turn<'_>,
        organization: &OrganizationId,
        (filter, listed): (&IntegrationFilter, Option<&Listed>),
        place: &Place,
        size: usize,
        query: &Query,
    ) -> Self {
        let (state, now) = (turn.state(), turn.now());
        let mut conditions = Conditions::new(state, now);
        let found = |id| state.of(organization).integration(id);
        if let Some(display_name) = filter.display_name() {
            // There is at most one, and the index knows it, so there is no second page.
            let named = state.index().named(organization, display_name).and_then(found);
            let taken = named.filter(|named| filter.takes(named, &mut conditions));
            let told = taken.map(|one| told_with(&mut conditions, state, one, now));
            return Self {
                integrations: told.into_iter().collect(),
                next: None,
            };
        }
        let mut integrations = Vec::new();
        let mut last = None;
        let mut bytes = 0;
        let mut later = match listed {
            Some(listed) => place.walk_listed(listed),
            None => place.walk(state, organization, filter.status()),
        };
        for (name, id) in later.by_ref().take(PAGE_SIZE_MAX) {
            last = Some((name, id));
            // One that was listed may have been deleted.
            let Some(one) = found(id) else { continue };
            if filter.takes(one, &mut conditions) {
                bytes += one.definition.configuration.as_str().len();
                integrations.push(told_with(&mut conditions, state, one, now));
            }
            if integrations.len() >= size || bytes > PAGE_BYTES_MAX {
                break;
            }
        }
        let more = later.next().is_some();
        let last = last.filter(|_| more);
        Self {
            integrations,
            next: last.map(|last| place.token_behind(query, last)),
        }
    }
}
