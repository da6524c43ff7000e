//! Incidents and their mails: when one opens, is told again, closes and is forgotten, and what may become of telling it.

use std::cmp::Reverse;
use std::time::Duration;

use muster_core::entity::{Cause, Channel, Closing, DeliveryState, Evidence, NoticeKind, RateEvidence};
use muster_core::event::{Event, Recorded};
use muster_core::time::Stamp;
use muster_core::words::{Enablement, IncidentId, IntegrationId, Principal};

use super::health::Alarm;
use super::{Broken, Spec, must};

/// For how long what is deferred is tried.
const TRIED_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// How long an incident is remembered that is over.
const REMEMBERED: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// What somebody is told of an incident.
#[derive(Debug, Clone)]
pub struct Notice {
    pub kind: NoticeKind,
    pub at: Stamp,
    pub deliveries: Vec<(Channel, DeliveryState)>,
}

/// An incident, also after it was forgotten.
#[derive(Debug, Clone)]
pub struct Incident {
    pub cause: Cause,
    pub closed: Option<Stamp>,
    pub forgotten: bool,
    pub notices: Vec<Notice>,
}

impl Incident {
    /// One that has just opened.
    pub(super) fn opened(cause: Cause, at: Stamp, channels: &[Channel]) -> Self {
        let mut opened = Self {
            cause,
            closed: None,
            forgotten: false,
            notices: Vec::new(),
        };
        opened.tell(NoticeKind::Opened, at, channels);
        opened
    }

    /// When it was told last.
    pub(super) fn told(&self) -> Stamp {
        self.notices.last().map_or(Stamp::default(), |notice| notice.at)
    }

    fn waits(&self) -> bool {
        let mut deliveries = self.notices.iter().flat_map(|notice| &notice.deliveries);
        deliveries.any(|(_, state)| matches!(state, DeliveryState::Waiting { .. }))
    }

    /// Whether it is to be gone at `now`.
    pub(super) fn is_over_for_long(&self, now: Stamp) -> bool {
        let over = self.closed.is_some_and(|closed| closed.after(REMEMBERED) <= now);
        over && !self.waits()
    }

    pub(super) fn tell(&mut self, kind: NoticeKind, at: Stamp, channels: &[Channel]) {
        let waits = DeliveryState::Waiting { tries: 0, next: at };
        let deliveries = channels.iter().map(|channel| (channel.clone(), waits.clone()));
        self.notices.push(Notice {
            kind,
            at,
            deliveries: deliveries.collect(),
        });
    }
}

impl Spec {
    /// How many deliveries still wait.
    pub fn outbox_len(&self) -> usize {
        let there = self.incidents.values().filter(|one| !one.forgotten);
        let deliveries = there.flat_map(|one| &one.notices).flat_map(|notice| &notice.deliveries);
        deliveries
            .filter(|(_, state)| matches!(state, DeliveryState::Waiting { .. }))
            .count()
    }

