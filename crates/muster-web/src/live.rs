//! Views that stay true while somebody looks at them.
//!
//! Whoever has a page open holds a stream of server-sent events. As long as it is held, the view is made anew every now and then, just as it was made for
//! the page, and what has changed in it is sent. So nothing of what is live has rules of its own: what a reload would show is what is there. How often
//! depends on how many look: all of them together take a bounded part of the machine.

use std::collections::HashMap;
use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use axum::Extension;
use axum::extract::{Query, State};
use axum::response::sse::{Event, Sse};
use axum::response::{IntoResponse as _, Response};
use futures_util::future::BoxFuture;
use futures_util::{FutureExt as _, Stream, stream};
use http::Uri;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep, sleep_until};

use crate::Web;
use crate::assets;
use crate::fault::Fault;
use crate::gate::Visitor;
use crate::limit::within;
use crate::place;
use crate::view::{Mark, Region, View};

/// How often a view is made anew when few look.
const EVERY: Duration = Duration::from_millis(1_000);

/// How much of the time the making of one view may take of everybody's: of a thousand pages each is made anew every 8 s.
const EVERY_PER_PAGE: Duration = Duration::from_millis(8);

/// How often a page hears that its stream goes on when it hears nothing else. Its script takes a longer silence of 25 s for a lost connection.
const BEAT_EVERY: Duration = Duration::from_secs(10);

/// How many pages are open.
#[derive(Clone, Default)]
pub(crate) struct Audience(Arc<AtomicU32>);

/// One of them: it leaves when this is dropped.
struct Seat(Audience);

impl Audience {
    fn take(&self) -> Seat {
        self.0.fetch_add(1, Ordering::Relaxed);
        Seat(self.clone())
    }

    fn pause(&self) -> Duration {
        EVERY.max(EVERY_PER_PAGE * self.0.load(Ordering::Relaxed))
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        self.0.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Which page is open, and what it shows.
#[derive(Deserialize)]
pub(crate) struct Asked {
    /// Its address.
    at: String,
    /// The mark of the view that it shows.
    seen: String,
}

/// What has changed, as the page's script takes it.
#[derive(Default, Serialize)]
struct Changes<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    title: Option<&'a str>,
    /// Elements, by their ids.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    elements: Vec<(&'a str, &'a str)>,
    /// The ids of children, in their order, by the id of their list.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    orders: Vec<(&'a str, Vec<&'a str>)>,
}

impl Changes<'_> {
    fn is_empty(&self) -> bool {
        self.title.is_none() && self.elements.is_empty() && self.orders.is_empty()
    }
}

/// What a page was told.
#[derive(Default)]
struct Told {
    marks: HashMap<String, Mark>,
}

impl Told {
    /// What is new in a view, which then was told.
    fn changes<'a>(&mut self, view: &'a View) -> Changes<'a> {
        let mut changes = Changes::default();
        let before = std::mem::take(&mut self.marks);
        let mut is_new = |id: &str, text: &str| {
            let mark = Mark::of(text);
            self.marks.insert(id.to_owned(), mark);
            before.get(id) != Some(&mark)
        };
        // No element has this id.
        if is_new("", &view.title) {
            changes.title = Some(&view.title);
        }
        for region in &view.regions {
            match region {
                Region::One { id, html } => {
                    if is_new(id, &html.0) {
                        changes.elements.push((id, &html.0));
                    }
                }
                Region::List { id, items, .. } => {
                    let order: Vec<&str> = items.iter().map(|(id, _)| id.as_str()).collect();
                    if is_new(id, &order.join("\n")) {
                        changes.orders.push((id, order));
                    }
                    for (id, item) in items {
                        if is_new(id, &item.0) {
                            changes.elements.push((id, &item.0));
                        }
                    }
                }
            }
        }
        changes
    }
}

/// The stream of one page.
struct Watching {
    web: Web,
    visitor: Visitor,
    at: Uri,
    told: Told,
    /// The mark of what the page shows, until it is compared.
    seen: Option<String>,
    /// The next view, which is on its way.
    making: Making<Result<View, Fault>>,
    _seat: Seat,
}

/// Something that is made anew again and again, with beats between: one comes in time however long it takes to make, and how busy the machine may be.
struct Making<T> {
    /// What is being made: it goes on where a beat has come between.
    made: Option<BoxFuture<'static, T>>,
    /// When something was heard last.
    heard: Instant,
}

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
enum Next<T> {
    Made(T),
    Beat,
}

impl<T> Making<T> {
    /// Something was just heard, and nothing is being made yet.
    fn new() -> Self {
        Self {
            made: None,
            heard: Instant::now(),
        }
    }

    /// What was begun, or what `begin` begins; a beat where it takes too long.
    async fn next(&mut self, begin: impl FnOnce() -> BoxFuture<'static, T>) -> Next<T> {
        let made = self.made.get_or_insert_with(begin);
        let beat = self.heard + BEAT_EVERY;
        tokio::select! {
            biased;
            () = sleep_until(beat) => {
                self.heard();
                Next::Beat
            }
            made = made => {
                self.made = None;
                Next::Made(made)
            }
        }
    }

    /// Something is heard now, so a beat has time.
    fn heard(&mut self) {
        self.heard = Instant::now();
    }
}

/// The changes of one page, until it is closed.
pub(crate) async fn live(
    State(web): State<Web>,
    Extension(visitor): Extension<Visitor>,
    Query(asked): Query<Asked>,
) -> Result<Response, Fault> {
    let at: Uri = asked.at.parse().map_err(|_| Fault::NotFound)?;
    let seat = web.0.audience.take();
    let watching = Watching {
        web,
        visitor,
        at,
        told: Told::default(),
        seen: Some(asked.seen),
        making: Making::new(),
        _seat: seat,
    };
    // The first view before the stream: whoever may not see it gets no stream.
    let first = view(&watching.visitor, &watching.at).await?;
    Ok(Sse::new(events(watching, first)).into_response())
}

