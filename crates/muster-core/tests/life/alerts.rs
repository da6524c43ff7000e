//! When people hear of an integration's errors, and when they do not.

use std::time::Duration;

use muster_core::decide::Command;
use muster_core::decide::execution::{fail, run_now};
use muster_core::decide::incident::deliver::Tried;
use muster_core::decide::integration::{create, delete, disable, enable, update};
use muster_core::entity::{Closing, Delivery, DeliveryState, Evidence, Incident, Notice, NoticeKind, RateEvidence};
use muster_core::health::Window;
use muster_core::words::{Category, Failure, IntegrationId, Notifications, Percent, Principal};

use crate::model::{Model, definition, finish, intervals, organization};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);

/// What a person does to the integration.
type Way<'a> = &'a dyn Fn(&mut Source);

/// One integration that collects once in a while, a runner, and time enough in between.
struct Source {
    model: Model,
    integration: IntegrationId,
    notifications: Notifications,
}

impl Source {
    fn new(change: impl FnOnce(&mut Notifications)) -> Self {
        let mut definition = definition(9);
        definition.notifications = Notifications {
            enabled: true,
            recipients: definition.notifications.recipients,
            ..Notifications::default()
        };
        change(&mut definition.notifications);
        definition.notifications.judge().expect("they fit");
        let notifications = definition.notifications.clone();
        let mut model = Model::new(7);
        model.check_in(0, false);
        model.create(create::Create {
            organization: organization(),
            definition,
            intervals: intervals(1, 1_000),
            draft: true,
            request: None,
        });
        let integration = model.state.everywhere().integrations().next().expect("it is there").id;
        let mut source = Self {
            model,
            integration,
            notifications,
        };
        // A draft that is activated collects at once; what is under test begins after that.
        source.ask(Command::EnableIntegration(enable::Enable {
            organization: organization(),
            integration,
        }));
        source.end(false);
        source.pass(Window::LENGTH);
        source
    }

    fn ask(&mut self, command: Command) {
        self.model.ask(&Principal::local(), command).expect("it is allowed");
        self.model.tick();
    }

    fn pass(&mut self, span: Duration) {
        self.model.pass(span);
        self.model.tick();
        self.model.check_in(0, false);
        while self.model.state.everywhere().executions().next().is_some() {
            // The schedule is not what is under test: what it creates does not count.
            let execution = self
                .model
                .state
                .everywhere()
                .executions()
                .next()
                .expect("one is open")
                .id;
            self.ask(Command::Cancel(muster_core::decide::execution::cancel::Cancel {
                organization: organization(),
                execution,
                reason: None,
            }));
        }
    }

    /// What is open ends.
    fn end(&mut self, fails: bool) {
        self.model.dispatch();
        let work = *self.model.runners[0].work.iter().next().expect("it has work");
        self.model.report(
            0,
            work,
            1,
            |report| {
                if fails {
                    let failure = Failure::new(Category::Permission, "the API answered 403");
                    Command::Fail(fail::Fail { report, failure })
                } else {
                    Command::Finish(finish(report, 0))
                }
            },
            true,
        );
        self.model.tick();
    }

    fn run(&mut self, fails: bool) {
        self.ask(Command::RunNow(run_now::RunNow {
            organization: organization(),
            integration: self.integration,
            data_types: Vec::new(),
        }));
        self.end(fails);
    }

    fn run_many(&mut self, failed: u32, completed: u32) {
        for fails in (0..completed).map(|_| false).chain((0..failed).map(|_| true)) {
            self.run(fails);
        }
    }

    fn change(&mut self, change: impl FnOnce(&mut Notifications)) {
        change(&mut self.notifications);
        let mut definition = definition(9);
        definition.notifications = self.notifications.clone();
        self.ask(Command::UpdateIntegration(update::Update {
            organization: organization(),
            integration: self.integration,
            definition,
            intervals: intervals(1, 1_000),
            version: None,
        }));
    }

    /// The error rate in hundredths of a percent.
    fn rate(&self) -> Option<u32> {
        self.rate_within(Window::LENGTH)
    }

    fn rate_within(&self, span: Duration) -> Option<u32> {
        let integration = self
            .model
            .state
            .everywhere()
            .integration(self.integration)
            .expect("it is there");
        integration.window.tally(self.model.now.stamp, span).hundredths()
    }

