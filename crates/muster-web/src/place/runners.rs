//! The runners of an organization by their pools: who has checked in, and what they do.

pub(crate) mod add;
pub(crate) mod commands;
pub(crate) mod enrollment;
mod row;
mod tokens;

use std::collections::{BTreeMap, HashMap};

use maud::{Markup, html};
use muster_proto::v1::{
    Execution, ListExecutionsRequest, ListRunnersRequest, ListRunnersResponse, Runner, RunnerStatus,
};

use super::Here;
use crate::fault::Fault;
use crate::view::{Region, View};
use crate::words::{counted, now};

/// How many runners a page has.
const PAGE: i32 = 500;

/// How many calls it takes at most to count them, each a page of the API's most: beyond that they are told as more than so many.
const CALLS_MAX: usize = 5;
const API_PAGE: i32 = 1_000;

/// How many executions that go on are known by what they collect; others by their id.
const EXECUTIONS: i32 = 1_000;

/// The pool of the service's own runners.
pub(crate) const HOSTED: &str = "hosted";

/// The page.
pub(super) async fn view(here: &Here) -> Result<View, Fault> {
    let ((all, page), tokens) = tokio::try_join!(read(here), tokens::open(here))?;
    let (runners, next) = page;
    let is_idle = runners.iter().all(|runner| runner.executions.is_empty());
    let running = if is_idle { HashMap::new() } else { running(here).await? };
    let now = now();
    let pools = by_pool(&runners);
    let mut items = Vec::new();
    for (pool, runners) in &pools {
        items.push((format!("pool-{pool}"), row::pool(pool, all.of(pool))));
        items.extend(runners.iter().map(|runner| row::runner(here, runner, &running, &now)));
    }
    let is_empty = runners.is_empty();
    let chips = Region::one("chips", chips(here, &all));
    let list = Region::list("rows", ("tbody", ""), items);
    let rest = Region::one("rest", rest(here, &next, is_empty));
    let tokens = Region::one("tokens", tokens::section(here, tokens.as_deref(), &now));
    let body = html! {
        main #main {
            div.head {
                h1 { "Runners" }
                (chips)
                @if here.may_operate() { a.button.primary href=(here.path("runners/add")) { "Add runner" } }
            }
            table.cards.runners {
                thead { tr {
                    th scope="col" { "Runner" } th scope="col" { "Status" } th scope="col" { "Slots" } th scope="col" { "Runs" }
                    th scope="col" { "Connectors" } th scope="col" { "Version" } th scope="col" { "Clock" } th scope="col" { "Last heard" }
                } }
                (list)
            }
            (rest)
            (tokens)
        }
    };
    let title = match all.offline() {
        0 => "Runners".to_owned(),
        offline => format!("{offline} offline · Runners"),
    };
    Ok(View {
        title,
        body,
        regions: vec![chips, list, rest, tokens],
    })
}

/// How many runners there are, whichever of them are shown.
#[derive(Default)]
struct Counts {
    pools: HashMap<String, Count>,
    busy: u64,
    /// Of those that are online.
    slots: u64,
    /// Whether there are more that were not counted.
    more: bool,
}

/// How many runners a pool has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Count {
    all: usize,
    online: usize,
    /// Those that may not check in any more.
    revoked: usize,
    /// Whether it may have more that were not counted.
    more: bool,
}

impl Counts {
    fn add(&mut self, runners: &[Runner]) {
        for runner in runners {
            let pool = self.pools.entry(runner.pool.clone()).or_default();
            pool.all += 1;
            if runner.online {
                pool.online += 1;
                self.busy += u64::from(runner.busy_slots);
                self.slots += u64::from(runner.slots);
            } else if runner.status() == RunnerStatus::Revoked {
                pool.revoked += 1;
            }
        }
    }

    fn of(&self, pool: &str) -> Count {
        let known = self.pools.get(pool).copied().unwrap_or_default();
        Count {
            more: self.more,
            ..known
        }
    }

    fn all(&self) -> usize {
        self.pools.values().map(|pool| pool.all).sum()
    }

    fn online(&self) -> usize {
        self.pools.values().map(|pool| pool.online).sum()
    }

    fn revoked(&self) -> usize {
        self.pools.values().map(|pool| pool.revoked).sum()
    }

