//! People: they create, change, switch, delete, run and cancel, and they read. What they are told is kept, and must stay true.

mod access;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use muster_core::audit::{Note, Outcome};
use muster_core::decide::check::begin::Check;
use muster_core::decide::execution::{cancel::Cancel, run_now::RunNow};
use muster_core::decide::integration::create::Create;
use muster_core::decide::integration::delete::Delete;
use muster_core::decide::integration::disable::Disable;
use muster_core::decide::integration::enable::Enable;
use muster_core::decide::integration::pause::{Pause, Resume};
use muster_core::decide::integration::update::Update;
use muster_core::decide::{Answer, Command, Rejection, organization};
use muster_core::entity::{Definition, Finished, PerDataType};
use muster_core::time::Interval;
use muster_core::words::{
    Configuration, ConnectorName, DataType, DisplayName, EmailAddress, Enablement, ExecutionId, IntegrationId,
    Notifications, OrganizationId, Percent, Pool, PoolName, Principal, Quotas, Recipients, Request, RequestId,
    RetentionDays, Sequence,
};
use muster_shard::{Ending, ShardError, ShardHandle};

use crate::jobs::Work;
use crate::mail::MOVED_AWAY;
use crate::runner::sealing_key;
use crate::trace::{broken, say};
use crate::world::{Due, World};

/// How many integrations an organization has at the most.
const INTEGRATIONS_MAX: usize = 4;

/// What somebody says.
#[derive(Debug, Clone)]
pub enum Said {
    Ask(Principal, Box<Command>),
    /// Whoever asks for the page knows by then that these have ended.
    Page(IntegrationId, BTreeSet<ExecutionId>),
}

/// What somebody hears.
#[derive(Debug)]
pub enum Heard {
    Answer(Result<Answer, Rejection>, Sequence, Option<Ending>),
    Page(Vec<Arc<Finished>>),
}

/// What is left of an ask in the audit log: the number of the ask, in one log or another.
fn note(id: u64) -> Note {
    let logs = [None, Some(organization("acme")), Some(organization("globex"))];
    Note {
        log: logs[usize::try_from(id % 3).expect("it is small")].clone(),
        method: "ask".into(),
        peer: None,
        request: String::new(),
        resource: id.to_string(),
        outcome: Outcome::Done,
        changes: Vec::new(),
    }
}

/// Asks the shard.
pub async fn ask(shard: &ShardHandle, id: u64, said: Said) -> Result<Heard, ShardError> {
    match said {
        Said::Ask(by, command) => {
            let checks = shard.checks();
            let asked = shard.turn(move |turn| {
                let answer = turn.ask_audited(&by, *command, |_, _| note(id));
                let ending = match &answer {
                    Ok(Answer::Checking { check, .. }) => Some(checks.wait_for(*check)),
                    Ok(_) | Err(_) => None,
                };
                (answer, turn.sequence(), ending)
            });
            let (answer, sequence, ending) = asked.await?;
            Ok(Heard::Answer(answer, sequence, ending))
        }
        Said::Page(integration, _) => {
            let page = shard.finished_page(integration, None, 1_000).await?;
            Ok(Heard::Page(page.finished))
        }
    }
}

/// What people have asked and not heard yet.
#[derive(Default)]
pub struct Operators {
    pending: BTreeMap<u64, Said>,
    next: u64,
    names: u32,
    /// Creations whose answers may have been lost: asked again, by the same request.
    again: Vec<Said>,
    /// The asks that were answered well: each has its note in an audit log.
    pub answered: BTreeSet<u64>,
    /// People who only wait for the end.
    pub quiet: bool,
}

pub(crate) fn organization(name: &str) -> OrganizationId {
    OrganizationId::new(name).expect("a name")
}

fn data_type(name: &str) -> DataType {
    DataType::new(name).expect("a name")
}

