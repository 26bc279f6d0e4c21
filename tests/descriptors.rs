//! The wire facts of our descriptors stand in `tests/golden/descriptors.txt`, which
//! `tests/python/test_descriptors.py` compares with an installed SDK. `UPDATE=1` writes it.

use std::{collections::BTreeSet, env, fs, path::Path};

use livekit_ffi::proto;
use prost::Message as _;
use prost_types::{
    DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorSet,
    field_descriptor_proto::{Label, Type},
};

const GOLDEN: &str = "tests/golden/descriptors.txt";

fn descriptors() -> FileDescriptorSet {
    FileDescriptorSet::decode(proto::DESCRIPTORS).expect("build.rs wrote a descriptor set")
}

/// One line a file, enum value, message and field, sorted: `kind name facts`.
fn facts(set: &FileDescriptorSet) -> BTreeSet<String> {
    let mut lines = BTreeSet::new();
    for file in &set.file {
        let package = file.package();
        lines.insert(format!("file {} package {package}", file.name()));
        for message in &file.message_type {
            message_facts(&mut lines, package, message);
        }
        for item in &file.enum_type {
            enum_facts(&mut lines, package, item);
        }
    }
    lines
}

fn message_facts(lines: &mut BTreeSet<String>, scope: &str, message: &DescriptorProto) {
    let name = format!("{scope}.{}", message.name());
    let map = message
        .options
        .as_ref()
        .is_some_and(|options| options.map_entry());
    lines.insert(format!("message {name}{}", if map { " map" } else { "" }));
    for field in &message.field {
        lines.insert(field_facts(&name, message, field));
    }
    for nested in &message.nested_type {
        message_facts(lines, &name, nested);
    }
    for item in &message.enum_type {
        enum_facts(lines, &name, item);
    }
}

fn field_facts(name: &str, message: &DescriptorProto, field: &FieldDescriptorProto) -> String {
    let kind = match field.r#type() {
        Type::Message | Type::Enum => field.type_name().trim_start_matches('.').to_owned(),
        other => other
            .as_str_name()
            .trim_start_matches("TYPE_")
            .to_lowercase(),
    };
    let label = match field.label() {
        Label::Optional => "optional",
        Label::Required => "required",
        Label::Repeated => "repeated",
    };
    let mut line = format!(
        "field {name}.{} = {} {kind} {label}",
        field.name(),
        field.number()
    );
    if let Some(index) = field.oneof_index {
        line += &format!(
            " oneof {}",
            message.oneof_decl[usize::try_from(index).expect("an index")].name()
        );
    }
    if let Some(default) = &field.default_value {
        line += &format!(" default {default}");
    }
    line
}

fn enum_facts(lines: &mut BTreeSet<String>, scope: &str, item: &EnumDescriptorProto) {
    let name = format!("{scope}.{}", item.name());
    lines.insert(format!("enum {name}"));
    for value in &item.value {
        lines.insert(format!(
            "value {name}.{} = {}",
            value.name(),
            value.number()
        ));
    }
}

fn members(message: &str) -> Vec<String> {
    let set = descriptors();
    let ffi = set
        .file
        .iter()
        .find(|file| file.name() == "ffi.proto")
        .expect("ffi.proto is part of the protocol");
    let message = ffi
        .message_type
        .iter()
        .find(|item| item.name() == message)
        .expect("a message of ffi.proto");
    message
        .field
        .iter()
        .map(|field| field.name().to_owned())
        .collect()
}

#[test]
fn the_checked_in_facts_are_those_of_the_build() {
    let path = Path::new(GOLDEN);
    let mut text = facts(&descriptors())
        .into_iter()
        .collect::<Vec<_>>()
        .join("\n");
    text.push('\n');
    if env::var_os("UPDATE").is_some() {
        fs::write(path, &text).expect("the golden file can be written");
    }
    let golden = fs::read_to_string(path).unwrap_or_default();
    assert!(golden == text, "{GOLDEN} is out of date: run `make header`");
}

#[test]
fn the_protocol_is_as_large_as_the_official_one_and_our_additions() {
    // 90 requests, 89 responses and 47 events of the official SDK, one each of ours.
    assert_eq!(members("FfiRequest").len(), 90 + 1);
    assert_eq!(members("FfiResponse").len(), 89 + 1);
    assert_eq!(members("FfiEvent").len(), 47 + 1);
}