    pub(super) fn take_health(&mut self, recorded: &Recorded) -> Result<&'static str, Broken> {
        let (at, by) = (recorded.at, &recorded.by);
        let is_deletion = matches!(
            &recorded.event,
            Event::IncidentClosed {
                closing: Closing::Deleted,
                ..
            }
        );
        let fits = if is_deletion {
            matches!(by, Principal::Operator(_))
        } else {
            *by == Principal::Coordinator
        };
        must(fits, || format!("it is not for {by} to say"))?;
        match &recorded.event {
            Event::ThresholdReached { integration } => {
                let one = self.existing(*integration)?;
                must(one.health.alarm == Alarm::Quiet, || {
                    format!("it was {:?}", one.health.alarm)
                })?;
                must(one.tells() && one.is_reached(one.count(at)), || {
                    format!("it is not: {:?}", one.count(at))
                })?;
                must(!one.settings().hold.is_zero(), || "it need not hold".to_owned())?;
                self.set_alarm(*integration, Alarm::Reached(at), at);
                Ok("threshold reached")
            }
            Event::ThresholdLeft { integration } => {
                let one = self.existing(*integration)?;
                let is_reached = one.is_reached(one.count(at));
                let left = match one.health.alarm {
                    Alarm::Quiet => one.tells() && !is_reached && one.was_ever(at, |count| one.is_reached(count)),
                    Alarm::Reached(_) => !one.tells() || one.was_ever(at, |count| !one.is_reached(count)),
                    Alarm::Open(..) => false,
                };
                must(left, || {
                    format!("it was not: {:?}, {:?}", one.health.alarm, one.count(at))
                })?;
                let seen = if one.health.alarm == Alarm::Quiet {
                    "threshold reached and left, and nobody has looked"
                } else {
                    "threshold left"
                };
                self.set_alarm(*integration, Alarm::Quiet, at);
                Ok(seen)
            }
            Event::IncidentOpened { cause, .. } if cause.integration().is_none() => self.open_of_staff(recorded),
            Event::IncidentReminded { integration: None, .. } => self.remind_of_staff(recorded),
            Event::IncidentClosed { integration: None, .. } => self.close_of_staff(recorded),
            Event::IncidentOpened { .. } => self.open_incident(recorded),
            Event::IncidentReminded {
                incident,
                integration: Some(integration),
                evidence,
                channels,
            } => {
                let one = self.existing(*integration)?;
                let Alarm::Open(open, told) = one.health.alarm else {
                    return Err(format!("it is {:?}", one.health.alarm));
                };
                must(open == *incident, || format!("{open} is its incident"))?;
                let due = one.settings().reminder.is_some_and(|every| told.after(every) <= at);
                must(due && one.tells() && !one.is_recovered(one.count(at)), || {
                    format!("it was told at {told:?}")
                })?;
                self.check_evidence(*integration, evidence, at)?;
                must(self.are_told(*integration, channels)?, || {
                    "others are to be told".to_owned()
                })?;
                self.set_alarm(*integration, Alarm::Open(*incident, at), at);
                self.incident(*incident)?.tell(NoticeKind::Reminder, at, channels);
                Ok("incident reminded")
            }
            Event::IncidentClosed { .. } => self.close_incident(recorded),
            Event::DeliveryTried {
                incident,
                notice,
                delivery,
                state,
                ..
            } => self.try_delivery(*incident, (*notice, *delivery), state, at),
            Event::IncidentForgotten { incident } => {
                let one = self.incident(*incident)?;
                must(one.is_over_for_long(at), || format!("it is not over for long: {one:?}"))?;
                one.forgotten = true;
                Ok("incident forgotten")
            }
            _ => Err("it is no event of an integration's health".to_owned()),
        }
    }

    fn open_incident(&mut self, recorded: &Recorded) -> Result<&'static str, Broken> {
        let at = recorded.at;
        let Event::IncidentOpened {
            incident,
            organization,
            cause: cause @ Cause::ErrorRate { integration },
            evidence,
            channels,
        } = &recorded.event
        else {
            return Err("no incident opens".to_owned());
        };
        must(!self.incidents.contains_key(incident), || {
            "the id is not new".to_owned()
        })?;
        let open = self.open_incident_of(cause);
        must(open.is_none(), || format!("one is open already: {open:?}"))?;
        let one = self.existing(*integration)?;
        must(one.organization == *organization, || {
            format!("it is of {}", one.organization)
        })?;
        must(one.tells(), || "nobody wants to be told".to_owned())?;
        must(one.is_reached(one.count(at)), || {
            format!("the threshold is not reached: {:?}", one.count(at))
        })?;
        let hold = one.settings().hold;
        match one.health.alarm {
            Alarm::Quiet => must(hold.is_zero(), || format!("it is to hold for {hold:?}"))?,
            Alarm::Reached(since) => {
                must(since.after(hold) <= at, || format!("it holds since {since:?}"))?;
                // If it was left after that, and is reached again, it has held all the same.
                let until = since.after(hold);
                let was_left = until > one.health.settled && one.was_ever(until, |count| !one.is_reached(count));
                must(!was_left, || format!("it has not held since {since:?}"))?;
            }
            Alarm::Open(other, _) => return Err(format!("{other} is open")),
        }
        self.check_evidence(*integration, evidence, at)?;
        must(self.are_told(*integration, channels)?, || {
            "others are to be told".to_owned()
        })?;
        let opened = Incident::opened(cause.clone(), at, channels);
        self.incidents.insert(*incident, opened);
        self.set_alarm(*integration, Alarm::Open(*incident, at), at);
        Ok(if hold.is_zero() {
            "incident opened"
        } else {
            "incident opened (held)"
        })
    }

    fn close_incident(&mut self, recorded: &Recorded) -> Result<&'static str, Broken> {
        let at = recorded.at;
        let Event::IncidentClosed {
            incident,
            integration: Some(integration),
            closing,
            evidence,
            channels,
        } = &recorded.event
        else {
            return Err("no incident closes".to_owned());
        };
        let one = self.existing(*integration)?;
        must(
            matches!(one.health.alarm, Alarm::Open(open, _) if open == *incident),
            || format!("it is {:?}", one.health.alarm),
        )?;
        let is_enabled = one.enablement == Enablement::Enabled;
        let (holds, seen) = match closing {
            Closing::Recovered => {
                let recovered = one.was_ever(at, |count| one.is_recovered(count));
                (one.tells() && recovered, "incident closed: recovered")
            }
            Closing::Disabled => (!is_enabled, "incident closed: disabled"),
            Closing::Muted => (is_enabled && !one.settings().enabled, "incident closed: muted"),
            Closing::Deleted => (true, "incident closed: deleted"),
            Closing::Unused | Closing::Gone => (false, "incident closed: no integration's way"),
        };
        must(holds, || format!("it is not: {:?}", one.count(at)))?;
        self.check_evidence(*integration, evidence, at)?;
        let told = if *closing == Closing::Muted {
            channels.is_empty()
        } else {
            self.are_told(*integration, channels)?
        };
        must(told, || "others are to be told".to_owned())?;
        if *closing == Closing::Deleted {
            self.closing = Some(*integration);
        }
        self.set_alarm(*integration, Alarm::Quiet, at);
        let one = self.incident(*incident)?;
        one.closed = Some(at);
        one.tell(NoticeKind::Closed, at, channels);
        Ok(seen)
    }

    fn try_delivery(
        &mut self,
        incident: IncidentId,
        (notice, delivery): (u32, u32),
        state: &DeliveryState,
        at: Stamp,
    ) -> Result<&'static str, Broken> {
        let one = self.incident(incident)?;
        let notice = one.notices.get_mut(notice as usize).ok_or("there is no such notice")?;
        let told = notice.at;
        let (_, was) = notice
            .deliveries
            .get_mut(delivery as usize)
            .ok_or("nobody is told so")?;
        let DeliveryState::Waiting {
            tries: before,
            next: planned,
        } = was.clone()
        else {
            return Err(format!("it has ended: {was:?}"));
        };
        must(planned <= at, || format!("it was to be tried at {planned:?}"))?;
        let (holds, seen) = match state {
            DeliveryState::Sent { at: ended } => (*ended == at, "delivery sent"),
            DeliveryState::Dead { at: ended } => (*ended == at, "delivery dead"),
            DeliveryState::Waiting { tries, next } => {
                let most = Duration::from_secs(60 * 2_u64.pow(before.min(8))).min(Duration::from_secs(3_600));
                let in_time = *next >= at.after(most / 2) && *next <= at.after(most);
                let gives_up = told.after(TRIED_FOR) <= at;
                (*tries == before + 1 && in_time && !gives_up, "delivery deferred")
            }
        };
        must(holds, || format!("it was {was:?} since {told:?}"))?;
        *was = state.clone();
        Ok(seen)
    }

    fn check_evidence(&self, id: IntegrationId, told: &Evidence, at: Stamp) -> Result<(), Broken> {
        let Evidence::ErrorRate(told) = told else {
            return Err("it is told with something else".to_owned());
        };
        let one = self.existing(id)?;
        let settings = one.settings();
        let count = one.count(at);
        let tally = (u64::from(told.tally.finished), u64::from(told.tally.failed));
        must(tally == count, || format!("{count:?} have ended, of which failed"))?;
        let mut errors: Vec<_> = one.health.errors.iter().collect();
        errors.sort_by_key(|(_, (at, _))| Reverse(*at));
        errors.truncate(RateEvidence::ERRORS_MAX);
        let told_errors = told
            .errors
            .iter()
            .map(|error| (&error.data_type, error.at, error.execution));
        let is_all = told_errors.eq(errors.iter().map(|(data_type, (at, id))| (*data_type, *at, *id)));
        must(is_all, || format!("its errors are {errors:?}"))?;
        let holds = told.display_name == one.definition.display_name
            && told.window == settings.window
            && told.threshold == settings.threshold
            && u64::from(told.recovery.hundredths()) == one.recovery();
        must(holds, || format!("it was to be told by {settings:?}"))
    }

    /// Whether these are the recipients as they are now.
    fn are_told(&self, id: IntegrationId, channels: &[Channel]) -> Result<bool, Broken> {
        let recipients = self.existing(id)?.settings().recipients.iter();
        Ok(recipients
            .map(|one| Channel::Email(one.clone()))
            .eq(channels.iter().cloned()))
    }

    fn set_alarm(&mut self, id: IntegrationId, alarm: Alarm, at: Stamp) {
        if let Some(one) = self.integrations.get_mut(&id) {
            one.health.set(alarm, at);
        }
    }

    pub(super) fn incident(&mut self, id: IncidentId) -> Result<&mut Incident, Broken> {
        let found = self.incidents.get_mut(&id).filter(|one| !one.forgotten);
        found.ok_or_else(|| format!("there is no incident {id}"))
    }

    /// A delivery that still waits: to whom, and which news. `None` when there is no such one.
    pub fn waiting(&self, incident: IncidentId, notice: u32, delivery: u32) -> Option<(&Channel, &Notice, u32)> {
        let notice = self.incidents.get(&incident)?.notices.get(notice as usize)?;
        let (channel, state) = notice.deliveries.get(delivery as usize)?;
        match state {
            DeliveryState::Waiting { tries, .. } => Some((channel, notice, *tries)),
            DeliveryState::Sent { .. } | DeliveryState::Dead { .. } => None,
        }
    }
}
