//! What was found is told for a while, and looked anew by one at a time.

use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::time::{advance, sleep};

use super::*;

/// Looks that take so long, and count themselves by what they find.
struct Looks {
    made: AtomicU64,
    take: Duration,
}

impl Looks {
    fn that_take(take: Duration) -> Self {
        Self {
            made: AtomicU64::new(0),
            take,
        }
    }

    /// The number of the look that is told.
    async fn told(&self, kept: &Kept) -> u64 {
        let look = async || {
            sleep(self.take).await;
            let active_count = self.made.fetch_add(1, Ordering::Relaxed) + 1;
            Ok::<_, Infallible>(Seen {
                active_count,
                listed: None,
            })
        };
        kept.get(look).await.expect("it never fails").active_count
    }
}

fn organization(name: &str) -> OrganizationId {
    OrganizationId::new(name).expect("a name")
}

fn one(number: u128, name: &str) -> One {
    One {
        id: IntegrationId(number),
        name: name.into(),
        is_active: number.is_multiple_of(2),
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_found_is_told_for_five_seconds() {
    let (kept, looks) = (Kept::default(), Looks::that_take(Duration::ZERO));
    assert_eq!(looks.told(&kept).await, 1);
    advance(Duration::from_millis(4_990)).await;
    assert_eq!(looks.told(&kept).await, 1);
    advance(Duration::from_millis(10)).await;
    assert_eq!(looks.told(&kept).await, 2);
}

#[tokio::test(start_paused = true)]
async fn what_takes_long_is_told_for_longer() {
    let (kept, looks) = (Kept::default(), Looks::that_take(Duration::from_secs(2)));
    assert_eq!(looks.told(&kept).await, 1);
    advance(Duration::from_secs(37)).await;
    assert_eq!(looks.told(&kept).await, 1, "39 s after it began");
    advance(Duration::from_secs(1)).await;
    assert_eq!(looks.told(&kept).await, 2, "20 times as long as it took");
}

#[tokio::test(start_paused = true)]
async fn one_looks_and_the_others_wait_or_get_what_was_before() {
    let (kept, looks) = (Kept::default(), Looks::that_take(Duration::from_secs(1)));
    let told = tokio::join!(looks.told(&kept), looks.told(&kept), looks.told(&kept));
    assert_eq!(told, (1, 1, 1), "there was nothing before");
    advance(Duration::from_secs(25)).await;
    let told = tokio::join!(looks.told(&kept), looks.told(&kept));
    assert_eq!(told, (2, 1), "the other does not wait");
    advance(Duration::from_secs(60)).await;
    let told = tokio::join!(looks.told(&kept), looks.told(&kept));
    assert_eq!(told, (3, 3), "what was before is overdue");
}

#[tokio::test(start_paused = true)]
async fn whoever_gives_up_leaves_the_look_to_the_next() {
    let (kept, looks) = (Kept::default(), Looks::that_take(Duration::from_secs(1)));
    let given_up = tokio::time::timeout(Duration::from_millis(500), looks.told(&kept)).await;
    assert!(given_up.is_err());
    assert_eq!(looks.told(&kept).await, 1);
}

#[tokio::test(start_paused = true)]
async fn who_is_not_asked_for_is_forgotten() {
    let attention = Attention::default();
    let (first, looks) = (
        attention.of(&organization("first")),
        Looks::that_take(Duration::from_secs(1)),
    );
    looks.told(&first).await;
    attention.of(&organization("second"));
    advance(Duration::from_secs(599)).await;
    assert!(Arc::ptr_eq(&first, &attention.of(&organization("first"))));
    advance(Duration::from_secs(1)).await;
    attention.of(&organization("third"));
    let known = attention.0.lock().unwrap();
    let mut known: Vec<_> = known.keys().map(OrganizationId::as_str).collect();
    known.sort_unstable();
    assert_eq!(known, ["first", "third"]);
}

#[test]
fn too_many_are_counted_and_not_listed() {
    let ones = |numbers: std::ops::Range<u128>| numbers.map(|number| one(number, "n")).collect::<Vec<_>>();
    let most = LISTED_MAX as u128;
    let mut found = Found::default();
    found.add(ones(0..most));
    found.add(ones(most..2 * most));
    assert_eq!(
        found.names.len(),
        LISTED_MAX + 1,
        "no more are kept than it takes to know"
    );
    let seen = found.seen();
    assert_eq!(seen.active_count, LISTED_MAX as u64);
    assert!(seen.listed.is_none());
    let mut found = Found::default();
    found.add(ones(0..most));
    assert!(found.seen().listed.is_some_and(|listed| listed.ids.len() == LISTED_MAX));
}

#[test]
fn those_that_are_listed_come_in_each_order_from_anywhere() {
    let mut found = Found::default();
    found.add(vec![one(1, "zürich"), one(2, "basel"), one(5, "genève")]);
    let listed = found.seen().listed.expect("they are few");
    let id = |number| Some(IntegrationId(number));
    let numbers = |ids: Vec<IntegrationId>| ids.into_iter().map(|id| id.0).collect::<Vec<_>>();
    assert_eq!(numbers(listed.after(None).collect()), [1, 2, 5]);
    assert_eq!(numbers(listed.after(id(2)).collect()), [5]);
    assert_eq!(numbers(listed.before(None).collect()), [5, 2, 1]);
    assert_eq!(numbers(listed.before(id(4)).collect()), [2, 1]);
    let names = |after| listed.by_name(after).map(|(name, _)| name).collect::<Vec<_>>();
    assert_eq!(names(None), ["basel", "genève", "zürich"]);
    assert_eq!(names(Some("basel")), ["genève", "zürich"]);
    assert_eq!(names(Some("c")), ["genève", "zürich"]);
}
