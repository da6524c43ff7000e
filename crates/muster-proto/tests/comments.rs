//! Everything of the wire says what it means, and every call its errors: also to whoever asks by server reflection, since the descriptors keep it.

use std::collections::{BTreeMap, BTreeSet};

use muster_proto::FILE_DESCRIPTOR_SET;
use prost::Message as _;
use prost_types::{DescriptorProto, EnumDescriptorProto, FileDescriptorProto, FileDescriptorSet};

/// The numbers of fields in the descriptors' own messages, of which the place of a comment is made.
mod place {
    pub const MESSAGE: i32 = 4;
    pub const ENUM: i32 = 5;
    pub const SERVICE: i32 = 6;
    pub const METHOD_OF_SERVICE: i32 = 2;
    pub const FIELD_OF_MESSAGE: i32 = 2;
    pub const MESSAGE_OF_MESSAGE: i32 = 3;
    pub const ENUM_OF_MESSAGE: i32 = 4;
    pub const ONEOF_OF_MESSAGE: i32 = 8;
    pub const VALUE_OF_ENUM: i32 = 2;
}

/// The comments of one file by what they belong to: `Runner.clock_skew`.
#[derive(Default)]
struct Comments {
    kept: BTreeMap<Vec<i32>, String>,
    named: BTreeMap<String, String>,
}

impl Comments {
    fn of(file: &FileDescriptorProto) -> Self {
        let mut comments = Self::default();
        let info = file
            .source_code_info
            .as_ref()
            .expect("the descriptors keep their source");
        for location in &info.location {
            comments
                .kept
                .insert(location.path.clone(), location.leading_comments().to_owned());
        }
        for (index, message) in (0..).zip(&file.message_type) {
            comments.message(&[place::MESSAGE, index], message.name(), message);
        }
        for (index, one) in (0..).zip(&file.enum_type) {
            comments.enumeration(&[place::ENUM, index], one.name(), one);
        }
        for (index, service) in (0..).zip(&file.service) {
            let at = [place::SERVICE, index];
            comments.note(&at, service.name());
            for (index, method) in (0..).zip(&service.method) {
                let name = format!("{}.{}", service.name(), method.name());
                comments.note(&[&at[..], &[place::METHOD_OF_SERVICE, index]].concat(), &name);
            }
        }
        comments
    }

    fn note(&mut self, at: &[i32], name: &str) {
        let said = self.kept.get(at).cloned().unwrap_or_default();
        self.named.insert(name.to_owned(), said);
    }

    fn message(&mut self, at: &[i32], name: &str, message: &DescriptorProto) {
        self.note(at, name);
        let inner = |kind, index| [at, &[kind, index]].concat();
        for (index, field) in (0..).zip(&message.field) {
            self.note(
                &inner(place::FIELD_OF_MESSAGE, index),
                &format!("{name}.{}", field.name()),
            );
        }
        // An `optional` field has a oneof of its own, which nobody has written.
        let written = message.oneof_decl.iter().filter(|one| !one.name().starts_with('_'));
        for (index, one) in (0..).zip(written) {
            self.note(
                &inner(place::ONEOF_OF_MESSAGE, index),
                &format!("{name}.{}", one.name()),
            );
        }
        for (index, nested) in (0..).zip(&message.nested_type) {
            self.message(
                &inner(place::MESSAGE_OF_MESSAGE, index),
                &format!("{name}.{}", nested.name()),
                nested,
            );
        }
        for (index, nested) in (0..).zip(&message.enum_type) {
            self.enumeration(
                &inner(place::ENUM_OF_MESSAGE, index),
                &format!("{name}.{}", nested.name()),
                nested,
            );
        }
    }

    fn enumeration(&mut self, at: &[i32], name: &str, one: &EnumDescriptorProto) {
        self.note(at, name);
        for (index, value) in (0..).zip(&one.value) {
            let at = [at, &[place::VALUE_OF_ENUM, index]].concat();
            self.note(&at, &format!("{name}.{}", value.name()));
        }
    }
}

fn files() -> Vec<FileDescriptorProto> {
    let set = FileDescriptorSet::decode(FILE_DESCRIPTOR_SET).expect("a set");
    set.file
        .into_iter()
        .filter(|file| file.package() == "muster.v1")
        .collect()
}

#[test]
fn every_service_call_message_field_and_value_has_a_comment() {
    let mut count = 0;
    for file in files() {
        for (name, comment) in Comments::of(&file).named {
            let said = comment.trim();
            assert!(
                said.ends_with(['.', ':', '`']),
                "{}: {name} says no sentence: {said:?}",
                file.name()
            );
            count += 1;
        }
    }
    assert!(count > 300, "all of them were seen: {count}");
}

#[test]
fn every_call_names_its_errors_and_only_those_that_there_are() {
    let files = files();
    let reasons: BTreeSet<String> = files
        .iter()
        .flat_map(|file| &file.enum_type)
        .filter(|one| one.name() == "ErrorReason")
        .flat_map(|one| &one.value)
        .map(|value| value.name().trim_start_matches("ERROR_REASON_").to_owned())
        .collect();
    for file in &files {
        let named = Comments::of(file).named;
        for service in &file.service {
            for method in &service.method {
                let name = format!("{}.{}", service.name(), method.name());
                let (_, errors) = named[&name]
                    .split_once("Errors")
                    .unwrap_or_else(|| panic!("{name} names no errors"));
                let words = errors.split(|one: char| !one.is_ascii_uppercase() && one != '_');
                let told: Vec<_> = words.filter(|word| word.contains('_')).collect();
                assert!(!told.is_empty(), "{name} names no errors");
                for reason in told {
                    assert!(reasons.contains(reason), "{name} names {reason}, which is no reason");
                }
            }
        }
    }
}