impl World {
    /// Somebody does something.
    pub(crate) fn operate(&mut self) {
        if self.operators.quiet {
            return;
        }
        let busy = self.spec.integrations.values().filter(|one| !one.deleted).count() < 3;
        let delay = if busy {
            self.chance.u64(100..3_000)
        } else {
            self.chance.u64(1_000..30_000)
        };
        self.wake(Due::Operate, delay);
        let name = ["acme", "globex"][self.chance.usize(0..2)];
        let own = organization(name);
        if !self.spec.organizations.contains_key(&own) {
            return self.found(own);
        }
        if self.manage(&own) {
            return;
        }
        let there: Vec<IntegrationId> = self
            .spec
            .integrations
            .iter()
            .filter(|(_, one)| !one.deleted && one.organization == own)
            .map(|(id, _)| *id)
            .collect();
        if there.is_empty() || (there.len() < INTEGRATIONS_MAX && self.chance.u32(0..8) == 0) {
            return self.create(&own);
        }
        if let Some(said) = self.operators.again.pop() {
            self.trace.count("a request is repeated");
            return self.say(said);
        }
        let mut integration = there[self.chance.usize(0..there.len())];
        let mut by = own.clone();
        let other = organization(if name == "acme" { "globex" } else { "acme" });
        if self.chance.u32(0..40) == 0 && self.spec.organizations.contains_key(&other) {
            // Somebody reaches for what is another's.
            by = other;
            self.trace.count("somebody reaches for another organization's");
        }
        if self.chance.u32(0..12) == 0 {
            return self.let_in_or_out(&own);
        }
        let command = match self.chance.u32(0..114) {
            0..30 => Command::RunNow(RunNow {
                organization: by.clone(),
                integration,
                data_types: Vec::new(),
            }),
            30..50 => match self.some_open(&own) {
                Some(execution) => Command::Cancel(Cancel {
                    organization: by.clone(),
                    execution,
                    reason: None,
                }),
                None => return,
            },
            50..70 => match self.change(integration) {
                Some((definition, intervals)) => Command::UpdateIntegration(Update {
                    organization: by.clone(),
                    integration,
                    definition,
                    intervals,
                    version: self.some_version(integration),
                }),
                None => return,
            },
            70..76 => Command::DisableIntegration(Disable {
                organization: by.clone(),
                integration,
            }),
            76..84 => {
                let off = there
                    .iter()
                    .find(|id| self.spec.integrations[*id].enablement != Enablement::Enabled);
                integration = *off.unwrap_or(&integration);
                Command::EnableIntegration(Enable {
                    organization: by.clone(),
                    integration,
                })
            }
            84..87 => Command::DeleteIntegration(Delete {
                organization: by.clone(),
                integration,
                version: self.some_version(integration),
            }),
            100..108 => Command::Check(Check {
                organization: by.clone(),
                integration,
            }),
            108..112 => Command::PauseIntegration(Pause {
                organization: by.clone(),
                integration,
                until: self.last_stamp.after(Duration::from_secs(self.chance.u64(1..2_400))),
            }),
            112.. => Command::ResumeIntegration(Resume {
                organization: by.clone(),
                integration,
            }),
            _ => {
                let ended = self.told.ended_of(integration);
                return self.say(Said::Page(integration, ended));
            }
        };
        let is_check = matches!(command, Command::Check(_));
        self.say(Said::Ask(principal(&by), Box::new(command)));
        // Whoever checks sees what is wrong, and mends it before the answer is there.
        if is_check && self.chance.u32(0..4) == 0 {
            self.reconfigure(&own, integration);
        }
    }

    fn reconfigure(&mut self, own: &OrganizationId, integration: IntegrationId) {
        let Some(found) = self.spec.integrations.get(&integration) else {
            return;
        };
        self.operators.names += 1;
        let update = Update {
            organization: own.clone(),
            integration,
            definition: Definition {
                configuration: configuration(own, self.operators.names),
                ..found.definition.clone()
            },
            intervals: found.intervals(),
            version: None,
        };
        self.say(Said::Ask(principal(own), Box::new(Command::UpdateIntegration(update))));
    }

    /// The service's staff may suspend an organization, let it go on, or give it other quotas; `true` when it does something.
    fn manage(&mut self, own: &OrganizationId) -> bool {
        let rests = !self.spec.is_active(own);
        let command = match self.chance.u32(0..if rests { 4 } else { 60 }) {
            0 if rests => return self.resume(own),
            0 if !self.healed => Command::SuspendOrganization(organization::suspend::Suspend {
                organization: own.clone(),
                reason: "unpaid".to_owned(),
                version: None,
            }),
            1 if !rests => Command::UpdateOrganization(organization::update::Update {
                organization: own.clone(),
                display_name: DisplayName::new(own.as_str()).expect("a name"),
                quotas: if self.chance.bool() {
                    Quotas::NONE
                } else {
                    Quotas {
                        integrations: Some(self.chance.u32(1..4)),
                        open_executions: Some(self.chance.u32(1..5)),
                        ..Quotas::NONE
                    }
                },
                retention: RetentionDays::new(3_660).expect("not too many"),
                audit_retention: RetentionDays::new(3_660).expect("not too many"),
                version: None,
            }),
            _ => return false,
        };
        self.say(Said::Ask(staff(), Box::new(command)));
        true
    }

