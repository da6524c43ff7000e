//! The coordinator's core: commands are decided, applied and checked one by one.

use super::*;

impl World {
    pub(super) fn decide(&mut self, by: &Principal, command: Command) -> Result<Answer, Rejection> {
        let now = self.now();
        let Decision {
            events,
            roster,
            effects,
            answer,
        } = decide(&self.state, by, command, now, &mut self.chance)?;
        if !events.is_empty() {
            self.head = self.head.next();
        }
        for (ordinal, event) in (0..).zip(events) {
            let position = Position {
                sequence: self.head,
                ordinal,
            };
            let recorded = Recorded {
                at: now.stamp,
                by: by.clone(),
                event,
            };
            if let Some(finished) = self.state.apply(position, &recorded).finished {
                let before = self.finished.insert(finished.id, finished);
                assert!(before.is_none(), "an execution ends once: {before:?}");
            }
        }
        for change in roster {
            self.state.change_roster(change, now);
        }
        for effect in effects {
            self.carry_out(effect);
        }
        self.state.assert_invariants();
        Ok(answer)
    }

    fn carry_out(&mut self, effect: Effect) {
        match effect {
            Effect::Send { session, message, .. } => {
                let streams = self.streams.values_mut();
                if let Some(stream) = streams
                    .into_iter()
                    .find(|one| one.end.session() == session && !one.over)
                {
                    stream.end.told(message);
                }
            }
            Effect::Publish { execution, .. } => {
                self.publishing.insert(execution);
            }
            Effect::CheckEnded { check, end } => {
                let before = self.checks.insert(check, Some(end));
                assert!(matches!(before, Some(None)), "a check ends once: {before:?}");
            }
            Effect::Note { .. } | Effect::Deliver => {}
            Effect::Discard { execution, attempt } => {
                self.landing.remove(&(execution, attempt));
            }
        }
    }

    pub(super) fn timers(&mut self) {
        let by = Principal::Coordinator;
        let now = self.now();
        self.state.end_back_offs(now.stamp);
        while let Some(runner) = self.state.roster().first_lease(now.moment) {
            self.decide(&by, Command::Lapse(Lapse { runner }))
                .expect("never refused");
        }
        while let Some(check) = self.state.roster().checks().first_overdue(now.moment) {
            self.decide(&by, Command::GiveUpCheck(GiveUpCheck { check }))
                .expect("never refused");
        }
        while let Some((execution, attempt)) = self.state.roster().first_unconfirmed(now.moment) {
            let withdraw = Withdraw { execution, attempt };
            self.decide(&by, Command::Withdraw(withdraw)).expect("never refused");
        }
    }

    pub(super) fn dispatch(&mut self) {
        while let Some(claim) = dispatch::next(&self.state) {
            self.decide(&Principal::Coordinator, Command::Claim(claim))
                .expect("never refused");
        }
    }

    pub(super) fn publish(&mut self) {
        for execution in std::mem::take(&mut self.publishing) {
            // A repetition after a restart may find it done.
            let _ = self.decide(&Principal::Coordinator, Command::Landed(Landed { execution }));
        }
    }

    /// What the coordinator was told of this claim's report is true: it is part of the ledger or of history.
    pub(super) fn has_taken(&self, (execution, attempt): Work, runner: usize) -> bool {
        let claim = Claim {
            runner: id(runner),
            attempt,
        };
        let open = self.state.everywhere().execution(execution);
        let in_ledger = open.is_some_and(|open| {
            open.reported.contains(&claim) || matches!(&open.phase, Phase::Landing(by, _) if *by == claim)
        });
        let ended = self.finished.get(&execution);
        in_ledger || ended.is_some_and(|ended| ended.has_accepted(claim))
    }
}