    fn incidents(&self) -> Vec<&Incident> {
        self.model.state.everywhere().incidents().collect()
    }

    /// The kinds of all notices, of all incidents.
    fn told(&self) -> Vec<NoticeKind> {
        let incidents = self.model.state.everywhere().incidents();
        incidents
            .flat_map(|one| &one.notices)
            .map(|notice| notice.kind)
            .collect()
    }

    fn closing(&self) -> Option<Closing> {
        self.incidents()
            .last()
            .and_then(|one| one.closed)
            .map(|closed| closed.closing)
    }

    fn deliveries(&self) -> Vec<&Delivery> {
        let incidents = self.model.state.everywhere().incidents();
        incidents
            .flat_map(|one| &one.notices)
            .flat_map(|notice| &notice.deliveries)
            .collect()
    }
}

fn rate(notice: &Notice) -> &RateEvidence {
    match &notice.evidence {
        Evidence::ErrorRate(rate) => rate,
        other => panic!("it is no integration's: {other:?}"),
    }
}

use NoticeKind::{Closed, Opened, Reminder};

#[test]
fn an_incident_opens_at_the_threshold_and_not_before() {
    let mut source = Source::new(|_| ());
    source.run_many(2, 5);
    assert_eq!(source.told(), [], "2 of 7 are 28.6 %");
    source.run(true);
    assert_eq!(source.told(), [Opened], "3 of 8 are 37.5 %");

    // 29.9 % is less than 30 %, by one execution of a thousand.
    let mut source = Source::new(|settings| settings.sample_min = 1_000);
    source.run_many(299, 700);
    source.run(false);
    assert_eq!(source.told(), [], "299 of 1000 are 29.9 %");
    source.run(true);
    assert_eq!(source.told(), [], "300 of 1001 are 29.97 %");
    source.run(true);
    let [incident] = source.incidents()[..] else {
        panic!("301 of 1002 are 30.04 %")
    };
    let notice = &incident.notices[0];
    assert_eq!(rate(notice).tally.to_string(), "301 of 1002 failed = 30.03 %");
    assert_eq!(rate(notice).errors[0].failure.message, "the API answered 403");
    assert_eq!(notice.deliveries.len(), 2);
}

#[test]
fn exactly_at_the_threshold_it_opens() {
    let mut source = Source::new(|settings| settings.sample_min = 10);
    source.run_many(3, 6);
    assert_eq!(source.told(), [], "a sample of 9 says nothing yet");
    source.run(false);
    assert_eq!(source.told(), [Opened], "3 of 10 are 30 %");
}

#[test]
fn a_rate_that_swings_between_recovery_and_threshold_is_told_once() {
    let mut source = Source::new(|settings| settings.sample_min = 4);
    source.run_many(2, 3);
    assert_eq!(source.told(), [Opened]);
    for _ in 0..6 {
        // Between 25 % and 35 %.
        while source.rate() > Some(2_500) {
            source.run(false);
        }
        while source.rate() < Some(3_500) {
            source.run(true);
        }
    }
    assert_eq!(source.told(), [Opened], "no mails that flap");
    while source.closing().is_none() {
        source.run(false);
    }
    assert_eq!(source.told(), [Opened, Closed]);
    let closed = rate(&source.incidents()[0].notices[1]).tally.hundredths();
    assert!(closed < Some(2_000), "it closes below 20 %: {closed:?}");
    assert_eq!(source.closing(), Some(Closing::Recovered));
}

#[test]
fn it_opens_and_closes_as_ends_slide_out_with_nothing_else_happening() {
    let mut source = Source::new(|_| ());
    source.run_many(0, 4);
    source.pass(HOUR);
    source.run(true);
    assert_eq!(source.told(), [], "1 of 5 are 20 %");
    source.pass(Window::LENGTH - HOUR);
    assert_eq!(source.told(), [Opened], "the good ends have slid out: 1 of 1");
    assert_eq!(source.incidents()[0].opened, source.model.now.stamp);
    // With the last failure nothing is left that speaks for or against it, so it stays open until something is known.
    source.pass(2 * HOUR);
    assert_eq!(source.told(), [Opened]);
    source.run(false);
    assert_eq!(source.told(), [Opened, Closed]);
}

