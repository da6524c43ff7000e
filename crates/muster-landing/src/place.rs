//! The names of things in the landing.

use std::fmt;

use jiff::Timestamp;
use muster_core::entity::Execution;
use muster_core::words::{Attempt, DataType, ExecutionId, IntegrationId, OrganizationId, StagedId};
use object_store::path::Path;

/// The folder of what is not to be seen.
pub(super) const STAGING: &str = ".staging";

/// To whom and what the records of an execution belong: all that decides where they lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// Whose they are.
    pub organization: OrganizationId,
    /// What they were collected from.
    pub integration: IntegrationId,
    /// What they are.
    pub data_type: DataType,
    /// Which collection it was. Its id tells the date of the folder.
    pub execution: ExecutionId,
}

impl Destination {
    /// Where the records of this execution belong.
    #[must_use]
    pub fn of(execution: &Execution) -> Self {
        Self {
            organization: execution.organization.clone(),
            integration: execution.integration,
            data_type: execution.data_type.clone(),
            execution: execution.id,
        }
    }

    pub(super) fn folder(&self) -> Path {
        Path::from(format!(
            "organization={}/integration={}/data_type={}/date={}",
            self.organization,
            self.integration,
            self.data_type,
            created(self.execution).strftime("%F")
        ))
    }

    pub(super) fn data(&self) -> Path {
        self.folder().join(format!("{}.jsonl.zst", self.execution))
    }

    pub(super) fn manifest(&self) -> Path {
        self.folder().join(format!("_{}.manifest.json", self.execution))
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.data().fmt(f)
    }
}

/// When an execution was created, by its id (UTC).
pub(super) fn created(execution: ExecutionId) -> Timestamp {
    let bytes = execution.to_bytes();
    let millis = bytes[..6].iter().fold(0, |millis, byte| millis << 8 | u64::from(*byte));
    timestamp(millis)
}

/// The time `millis` milliseconds after the Unix epoch; the last one that can be written for all that are later, in the year 9999.
pub(super) fn timestamp(millis: u64) -> Timestamp {
    let millis = i64::try_from(millis).unwrap_or(i64::MAX);
    Timestamp::from_millisecond(millis).unwrap_or(Timestamp::MAX)
}

/// The name of one upload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct StagedName {
    pub execution: ExecutionId,
    pub attempt: Attempt,
    /// Tells the uploads of this landing apart; a newer one has a greater.
    pub ordinal: u64,
}

impl StagedName {
    pub(super) fn id(self) -> StagedId {
        StagedId(self.to_string())
    }

    /// `None` when a landing never named anything like that.
    pub(super) fn of(id: &StagedId) -> Option<Self> {
        let mut pieces = id.0.split('.');
        let name = Self::parse(&mut pieces)?;
        (pieces.next().is_none() && name.to_string() == id.0).then_some(name)
    }

    /// The name and the rest (`part`, `json`, `part#1`, …) of a file in the staging folder. `None` for a file that is none of the landing's.
    pub(super) fn of_file(file: &str) -> Option<(Self, &str)> {
        let mut pieces = file.splitn(4, '.');
        let name = Self::parse(&mut pieces)?;
        Some((name, pieces.next()?))
    }

    fn parse<'a>(pieces: &mut impl Iterator<Item = &'a str>) -> Option<Self> {
        Some(Self {
            execution: pieces.next()?.parse().ok()?,
            attempt: Attempt(pieces.next()?.parse().ok()?),
            ordinal: pieces.next()?.parse().ok()?,
        })
    }

    /// The records.
    pub(super) fn part(self) -> Path {
        Path::from(format!("{}/{self}.part", shelf(self.execution)))
    }

    /// What tells about them, and that they are whole.
    pub(super) fn manifest(self) -> Path {
        Path::from(format!("{}/{self}.json", shelf(self.execution)))
    }
}

impl fmt::Display for StagedName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.execution, self.attempt, self.ordinal)
    }
}

/// The folder in which everything staged of this execution lies. There are always all 256 of them, so that none is made or removed while
/// uploads run, and a list of one is short even when publishing has been impossible for long.
pub(super) fn shelf(execution: ExecutionId) -> Path {
    let [.., last] = execution.to_bytes();
    numbered_shelf(last)
}

/// All such folders.
pub(super) fn shelves() -> impl Iterator<Item = Path> {
    (0..=u8::MAX).map(numbered_shelf)
}

fn numbered_shelf(number: u8) -> Path {
    Path::from(format!("{STAGING}/{number:02x}"))
}

#[cfg(test)]
mod tests {
    use muster_core::time::Stamp;

    use super::*;

    #[test]
    fn an_execution_lies_under_the_day_of_its_creation() {
        let mut chance = fastrand::Rng::with_seed(1);
        let mut destination = |millis| Destination {
            organization: OrganizationId::new("acme").expect("a name"),
            integration: IntegrationId(1),
            data_type: DataType::new("device").expect("a name"),
            execution: ExecutionId::generate(Stamp::from_millis(millis), &mut chance),
        };
        let days = [1_772_323_199_999, 1_772_323_200_000]
            .map(&mut destination)
            .map(|place| place.folder().to_string());
        let folder = "organization=acme/integration=00000000-0000-0000-0000-000000000001/data_type=device/date=";
        assert_eq!(days, [format!("{folder}2026-02-28"), format!("{folder}2026-03-01")]);
    }

    #[test]
    fn an_id_of_any_time_has_a_date() {
        assert_eq!(created(ExecutionId(7)).strftime("%F").to_string(), "1970-01-01");
        assert_eq!(created(ExecutionId(u128::MAX)).strftime("%F").to_string(), "9999-12-30");
    }

    #[test]
    fn names_survive_their_text() {
        let name = StagedName {
            execution: ExecutionId(0xabcd),
            attempt: Attempt(2),
            ordinal: 17,
        };
        assert_eq!(StagedName::of(&name.id()), Some(name));
        assert_eq!(StagedName::of_file(&format!("{name}.part#1")), Some((name, "part#1")));
        assert_eq!(name.part().to_string(), format!(".staging/cd/{name}.part"));
        for bad in ["", "../../x", "lock", &format!("{name}.part"), &format!("{name}/..")] {
            assert_eq!(StagedName::of(&StagedId(bad.to_owned())), None, "{bad}");
        }
    }
}
