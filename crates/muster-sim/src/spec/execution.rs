//! The life of an execution: which event may follow which.

use std::collections::BTreeMap;
use std::time::Duration;

use muster_core::event::{Event, Recorded};
use muster_core::time::Stamp;
use muster_core::words::{
    Category, Claim, Counts, Enablement, ExecutionId, Failure, OrganizationId, Origin, Pool, Principal, Recipients,
    Sequence, Warning,
};

use super::excuse::Excused;
use super::staff::OLD;
use super::{Broken, Execution, Spec, Where, is_held, must};

/// How many attempts may fail.
const FAILURES_MAX: u32 = 3;

/// Whether another try may help, by section 2 of the design.
fn may_pass(category: Category) -> bool {
    match category {
        Category::Communication | Category::Timeout | Category::RunnerLost | Category::Landing => true,
        Category::Permission | Category::Configuration | Category::Connector | Category::Canceled => false,
    }
}

impl Spec {
    pub(super) fn take_execution(&mut self, sequence: Sequence, recorded: &Recorded) -> Result<&'static str, Broken> {
        let (at, by) = (recorded.at, &recorded.by);
        match &recorded.event {
            Event::ExecutionCreated { execution: id, .. } => self.create(*id, sequence, recorded),
            Event::ExecutionClaimed {
                execution: id,
                claim,
                revision,
            } => self.claim(*id, *claim, *revision, by, at, sequence),
            Event::ExecutionStarted { execution: id, claim } => {
                let one = self.open_execution(*id)?;
                must(one.stands == Where::Pending, || format!("it is {:?}", one.stands))?;
                must(one.claim == Some(*claim), || format!("{:?} holds it", one.claim))?;
                must(*by == Principal::Runner(claim.runner), || {
                    "somebody else says so".to_owned()
                })?;
                one.stands = Where::Executing;
                one.started.insert(*claim, sequence);
                one.changed = sequence;
                Ok("Pending → Executing")
            }
            Event::ExecutionReturned {
                execution: id,
                failures,
                failure,
                reported,
                not_before,
            } => {
                let owner = self.open_execution(*id)?.organization.clone();
                let excused = self.excused_holder(*id, &owner, sequence);
                let one = self.open_execution(*id)?;
                must(is_held(one), || format!("it is {:?}", one.stands))?;
                let before = one.stands;
                one.report(*reported, by, sequence)?;
                match failure {
                    None => {
                        must(
                            *failures == one.failures && not_before.is_none() && reported.is_none(),
                            || "a withdrawn claim is no failure, and waits for nothing".to_owned(),
                        )?;
                        must(before == Where::Pending || excused > Excused::No, || {
                            "what has started is not withdrawn".to_owned()
                        })?;
                    }
                    Some(failure) => {
                        one.fail(failure, *failures, *reported)?;
                        must_not_be_blamed(excused, failure)?;
                        must(may_pass(failure.category) && *failures < FAILURES_MAX, || {
                            format!("failure {failures} ({:?}) is not tried again", failure.category)
                        })?;
                        let most = Duration::from_secs(30) * 2_u32.pow(failures - 1);
                        let until = not_before.ok_or("it backs off for no time")?;
                        must(until >= at && until <= at.after(most), || {
                            format!("it backs off until {until:?}, and may for {most:?}")
                        })?;
                    }
                }
                one.stands = Where::Created;
                one.claim = None;
                one.not_before = *not_before;
                one.changed = sequence;
                Ok(match (before, failure) {
                    (Where::Pending, None) => "Pending → Created (withdrawn)",
                    (Where::Pending, Some(_)) => "Pending → Created (failed)",
                    (_, None) => "Executing → Created (interrupted)",
                    _ => "Executing → Created (failed)",
                })
            }
            Event::ExecutionRerouted {
                execution: id,
                pool,
                sealed_to,
            } => {
                let one = self.open_execution(*id)?;
                must(one.stands == Where::Created, || format!("it is {:?}", one.stands))?;
                one.pool = pool.clone();
                one.sealed_to.clone_from(sealed_to);
                one.changed = sequence;
                Ok("rerouted")
            }
            Event::LandingCommitted {
                execution: id,
                claim,
                staged,
            } => {
                let one = self.open_execution(*id)?;
                must(one.stands == Where::Executing, || format!("it is {:?}", one.stands))?;
                must(one.claim == Some(*claim), || format!("{:?} holds it", one.claim))?;
                must(*by == Principal::Runner(claim.runner), || {
                    "somebody else says so".to_owned()
                })?;
                one.stands = Where::Landing;
                one.staged = Some(staged.clone());
                one.accepted.insert(*claim, sequence);
                one.changed = sequence;
                Ok("Executing → Landing")
            }
            Event::ExecutionCompleted { execution: id, .. } => self.complete(*id, sequence, recorded),
            Event::ExecutionFailed { execution: id, .. } => self.end_badly(*id, sequence, recorded),
            _ => Err("it is no event of an execution".to_owned()),
        }
    }

    fn open_execution(&mut self, id: ExecutionId) -> Result<&mut Execution, Broken> {
        let found = self.executions.get_mut(&id).filter(|one| one.stands.is_open());
        found.ok_or_else(|| format!("{id} is not open"))
    }

    fn create(&mut self, id: ExecutionId, sequence: Sequence, recorded: &Recorded) -> Result<&'static str, Broken> {
        let Event::ExecutionCreated {
            organization,
            integration,
            data_type,
            connector,
            pool,
            sealed_to,
            origin,
            execution: _,
        } = &recorded.event
        else {
            return Err("it is no creation".to_owned());
        };
        must(!self.executions.contains_key(&id), || "the id is not new".to_owned())?;
        self.must_go_on(organization)?;
        let open = self.open_of_organization(organization);
        self.must_fit(organization, |quotas| quotas.open_executions, open)?;
        let key = (*integration, data_type.clone());
        let open = self.open.get(&key);
        must(open.is_none(), || format!("{open:?} of the same data type is open"))?;
        let owner = self.existing(*integration)?;
        must(owner.enablement == Enablement::Enabled, || {
            "its integration is not enabled".to_owned()
        })?;
        must(owner.collections.contains_key(data_type), || {
            "its integration does not collect this".to_owned()
        })?;
        must(owner.organization == *organization, || {
            "its integration is another's".to_owned()
        })?;
        must(
            owner.definition.connector == *connector && owner.definition.pool == *pool,
            || "its integration says otherwise where it runs".to_owned(),
        )?;
        must(owner.definition.sealed_to == *sealed_to, || {
            "its integration's secrets are sealed to others".to_owned()
        })?;
        match origin {
            Origin::Schedule { .. } => {
                must(self.owed.take().is_some(), || "no nominal time has come".to_owned())?;
                must(recorded.by == Principal::Coordinator, || {
                    "time is the coordinator's".to_owned()
                })?;
            }
            Origin::RunNow(who) => must(recorded.by == *who, || "somebody else has asked".to_owned())?,
            Origin::Activation => {}
        }
        self.open.insert(key, id);
        let one = Execution {
            organization: organization.clone(),
            integration: *integration,
            data_type: data_type.clone(),
            connector: connector.clone(),
            pool: pool.clone(),
            sealed_to: sealed_to.clone(),
            stands: Where::Created,
            attempt: 0,
            claim: None,
            claimed: recorded.at,
            failures: 0,
            not_before: None,
            claims: BTreeMap::new(),
            started: BTreeMap::new(),
            accepted: BTreeMap::new(),
            staged: None,
            counts: None,
            canceled: false,
            changed: sequence,
        };
        self.executions.insert(id, one);
        Ok(match origin {
            Origin::Schedule { .. } => "created by the schedule",
            Origin::RunNow(_) => "created by run now",
            Origin::Activation => "created by activation",
        })
    }

    fn claim(
        &mut self,
        id: ExecutionId,
        claim: Claim,
        revision: muster_core::words::Revision,
        by: &Principal,
        at: Stamp,
        sequence: Sequence,
    ) -> Result<&'static str, Broken> {
        must(*by == Principal::Coordinator, || {
            "only the dispatcher gives work out".to_owned()
        })?;
        let held = self.held().filter(|(_, _, by)| by.runner == claim.runner).count();
        let runner = self.runners.get(&claim.runner);
        let profile = runner.ok_or("the runner never came")?.profile.clone();
        let owner = self.open_execution(id)?.organization.clone();
        self.must_go_on(&owner)?;
        let one = self.open_execution(id)?;
        must(one.stands == Where::Created, || format!("it is {:?}", one.stands))?;
        must(claim.attempt.0 == one.attempt + 1, || {
            format!("the last attempt was {}", one.attempt)
        })?;
        must(one.not_before.is_none_or(|until| until <= at), || {
            format!("it backs off until {:?}", one.not_before)
        })?;
        must(profile.pool == one.pool, || "the runner serves another pool".to_owned())?;
        must(profile.connectors.contains(&one.connector), || {
            "the runner lacks the connector".to_owned()
        })?;
        must(profile.version != OLD, || "the runner is too old".to_owned())?;
        let opens = |keys: &Recipients| profile.sealing_key.as_ref().is_some_and(|key| keys.contains(key));
        must(one.sealed_to.as_ref().is_none_or(opens), || {
            "the runner cannot open its secrets".to_owned()
        })?;
        must(held < profile.slots.0 as usize, || {
            format!("the runner holds {held} already")
        })?;
        let hosted = one.pool.organization.is_none();
        must(
            hosted || profile.organization.as_ref() == Some(&one.organization),
            || "the runner is another organization's".to_owned(),
        )?;
        must(hosted == (one.pool.name.as_str() == Pool::HOSTED), || {
            "the pool is nobody's".to_owned()
        })?;
        one.stands = Where::Pending;
        one.attempt = claim.attempt.0;
        one.claim = Some(claim);
        one.claimed = at;
        one.not_before = None;
        one.claims.insert(claim, sequence);
        one.changed = sequence;
        let owner = one.integration;
        let current = self.existing(owner)?.revision;
        must(revision == current, || {
            format!("the configuration's revision is {current}")
        })?;
        Ok("Created → Pending")
    }

    fn complete(&mut self, id: ExecutionId, sequence: Sequence, recorded: &Recorded) -> Result<&'static str, Broken> {
        let Event::ExecutionCompleted {
            integration,
            data_type,
            counts,
            cursor,
            warning,
            ..
        } = &recorded.event
        else {
            return Err("it is no good end".to_owned());
        };
        let one = self.open_execution(id)?;
        must(one.integration == *integration && one.data_type == *data_type, || {
            format!("it is of {} {}", one.integration, one.data_type)
        })?;
        let before = one.stands;
        match (before, one.claim, &one.staged) {
            (Where::Landing, Some(_), Some(staged)) => {
                must(staged.counts == *counts && staged.cursor == *cursor, || {
                    format!("staged was {staged:?}")
                })?;
                must(recorded.by == Principal::Coordinator, || {
                    "only the landing says so".to_owned()
                })?;
            }
            (Where::Executing, Some(claim), None) => {
                must(counts.records == 0, || "its records have not landed".to_owned())?;
                must(recorded.by == Principal::Runner(claim.runner), || {
                    "somebody else says so".to_owned()
                })?;
                one.accepted.insert(claim, sequence);
            }
            _ => return Err(format!("it is {before:?}")),
        }
        one.stands = Where::Completed;
        one.counts = Some(*counts);
        one.changed = sequence;
        self.open.remove(&(*integration, data_type.clone()));
        self.note_end(*integration, data_type, id, recorded.at, false);
        let wanted = self.note_good_end(*integration, data_type, *counts, cursor.as_ref());
        must(*warning == wanted, || format!("its warning was to be {wanted:?}"))?;
        Ok(if before == Where::Landing {
            "Landing → Completed"
        } else {
            "Executing → Completed"
        })
    }

    /// Notes it with the integration, if that is still there, and says which warning it deserves.
    fn note_good_end(
        &mut self,
        integration: muster_core::words::IntegrationId,
        data_type: &muster_core::words::DataType,
        counts: Counts,
        cursor: Option<&muster_core::words::Cursor>,
    ) -> Option<Warning> {
        let owner = self.integrations.get_mut(&integration).filter(|one| !one.deleted)?;
        owner.check_fails = false;
        let collection = owner.collections.get_mut(data_type)?;
        let before = collection.completed.map_or(0, |counts| counts.records);
        let warns = counts.records * 2 < before && collection.cursor.is_none();
        if let Some(cursor) = cursor {
            collection.cursor = Some(cursor.clone());
        }
        collection.completed = Some(counts);
        collection.trouble = None;
        warns.then_some(match counts.records {
            0 => Warning::ZeroRecords { before },
            _some => Warning::FewerRecords { before },
        })
    }

    fn end_badly(&mut self, id: ExecutionId, sequence: Sequence, recorded: &Recorded) -> Result<&'static str, Broken> {
        let Event::ExecutionFailed {
            integration,
            data_type,
            failures,
            failure,
            reported,
            ..
        } = &recorded.event
        else {
            return Err("it is no bad end".to_owned());
        };
        let by = &recorded.by;
        let owner = self.open_execution(id)?.organization.clone();
        let excused = self.excused_holder(id, &owner, sequence);
        let one = self.open_execution(id)?;
        must(one.integration == *integration && one.data_type == *data_type, || {
            format!("it is of {} {}", one.integration, one.data_type)
        })?;
        let before = one.stands;
        let transition = if failure.category == Category::Canceled {
            must(before != Where::Landing, || {
                "nothing undoes the commit point".to_owned()
            })?;
            must(matches!(by, Principal::Operator(_)), || {
                "only a person cancels".to_owned()
            })?;
            must(*failures == one.failures && reported.is_none(), || {
                "to cancel is no failure".to_owned()
            })?;
            one.canceled = true;
            match before {
                Where::Created => "Created → Error (canceled)",
                Where::Pending => "Pending → Error (canceled)",
                _ => "Executing → Error (canceled)",
            }
        } else if before == Where::Landing {
            must(
                failure.category == Category::Landing && *by == Principal::Coordinator,
                || "past the commit point only the landing can fail".to_owned(),
            )?;
            must(*failures == one.failures + 1, || {
                format!("{} had failed before", one.failures)
            })?;
            must(reported.is_some() && *reported == one.claim, || {
                format!("{:?} had reported", one.claim)
            })?;
            "Landing → Error"
        } else {
            must(is_held(one), || format!("it is {before:?}"))?;
            one.report(*reported, by, sequence)?;
            one.fail(failure, *failures, *reported)?;
            must_not_be_blamed(excused, failure)?;
            must(!may_pass(failure.category) || *failures >= FAILURES_MAX, || {
                format!("failure {failures} ({:?}) is tried again", failure.category)
            })?;
            match (before, may_pass(failure.category)) {
                (Where::Pending, false) => "Pending → Error (final)",
                (Where::Pending, true) => "Pending → Error (failures)",
                (_, false) => "Executing → Error (final)",
                (_, true) => "Executing → Error (failures)",
            }
        };
        one.failures = *failures;
        one.stands = Where::Error;
        one.changed = sequence;
        self.open.remove(&(*integration, data_type.clone()));
        if failure.category != Category::Canceled {
            self.note_end(*integration, data_type, id, recorded.at, true);
        }
        if failure.category != Category::Canceled
            && let Some(owner) = self.integrations.get_mut(integration)
            && let Some(collection) = owner.collections.get_mut(data_type)
        {
            collection.trouble.get_or_insert(recorded.at);
        }
        Ok(transition)
    }
}

