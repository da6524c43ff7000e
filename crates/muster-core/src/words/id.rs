//! Identifiers: time-ordered, so that what is made later sorts later, in memory and on disk.

use std::fmt;
use std::str::FromStr;

use crate::time::Stamp;

/// A text that is no identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an identifier: it must be a UUID such as `01936b1e-2f3a-7c4d-8e5f-0123456789ab`")]
pub struct IdError {
    /// What was given, cut to 64 characters.
    pub text: String,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        // A number of 16 bytes would have to lie at a multiple of 16, and leave gaps before and behind it in all that has one: there are millions.
        #[repr(Rust, packed(8))]
        pub struct $name(pub u128);

        impl $name {
            /// A new identifier (UUID version 7) for something that is made at `now`.
            #[must_use]
            pub fn generate(now: Stamp, chance: &mut fastrand::Rng) -> Self {
                let mut random = [0; 10];
                chance.fill(&mut random);
                Self(uuid::Builder::from_unix_timestamp_millis(now.millis(), &random).into_uuid().as_u128())
            }

            /// Its 16 bytes, big-endian: they sort as the identifiers do.
            #[must_use]
            pub fn to_bytes(self) -> [u8; 16] {
                self.0.to_be_bytes()
            }

            /// The identifier of these bytes.
            #[must_use]
            pub fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(u128::from_be_bytes(bytes))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                uuid::Uuid::from_u128(self.0).hyphenated().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                uuid::Uuid::try_parse(text)
                    .map(|id| Self(id.as_u128()))
                    .map_err(|_| IdError { text: text.chars().take(64).collect() })
            }
        }
    };
}

id!(
    /// Names an integration.
    IntegrationId
);
id!(
    /// Names an execution. Newer executions have greater ids (to the millisecond).
    ExecutionId
);
id!(
    /// Names a runner: made by the runner at its first start and kept in its folder.
    RunnerId
);
id!(
    /// Names one check-in of a runner: one stream, from its hello to its end.
    SessionId
);
id!(
    /// Names an incident. Newer incidents have greater ids (to the millisecond).
    IncidentId
);
id!(
    /// Names a check of an integration: it is told to whoever waits for it, and kept nowhere.
    CheckId
);
id!(
    /// Names a person who may do something.
    PersonId
);
id!(
    /// Names a token. It is a part of its text.
    TokenId
);
id!(
    /// Names an enrollment token: the part of it that is no secret.
    EnrollmentTokenId
);
id!(
    /// Names a request: any UUID that its caller has chosen, which says nothing about time.
    RequestId
);

impl ExecutionId {
    /// When it was made, to the millisecond.
    #[must_use]
    pub fn made(self) -> Stamp {
        // The first 48 bits of a UUIDv7 are milliseconds since the Unix epoch.
        Stamp::from_millis((self.0 >> 80) as u64)
    }
}

impl IntegrationId {
    /// A number that belongs to this integration and is spread evenly over all of them: the source of its phase on the schedule's grid.
    #[must_use]
    pub fn spread(self) -> u64 {
        // The low half of a UUIDv7 is two fixed bits and 62 random ones.
        #[expect(clippy::cast_possible_truncation, reason = "the low half is what is wanted")]
        let low = self.0 as u64;
        low & (u64::MAX >> 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn later_ids_are_greater_and_survive_their_text() {
        let mut chance = fastrand::Rng::with_seed(1);
        let earlier = ExecutionId::generate(Stamp::from_millis(1_000), &mut chance);
        let later = ExecutionId::generate(Stamp::from_millis(1_001), &mut chance);
        assert!(earlier < later);
        assert_eq!(later.made(), Stamp::from_millis(1_001));
        assert_eq!(later.to_string().parse(), Ok(later));
        assert_eq!(ExecutionId::from_bytes(later.to_bytes()), later);
    }

    #[test]
    fn a_text_that_is_no_id_is_named_and_cut() {
        let error = "x".repeat(1_000).parse::<RunnerId>().expect_err("no id");
        assert_eq!(error.text.len(), 64);
    }
}