    fn resume(&mut self, own: &OrganizationId) -> bool {
        let command = organization::resume::Resume {
            organization: own.clone(),
            version: None,
        };
        self.say(Said::Ask(staff(), Box::new(Command::ResumeOrganization(command))));
        true
    }

    /// Lets all organizations go on that are suspended; `true` when there are any.
    pub(crate) fn resume_all(&mut self) -> bool {
        let names = self.spec.organizations.keys().cloned();
        let resting: Vec<_> = names.filter(|name| !self.spec.is_active(name)).collect();
        for own in &resting {
            self.resume(own);
        }
        !resting.is_empty()
    }

    /// The service's staff makes an organization.
    fn found(&mut self, organization: OrganizationId) {
        let command = organization::create::Create {
            display_name: DisplayName::new(organization.as_str()).expect("a name"),
            organization,
            quotas: Quotas::NONE,
            retention: RetentionDays::new(3_660).expect("not too many"),
            audit_retention: RetentionDays::new(3_660).expect("not too many"),
            request: None,
        };
        self.say(Said::Ask(staff(), Box::new(Command::CreateOrganization(command))));
    }

    fn create(&mut self, own: &OrganizationId) {
        self.operators.names += 1;
        let number = self.operators.names;
        let connector = if self.chance.u32(0..3) == 0 { "ldap" } else { "host" };
        let pools: &[&str] = if own.as_str() == "acme" {
            &["hq", "lab", Pool::HOSTED]
        } else {
            &["hq", Pool::HOSTED]
        };
        let pool = pools[self.chance.usize(0..pools.len())];
        let definition = Definition {
            display_name: DisplayName::new(&format!("Source {number}")).expect("a name"),
            connector: ConnectorName::new(connector).expect("a name"),
            access_schema: None,
            configuration: configuration(own, number),
            pool: Pool::named(own, &PoolName::new(pool).expect("a name")),
            sealed_to: self.sealed_to(),
            notifications: self.notifications(own),
        };
        let intervals = self.intervals(connector);
        let request = Request {
            id: RequestId(self.chance.u128(..)),
            digest: [0; 32],
        };
        let create = Command::CreateIntegration(Create {
            organization: own.clone(),
            definition,
            intervals,
            draft: self.chance.u32(0..6) == 0,
            request: Some(request),
        });
        let said = Said::Ask(principal(own), Box::new(create));
        if self.chance.u32(0..6) == 0 {
            self.operators.again.push(said.clone());
        }
        self.say(said);
    }

    fn intervals(&mut self, connector: &str) -> PerDataType<Interval> {
        let names: &[&str] = if connector == "ldap" {
            &["device", "user"]
        } else {
            &["device", "software", "user"]
        };
        let mut intervals = PerDataType::new();
        for name in names {
            if intervals.is_empty() || self.chance.bool() {
                let minutes = [1, 2, 3, 5, 10, 30][self.chance.usize(0..6)];
                let interval = Interval::new(Duration::from_secs(60 * minutes)).expect("in bounds");
                intervals.insert(data_type(name), interval);
            }
        }
        intervals
    }

    /// Who is to open an integration's secrets: mostly anybody, since few are sealed.
    fn sealed_to(&mut self) -> Option<Recipients> {
        let keys = match self.chance.u32(0..12) {
            0 => 0..1,
            1 => 1..2,
            2 => 0..2,
            _ => return None,
        };
        Recipients::new(keys.map(sealing_key)).ok()
    }

    /// Another definition of an integration, or something else that it collects.
    fn change(&mut self, integration: IntegrationId) -> Option<(Definition, PerDataType<Interval>)> {
        let found = self.spec.integrations.get(&integration)?;
        let own = found.organization.clone();
        let (mut definition, mut intervals) = (found.definition.clone(), found.intervals());
        match self.chance.u32(0..9) {
            8 => definition.sealed_to = self.sealed_to(),
            0 => {
                self.operators.names += 1;
                definition.configuration = configuration(&own, self.operators.names);
            }
            1 => {
                let name = ["hq", Pool::HOSTED, if own.as_str() == "acme" { "lab" } else { "hq" }];
                let name = name[self.chance.usize(0..3)];
                definition.pool = Pool::named(&own, &PoolName::new(name).expect("a name"));
            }
            2 => {
                self.operators.names += 1;
                let name = format!("Source {}", self.operators.names);
                definition.display_name = DisplayName::new(&name).expect("a name");
            }
            3..5 => definition.notifications = self.notifications(&own),
            5 => definition.notifications.enabled ^= !definition.notifications.recipients.is_empty(),
            _ => intervals = self.intervals(definition.connector.as_str()),
        }
        Some((definition, intervals))
    }