impl Spec {
    /// Whether it is nobody's failure if whoever holds an execution loses it now.
    fn excused_holder(&self, id: ExecutionId, owner: &OrganizationId, sequence: Sequence) -> Excused {
        if !self.is_active(owner) {
            return Excused::Yes;
        }
        let holder = self.executions.get(&id).and_then(|one| one.claim);
        holder.map_or(Excused::No, |claim| self.excused(claim.runner, sequence))
    }
}

fn must_not_be_blamed(excused: Excused, failure: &Failure) -> Result<(), Broken> {
    must(
        excused < Excused::Yes || failure.category != Category::RunnerLost,
        || "its runner was sent away, or the coordinator stood still, and that counts as failed".to_owned(),
    )
}

impl Execution {
    /// Whose report it was, if it was one.
    fn report(&mut self, reported: Option<Claim>, by: &Principal, sequence: Sequence) -> Result<(), Broken> {
        let holder = self.claim.ok_or("nobody holds it")?;
        match reported {
            Some(claim) => {
                must(claim == holder, || format!("{holder:?} holds it"))?;
                must(*by == Principal::Runner(claim.runner), || {
                    "somebody else says so".to_owned()
                })?;
                self.accepted.insert(claim, sequence);
                Ok(())
            }
            None => must(
                *by == Principal::Coordinator || *by == Principal::Runner(holder.runner),
                || "it is not theirs to say".to_owned(),
            ),
        }
    }

    fn fail(&mut self, failure: &Failure, failures: u32, reported: Option<Claim>) -> Result<(), Broken> {
        must(failures == self.failures + 1, || {
            format!("{} had failed before", self.failures)
        })?;
        must((failure.category == Category::RunnerLost) == reported.is_none(), || {
            format!("{:?} is not for {reported:?} to say", failure.category)
        })?;
        self.failures = failures;
        Ok(())
    }
}