    fn offline(&self) -> usize {
        self.all() - self.online() - self.revoked()
    }
}

/// What runners are chosen by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Online,
    Offline,
    Revoked,
}

impl State {
    /// What an address says; `None` for all.
    fn of(word: &str) -> Option<Self> {
        [Self::Online, Self::Offline, Self::Revoked]
            .into_iter()
            .find(|state| state.word() == word)
    }

    fn word(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::Offline => "offline",
            Self::Revoked => "revoked",
        }
    }

    /// As the API is asked for them.
    fn filter(self) -> &'static str {
        match self {
            Self::Online => "online = true",
            Self::Offline => "online = false AND status != REVOKED",
            Self::Revoked => "status = REVOKED",
        }
    }

    fn is_in(runner: &Runner) -> Self {
        match (runner.online, runner.status()) {
            (true, _) => Self::Online,
            (false, RunnerStatus::Revoked) => Self::Revoked,
            (false, _) => Self::Offline,
        }
    }
}

/// All runners counted, and those of the page, with what leads to the next one.
async fn read(here: &Here) -> Result<(Counts, (Vec<Runner>, String)), Fault> {
    let mut all = Counts::default();
    let after = here.query.get("after");
    let state = State::of(here.query.get("state"));
    let filter = state.map_or("", State::filter);
    let first = list(here, PAGE, "", "").await?;
    all.add(&first.runners);
    let mut next = first.next_page_token.clone();
    for _ in 0..CALLS_MAX {
        if next.is_empty() {
            break;
        }
        let page = list(here, API_PAGE, "", &next).await?;
        all.add(&page.runners);
        next = page.next_page_token;
    }
    all.more = !next.is_empty();
    let page = match state {
        None if after.is_empty() => first,
        // All of them are here.
        Some(state) if first.next_page_token.is_empty() && after.is_empty() => {
            let runners = first.runners.into_iter().filter(|runner| State::is_in(runner) == state);
            ListRunnersResponse {
                runners: runners.collect(),
                ..ListRunnersResponse::default()
            }
        }
        _ => list(here, PAGE, filter, after).await?,
    };
    Ok((all, (page.runners, page.next_page_token)))
}

async fn list(here: &Here, size: i32, filter: &str, after: &str) -> Result<ListRunnersResponse, Fault> {
    let request = ListRunnersRequest {
        parent: here.organization.clone(),
        page_size: size,
        page_token: after.to_owned(),
        filter: filter.to_owned(),
        ..ListRunnersRequest::default()
    };
    Ok(here.api.runners().list_runners(request).await?.into_inner())
}

/// What goes on, by its name.
async fn running(here: &Here) -> Result<HashMap<String, Execution>, Fault> {
    let request = ListExecutionsRequest {
        parent: format!("{}/integrations/-", here.organization),
        page_size: EXECUTIONS,
        filter: "status = PENDING OR status = EXECUTING".to_owned(),
        ..ListExecutionsRequest::default()
    };
    let page = here.api.executions().list_executions(request).await?.into_inner();
    let named = page.executions.into_iter().map(|one| (one.name.clone(), one));
    Ok(named.collect())
}

/// The pools in the order of their names, the service's own last; in each what needs attention first.
fn by_pool(runners: &[Runner]) -> Vec<(&str, Vec<&Runner>)> {
    let mut pools: BTreeMap<(bool, &str), Vec<&Runner>> = BTreeMap::new();
    for runner in runners {
        pools
            .entry((runner.pool == HOSTED, &runner.pool))
            .or_default()
            .push(runner);
    }
    let mut pools: Vec<_> = pools.into_iter().map(|((_, pool), runners)| (pool, runners)).collect();
    for (_, runners) in &mut pools {
        runners.sort_by_cached_key(|runner| (rank(runner), runner.display_name.to_lowercase(), runner.name.clone()));
    }
    pools
}

fn rank(runner: &Runner) -> u8 {
    match runner.status() {
        RunnerStatus::TooOld | RunnerStatus::Excluded => 0,
        RunnerStatus::Ready | RunnerStatus::Busy | RunnerStatus::Draining => 1,
        RunnerStatus::Unknown | RunnerStatus::Unspecified => 2,
        RunnerStatus::Offline => 3,
        RunnerStatus::Revoked => 4,
    }
}

