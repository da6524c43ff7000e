//! Messages of the API as JSON: the canonical JSON of protocol buffers, but with the field names of the `.proto` files, numbers as
//! numbers, and present where they are zero or empty (but for messages, times and `optional` fields without a value).

use std::sync::LazyLock;

use muster_proto::v1;
use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, SerializeOptions};
use serde::{Serialize, Serializer};

/// A message that can be printed.
pub trait Document: Message {
    /// Its full name in the package.
    const NAME: &'static str;
}

macro_rules! document {
    ($($message:ident),*) => {
        $(impl Document for v1::$message {
            const NAME: &'static str = concat!("muster.v1.", stringify!($message));
        })*
    };
}

document!(
    Integration,
    SummarizeIntegrationsResponse,
    Execution,
    Incident,
    SendTestMailResponse,
    LogLine,
    Runner,
    Connector,
    Person,
    Token,
    CreateTokenResponse,
    WhoAmIResponse,
    Organization,
    EnrollmentToken,
    CreatedEnrollmentToken,
    RunnerIdentity,
    Authority,
    AuditEntry
);

/// A message, to be written as JSON.
#[derive(Debug)]
pub struct Json<'a, M>(pub &'a M);

/// All of these, to be written as an array.
pub fn list<M>(messages: &[M]) -> Vec<Json<'_, M>> {
    messages.iter().map(Json).collect()
}

static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
    DescriptorPool::decode(muster_proto::FILE_DESCRIPTOR_SET)
        .expect("the descriptors were made by the build that made the messages")
});

impl<M: Document> Serialize for Json<'_, M> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let descriptor = POOL
            .get_message_by_name(M::NAME)
            .expect("the names above are those of the package, as a test sees to");
        let mut message = DynamicMessage::new(descriptor);
        message
            .merge(self.0.encode_to_vec().as_slice())
            .map_err(serde::ser::Error::custom)?;
        let options = SerializeOptions::new()
            .use_proto_field_name(true)
            .stringify_64_bit_integers(false)
            .skip_default_fields(false);
        message.serialize_with_options(serializer, &options)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys<M: Document + Default>() -> usize {
        let value = serde_json::to_value(Json(&M::default())).expect("JSON");
        value.as_object().expect("an object").len()
    }

    #[test]
    fn every_message_is_found_by_its_name() {
        for keys in [
            keys::<v1::Integration>(),
            keys::<v1::Execution>(),
            keys::<v1::SendTestMailResponse>(),
            keys::<v1::LogLine>(),
            keys::<v1::Runner>(),
            keys::<v1::Connector>(),
            keys::<v1::Organization>(),
        ] {
            assert!(keys > 0);
        }
    }

    #[test]
    fn names_are_those_of_the_proto_files_and_numbers_are_numbers() {
        let execution = v1::Execution {
            data_type: "user".to_owned(),
            status: v1::ExecutionStatus::Completed.into(),
            end_time: Some(prost_types::Timestamp { seconds: 1, nanos: 0 }),
            counts: Some(v1::Counts { records: 3, bytes: 90 }),
            ..v1::Execution::default()
        };
        let value = serde_json::to_value(Json(&execution)).expect("JSON");
        assert_eq!(value["data_type"], "user");
        assert_eq!(value["status"], "EXECUTION_STATUS_COMPLETED");
        assert_eq!(value["end_time"], "1970-01-01T00:00:01Z");
        assert_eq!(value["counts"], serde_json::json!({"records": 3, "bytes": 90}));
        assert_eq!(value["attempt"], 0);
    }
}