fn events(watching: Watching, first: View) -> impl Stream<Item = Result<Event, Infallible>> {
    stream::unfold((watching, Some(first)), |(mut watching, first)| async move {
        let event = match first {
            Some(first) => watching.begin(&first),
            None => watching.next().await?,
        };
        Some((Ok(event), (watching, None)))
    })
}

async fn view(visitor: &Visitor, at: &Uri) -> Result<View, Fault> {
    within(place::view(visitor, at)).await
}

impl Watching {
    /// What brings a page up to date that was made some time ago: mostly nothing.
    fn begin(&mut self, view: &View) -> Event {
        self.making.heard();
        let changes = self.told.changes(view);
        let is_seen = self
            .seen
            .take()
            .is_some_and(|seen| seen == Mark::of_view(view).to_string());
        if is_seen { beat() } else { event(&changes) }
    }

    /// The next event; `None` when there are no more.
    async fn next(&mut self) -> Option<Event> {
        loop {
            let (pause, visitor, at) = (self.web.0.audience.pause(), &self.visitor, &self.at);
            let begin = || {
                let (visitor, at) = (visitor.clone(), at.clone());
                async move {
                    sleep(pause).await;
                    view(&visitor, &at).await
                }
                .boxed()
            };
            let stop = &self.web.0.options.stop;
            let made = match stop.run_until_cancelled(self.making.next(begin)).await? {
                Next::Made(made) => made,
                Next::Beat => return Some(beat()),
            };
            let view = match made {
                Ok(view) => view,
                // What it showed is gone, or not to be seen any more; the page looks for itself.
                Err(fault) => {
                    tracing::debug!(at = %self.at, %fault, "a live page has ended");
                    return None;
                }
            };
            let changes = self.told.changes(&view);
            if !changes.is_empty() {
                self.making.heard();
                return Some(event(&changes));
            }
        }
    }
}

fn event(changes: &Changes<'_>) -> Event {
    let text = serde_json::to_string(changes).expect("texts and lists of them are JSON");
    Event::default().event("change").data(text)
}

/// Says that the stream goes on, and so that the page is as much up to date as it can be; and of which version its script should be.
fn beat() -> Event {
    Event::default().event("beat").data(assets::version())
}

#[cfg(test)]
mod tests {
    use futures_util::future::ready;
    use maud::html;

    use super::*;

    fn view(summary: &str, tiles: &[(&str, &str)]) -> View {
        let tiles = tiles
            .iter()
            .map(|(id, text)| ((*id).to_owned(), html! { li id=(id) { (text) } }));
        let regions = vec![
            Region::one("summary", html! { p id="summary" { (summary) } }),
            Region::list("tiles", ("ul", "tiles"), tiles.collect()),
        ];
        View {
            title: "t".to_owned(),
            body: html! { @for region in &regions { (region) } },
            regions,
        }
    }

    fn told(told: &mut Told, view: &View) -> String {
        serde_json::to_string(&told.changes(view)).expect("JSON")
    }

    #[test]
    fn only_what_has_changed_is_told() {
        let mut page = Told::default();
        let first = view("1", &[("a", "A"), ("b", "B")]);
        assert!(told(&mut page, &first).contains("orders"));
        assert_eq!(told(&mut page, &first), "{}");
        let changed = told(&mut page, &view("1", &[("a", "A"), ("b", "C")]));
        assert_eq!(changed, r#"{"elements":[["b","<li id=\"b\">C</li>"]]}"#);
        let moved = told(&mut page, &view("1", &[("b", "C"), ("a", "A")]));
        assert_eq!(moved, r#"{"orders":[["tiles",["b","a"]]]}"#);
        let gone = told(&mut page, &view("2", &[("a", "A")]));
        assert_eq!(
            gone,
            r#"{"elements":[["summary","<p id=\"summary\">2</p>"]],"orders":[["tiles",["a"]]]}"#
        );
        let back = told(&mut page, &view("2", &[("a", "A"), ("b", "C")]));
        assert!(back.contains("<li id"), "what had gone is told anew: {back}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_beat_comes_in_time_however_long_a_view_takes() {
        let begun = Instant::now();
        let after = || begun.elapsed().as_secs();
        let (mut making, mut count) = (Making::new(), 0);
        let mut slow = || {
            count += 1;
            let number = count;
            sleep(Duration::from_secs(27)).map(move |()| number).boxed()
        };
        assert_eq!((making.next(&mut slow).await, after()), (Next::Beat, 10));
        assert_eq!((making.next(&mut slow).await, after()), (Next::Beat, 20));
        assert_eq!(
            (making.next(&mut slow).await, after()),
            (Next::Made(1), 27),
            "it was not begun anew"
        );
        assert_eq!(
            (making.next(&mut slow).await, after()),
            (Next::Beat, 30),
            "nothing was told of it"
        );
        assert_eq!((making.next(&mut slow).await, after()), (Next::Beat, 40));
        assert_eq!((making.next(&mut slow).await, after()), (Next::Beat, 50));
        assert_eq!((making.next(&mut slow).await, after()), (Next::Made(2), 54));
        // What is told needs no beat beside it.
        making.heard();
        assert_eq!((making.next(&mut slow).await, after()), (Next::Beat, 64));
    }

    #[tokio::test(start_paused = true)]
    async fn a_beat_comes_although_a_view_is_always_there_at_once() {
        let mut making = Making::new();
        let mut made = 0;
        while made < 20 && making.next(|| ready(()).boxed()).await == Next::Made(()) {
            made += 1;
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        assert_eq!(made, 10);
    }
}
