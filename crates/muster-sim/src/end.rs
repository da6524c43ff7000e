//! The end of a world: every fault is healed, and then everything has to end.

use crate::agenda::Millis;
use crate::coordinator::Ends;
use crate::operator::Said;
use crate::spec::Where;
use crate::trace::{broken, say};
use crate::world::{Due, World};

/// Within how much virtual time all that is open when everything is healed has to end: leases, back-offs and the longest work, one after the other.
const ENDS_WITHIN: Millis = 30 * 60 * 1_000;

/// How long a world goes on after that, so that what comes new is seen too.
const GOES_ON: Millis = 5 * 60 * 1_000;

/// How many hours each mail gets for its next try, which is at most an hour after the last, when the mail server is there.
const HOURS_OF_MAIL: u32 = 3;

impl World {
    /// Everything that was wrong is put right.
    fn heal(&mut self) {
        say!(self, "EVERYTHING IS HEALED");
        self.healed = true;
        self.agenda.forget(Due::Fault);
        self.disk.heal();
        self.place.fail(0);
        self.landing_slow = false;
        self.mail.down_until = 0;
        self.paused_until = 0;
        let newest = self.coordinator_now().map_or(self.last_stamp, |now| now.stamp);
        self.clock.set_right_after(self.now, newest);
        self.wake(Due::Start, 1_000);
        self.update_runners();
        for which in 0..self.runners.len() {
            let runner = &mut self.runners[which];
            runner.cut_off_until = 0;
            runner.disk_full = false;
            if runner.paused_until > self.now {
                runner.paused_until = self.now;
            }
            if !runner.gone {
                self.wake(Due::Boot(which), 1_000);
                self.wake(Due::Runner(which), 1_000);
            }
        }
        for (organization, pool) in [
            (Some("acme"), "hq"),
            (Some("acme"), "lab"),
            (Some("globex"), "hq"),
            (None, "hosted"),
        ] {
            // One with each key.
            self.hire_able(organization, pool);
            self.hire_able(organization, pool);
        }
    }

    /// Lets everything end.
    pub(crate) fn end(&mut self) {
        self.heal();
        let open: Vec<_> = self.spec.open_executions().collect();
        let until = self.now + ENDS_WITHIN;
        loop {
            let rests = self.resume_all();
            self.run_until(self.now + 10_000);
            if rests && self.now < until {
                continue;
            }
            let left = open
                .iter()
                .find(|id| self.spec.executions.get(*id).is_some_and(|one| one.stands.is_open()));
            let spooled = self
                .runners
                .iter()
                .find(|runner| !runner.gone && !runner.spool.is_empty());
            match (left, spooled) {
                (None, None) => break,
                (Some(id), _) if self.now >= until => {
                    broken!("{id} does not end: {:?}", self.spec.executions[id]);
                }
                (_, Some(runner)) if self.now >= until => {
                    broken!("{} is not rid of its results: {:?}", runner.name, runner.spool.keys());
                }
                _ => {}
            }
        }
        say!(self, "all that was open has ended");
        self.run_until(self.now + GOES_ON);
        self.stop_everything();
        self.check_end();
    }

    /// Nobody wants anything more.
    fn stop_everything(&mut self) {
        self.operators.quiet = true;
        let there: Vec<_> = self.spec.integrations.iter().filter(|(_, one)| !one.deleted).collect();
        let all: Vec<_> = there
            .into_iter()
            .map(|(id, one)| (*id, one.organization.clone()))
            .collect();
        for (integration, organization) in all {
            let by = crate::operator::principal(&organization);
            let disable = muster_core::decide::integration::disable::Disable {
                organization,
                integration,
            };
            self.say(Said::Ask(
                by,
                Box::new(muster_core::decide::Command::DisableIntegration(disable)),
            ));
        }
        let until = self.now + ENDS_WITHIN;
        while self.spec.open_count() > 0 || self.runners.iter().any(|one| !one.gone && !one.spool.is_empty()) {
            if self.now >= until {
                let left = self.spec.open_executions().next();
                broken!("{left:?} does not end although nobody wants it");
            }
            self.run_until(self.now + 10_000);
        }
        // What is told last, and what the keeper does behind it.
        self.run_until(self.now + 60_000);
        self.empty_outbox();
    }

    /// Whoever is to be told hears of it, or never will; and a month later nobody remembers.
    fn empty_outbox(&mut self) {
        for _ in 0..HOURS_OF_MAIL {
            if self.spec.outbox_len() == 0 {
                break;
            }
            self.clock.step(3_600_000);
            // The notifier sleeps for a minute at most.
            self.run_until(self.now + 90_000);
        }
        let left = self.spec.outbox_len();
        if left > 0 {
            broken!("{left} mails are neither sent nor dead, and the mail server is there");
        }
        self.check_sent();
        self.clock.step(31 * 24 * 3_600_000);
        self.run_until(self.now + 60_000);
        if let Some((id, one)) = self.spec.incidents.iter().find(|(_, one)| !one.forgotten) {
            broken!("{id} is over for a month, and there: {one:?}");
        }
    }

    fn check_end(&mut self) {
        self.check_nobody_waits();
        self.check_landed();
        self.check_facts();
        // A last cut of the power: nothing is lost by it, and the next start sweeps what is left of failed attempts.
        self.crash_coordinator(Ends::Lost, 0);
        self.run_until(self.now + 60_000);
        self.run_until(self.now + 60_000);
        let journal = self.journal.last().map(|(sequence, _)| *sequence);
        if self.coordinator.is_none() {
            broken!("the coordinator has not started again: its journal ends at {journal:?}");
        }
        self.check_landed();
        let left = self.place.paths(".staging/");
        if let Some(file) = left.first() {
            broken!("{file} is still staged, and nobody wants it");
        }
        for (id, one) in &self.spec.executions {
            if one.stands.is_open() {
                broken!("{id} is {:?} at the end", one.stands);
            }
        }
        self.check_history();
        if let Some(coordinator) = self.coordinator.take() {
            let reading = self.clock.read(self.now);
            if let Err(error) = coordinator.shard.close(reading) {
                broken!("the shutdown fails: {error}");
            }
        }
        self.start_coordinator();
        self.check_audit();
    }

    /// History has every execution that has ended, as it has ended.
    fn check_history(&mut self) {
        let Some(coordinator) = &self.coordinator else { return };
        let store = coordinator.store.clone();
        for (id, one) in &self.spec.executions {
            let found = store.find_finished(*id);
            let wanted = match one.stands {
                Where::Completed => muster_core::words::ExecutionStatus::Completed,
                _ => muster_core::words::ExecutionStatus::Error,
            };
            match found {
                Ok(Some(found)) if found.status() == wanted && found.failures == one.failures => {}
                Ok(found) => broken!("history has {found:?} of {id}, and it ended as {one:?}"),
                Err(error) => broken!("history cannot be read: {error}"),
            }
        }
    }
}