    /// Whom errors are told to, and when: mostly so soon that it happens in an hour, and sometimes as it is by default.
    fn notifications(&mut self, own: &OrganizationId) -> Notifications {
        if self.chance.u32(0..4) == 0 {
            return Notifications::default();
        }
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        let threshold = [1, 1_000, 2_000, 3_333, 5_000, 10_000][self.chance.usize(0..6)];
        let recovery = match self.chance.u32(0..3) {
            0 => None,
            1 => Some(threshold),
            _ => Some(self.chance.u32(1..=threshold)),
        };
        let share = |hundredths| Percent::from_hundredths(hundredths).expect("a share");
        let mut recipients = ["oncall", "lead", MOVED_AWAY]
            .map(|name| format!("{name}@{own}.example"))
            .to_vec();
        self.chance.shuffle(&mut recipients);
        recipients.truncate(self.chance.usize(1..=3));
        let notifications = Notifications {
            enabled: self.chance.u32(0..8) > 0,
            recipients: recipients
                .iter()
                .map(|one| EmailAddress::new(one).expect("an address"))
                .collect(),
            threshold: share(threshold),
            recovery: recovery.map(share),
            window: [1, 2, 5, 15, 60, 1_440].map(minutes)[self.chance.usize(0..6)],
            sample_min: [1, 1, 2, 5][self.chance.usize(0..4)],
            hold: [0, 0, 1, 3, 60].map(minutes)[self.chance.usize(0..5)],
            reminder: [None, Some(1), Some(5), Some(1_440)][self.chance.usize(0..4)].map(minutes),
        };
        if let Err(error) = notifications.judge() {
            broken!("what people choose is refused: {error}");
        }
        notifications
    }

    fn some_version(&mut self, integration: IntegrationId) -> Option<u32> {
        let version = self.spec.integrations.get(&integration)?.version;
        match self.chance.u32(0..6) {
            0 => Some(version.saturating_sub(1)),
            1..3 => Some(version),
            _ => None,
        }
    }

    fn some_open(&mut self, own: &OrganizationId) -> Option<ExecutionId> {
        let open = self.spec.open_executions();
        let open: Vec<ExecutionId> = open
            .filter(|id| self.spec.executions[id].organization == *own)
            .collect();
        (!open.is_empty()).then(|| open[self.chance.usize(0..open.len())])
    }

    pub(crate) fn say(&mut self, said: Said) {
        if self.coordinator.is_none() {
            return;
        }
        if let Said::Ask(by, command) = &said
            && self.trace.is_on()
        {
            let text = self.trace.shortened(&format!("{command:?}"));
            let short: String = text.chars().take(150).collect();
            say!(self, "{by}: {short}");
        }
        let id = self.operators.next;
        self.operators.next += 1;
        self.operators.pending.insert(id, said.clone());
        self.start(Work::Operate(id, said));
    }

    /// Somebody hears the answer.
    pub(crate) fn operated(&mut self, id: u64, heard: Heard) {
        let Some(said) = self.operators.pending.remove(&id) else {
            return;
        };
        match (said, heard) {
            (Said::Ask(by, command), Heard::Answer(answer, sequence, ending)) => {
                self.check_told(sequence, "an operator's answer");
                match answer {
                    Ok(answer) => {
                        self.operators.answered.insert(id);
                        self.note_told(&by, &command, &answer);
                        if let (Command::Check(asked), Answer::Checking { check, .. }, Some(ending)) =
                            (&*command, &answer, ending)
                        {
                            self.await_check(*check, asked.integration, ending);
                        }
                    }
                    Err(rejection) => self.check_rejected(&command, &rejection),
                }
            }
            (Said::Page(integration, ended), Heard::Page(page)) => self.check_page(integration, &ended, &page),
            (said, heard) => broken!("{heard:?} answers {said:?}"),
        }
    }

    /// The process has ended, and nobody hears anything of it.
    pub(crate) fn operators_lose_the_coordinator(&mut self) {
        self.forget_waiting();
        for said in std::mem::take(&mut self.operators.pending).into_values() {
            if let Said::Ask(_, command) = &said
                && matches!(**command, Command::CreateIntegration(_))
            {
                self.operators.again.push(said);
            }
        }
    }
}

/// In whose name the service's own staff asks.
fn staff() -> Principal {
    Principal::Operator("staff".into())
}

/// In whose name somebody of an organization asks.
pub(crate) fn principal(organization: &OrganizationId) -> Principal {
    Principal::Operator(organization.as_str().into())
}

fn configuration(own: &OrganizationId, number: u32) -> Configuration {
    Configuration::new(&format!("{{\"of\":\"{own} {number}\"}}")).expect("small")
}