fn chips(here: &Here, all: &Counts) -> Markup {
    let chosen = here.query.get("state");
    let chip = |state: State, count: usize| {
        let (state, class) = (state.word(), if state == State::Online { "active" } else { "disabled" });
        let is_chosen = chosen == state;
        let to = here
            .query
            .with("state", if is_chosen { "" } else { state })
            .with("after", "");
        html! {
            a class={ "chip " (class) } href=(to.at(&here.path("runners"))) aria-current=[is_chosen.then_some("true")] {
                (crate::words::icon(class)) (count) @if all.more { "+" } " " (state)
            }
        }
    };
    html! {
        div #chips.chips {
            @if all.all() > 0 || !chosen.is_empty() {
                (chip(State::Online, all.online()))
                (chip(State::Offline, all.offline()))
                @if all.revoked() > 0 || chosen == State::Revoked.word() { (chip(State::Revoked, all.revoked())) }
                @if all.slots > 0 && !all.more { span.chip.counted { (all.busy) " of " (counted(all.slots, "slot")) " busy" } }
            }
        }
    }
}

fn rest(here: &Here, next: &str, is_empty: bool) -> Markup {
    let is_chosen = !here.query.get("state").is_empty();
    html! {
        div #rest {
            @if is_empty && is_chosen {
                div.empty { p { "No runner is like that." } a.button href=(here.path("runners")) { "Show all" } }
            } @else if is_empty && here.query.get("after").is_empty() {
                div.empty {
                    p { b { "No runner has checked in yet." } }
                    p { "A runner is the program that collects: it runs inside your network, where the sources are, and calls out to this coordinator by one connection. Nobody needs to reach it from here." }
                    @if here.may_operate() {
                        a.button.primary href=(here.path("runners/add")) { "Add runner" }
                    } @else {
                        p { "An operator or an admin adds one here." }
                    }
                }
            }
            (super::pages(&here.query, &here.path("runners"), next))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_counted_whichever_are_shown() {
        let runner = |pool: &str, online: bool, busy_slots: u32| Runner {
            pool: pool.to_owned(),
            online,
            busy_slots,
            slots: 4,
            ..Runner::default()
        };
        let mut all = Counts::default();
        all.add(&[runner("hq", true, 1), runner("hq", false, 2), runner("plant", false, 0)]);
        all.add(&[runner("hq", true, 3)]);
        let mut gone = runner("hq", false, 0);
        gone.set_status(RunnerStatus::Revoked);
        all.add(&[gone]);
        let count = |all, online, revoked| Count {
            all,
            online,
            revoked,
            more: false,
        };
        assert_eq!((all.of("hq"), all.of("plant")), (count(4, 2, 1), count(1, 0, 0)));
        assert_eq!(
            (all.online(), all.offline(), all.revoked()),
            (2, 2, 1),
            "one that was revoked is neither"
        );
        assert_eq!((all.busy, all.slots), (4, 8), "slots of those that are online");
        all.more = true;
        assert!(all.of("plant").more, "one that is online may be among the rest");
    }

    #[test]
    fn pools_stand_by_name_and_those_of_the_service_last() {
        let runner = |pool: &str, name: &str, status: RunnerStatus| Runner {
            pool: pool.to_owned(),
            display_name: name.to_owned(),
            status: status.into(),
            ..Runner::default()
        };
        let runners = [
            runner("hosted", "h", RunnerStatus::Ready),
            runner("plant", "a", RunnerStatus::Revoked),
            runner("plant", "b", RunnerStatus::Offline),
            runner("plant", "c", RunnerStatus::Busy),
            runner("plant", "d", RunnerStatus::TooOld),
            runner("zoo", "z", RunnerStatus::Ready),
        ];
        let pools = by_pool(&runners);
        let names: Vec<_> = pools
            .iter()
            .map(|(pool, runners)| {
                let names: Vec<_> = runners.iter().map(|runner| runner.display_name.as_str()).collect();
                (*pool, names.concat())
            })
            .collect();
        assert_eq!(
            names,
            [
                ("plant", "dcba".to_owned()),
                ("zoo", "z".to_owned()),
                ("hosted", "h".to_owned())
            ]
        );
    }
}