#[test]
fn a_threshold_that_was_left_while_nobody_looked_has_not_held() {
    let mut source = Source::new(|settings| {
        settings.threshold = Percent::from_hundredths(6_000).expect("a share");
        settings.window = HOUR;
        settings.hold = HOUR + MINUTE + MINUTE / 2;
    });
    for fails in [true, true, false, true] {
        source.run(fails);
        source.pass(MINUTE);
    }
    // When both older failures have slid out 1 of 2 is left, less than 60 %; a minute later it is 1 of 1.
    source.pass(58 * MINUTE + MINUTE / 2);
    assert_eq!(source.rate_within(HOUR), Some(10_000));
    assert_eq!(source.told(), [], "it is reached for half a minute only");
}

#[test]
fn it_has_to_hold_if_that_is_asked_for() {
    let mut source = Source::new(|settings| settings.hold = 10 * MINUTE);
    source.run(true);
    source.pass(9 * MINUTE);
    source.run_many(0, 3);
    source.pass(9 * MINUTE);
    assert_eq!(source.told(), [], "it did not hold");
    source.run(true);
    source.pass(10 * MINUTE - Duration::from_millis(1));
    assert_eq!(source.told(), []);
    source.pass(Duration::from_millis(1));
    assert_eq!(source.told(), [Opened]);
}

#[test]
fn an_open_incident_is_told_again_once_a_day() {
    let mut source = Source::new(|_| ());
    source.run(true);
    for _ in 0..5 {
        source.pass(12 * HOUR);
        source.run(true);
    }
    assert_eq!(source.told(), [Opened, Reminder, Reminder]);
    source.change(|settings| settings.reminder = None);
    source.pass(90 * HOUR);
    assert_eq!(source.told().len(), 3);
}

#[test]
fn what_a_person_switches_off_is_over() {
    let off = |source: &mut Source| {
        let (organization, integration) = (organization(), source.integration);
        source.ask(Command::DisableIntegration(disable::Disable {
            organization,
            integration,
        }));
    };
    let delete = |source: &mut Source| {
        let (organization, integration) = (organization(), source.integration);
        source.ask(Command::DeleteIntegration(delete::Delete {
            organization,
            integration,
            version: None,
        }));
    };
    let mute = |source: &mut Source| source.change(|settings| settings.enabled = false);
    let raise = |source: &mut Source| source.change(|settings| settings.recovery = Some(Percent::THIRTY));
    let ways: [(Way, Option<Closing>, usize); 4] = [
        (&off, Some(Closing::Disabled), 4),
        (&delete, Some(Closing::Deleted), 4),
        (&mute, Some(Closing::Muted), 2),
        (&raise, None, 2),
    ];
    for (way, closing, deliveries) in ways {
        let mut source = Source::new(|_| ());
        source.run(true);
        way(&mut source);
        assert_eq!(source.closing(), closing);
        assert_eq!(source.deliveries().len(), deliveries, "{closing:?}");
        source.model.assert_replay();
    }
}

#[test]
fn a_letter_that_nobody_takes_is_dead_after_a_day_and_a_refused_one_at_once() {
    let mut source = Source::new(|settings| settings.reminder = None);
    source.run(true);
    assert!(source.model.mail(Tried::Refused, 2));
    let dead = |source: &Source| {
        source
            .deliveries()
            .iter()
            .filter(|one| matches!(one.state, DeliveryState::Dead { .. }))
            .count()
    };
    assert_eq!(dead(&source), 1);
    let mut tries = 0;
    while dead(&source) < 2 {
        tries += u32::from(source.model.mail(Tried::Deferred, 1));
        source.model.pass(10 * MINUTE);
    }
    assert!((24..40).contains(&tries), "less and less often, and for a day: {tries}");
    assert!(source.model.state.index().alerts().outbox().is_empty());
}

#[test]
fn an_incident_is_forgotten_a_month_after_its_end() {
    let mut source = Source::new(|settings| settings.reminder = None);
    source.run(true);
    source.run_many(0, 5);
    assert_eq!(source.told(), [Opened, Closed]);
    source.pass(31 * 24 * HOUR);
    assert_eq!(source.incidents().len(), 1, "somebody waits to be told of it");
    while source.model.mail(Tried::Accepted, 1) {}
    source.model.tick();
    assert_eq!(source.incidents().len(), 0);
    source.model.assert_replay();
}
