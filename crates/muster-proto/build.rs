//! Compiles `proto/muster/v1/*.proto` with a compiler written in Rust, so that no `protoc` needs to be installed. A call that does not say who may make
//! it does not compile.

use std::collections::BTreeMap;
use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

use protox::prost_reflect::{
    DescriptorPool, ExtensionDescriptor, FieldDescriptor, Kind, MessageDescriptor, MethodDescriptor,
};

/// The package of all that is compiled here.
const PACKAGE: &str = "muster.v1";

/// The option by which a call says who may make it.
const RULE: &str = "muster.v1.rule";

/// The scopes whose callers have roles, and those whose callers have none: the numbers of `muster.v1.Scope`.
const WITH_ROLE: [i32; 2] = [1, 2];
const WITHOUT_ROLE: [i32; 3] = [3, 4, 5];

fn main() -> Result<(), Box<dyn Error>> {
    // Asked when it runs, not when it was compiled: a target folder that two checkouts share has one build script, and two places for it to run.
    let manifest = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let include = manifest.join("../../proto");
    let package = include.join("muster/v1");
    println!("cargo::rerun-if-changed={}", package.display());

    let mut compiler = protox::Compiler::new([&include])?;
    compiler.include_imports(true).include_source_info(true);
    compiler.open_files(proto_files(&package)?)?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    // Encoded by the compiler, whose own descriptors have the options that are defined here.
    fs::write(out.join("muster.v1.descriptors"), compiler.encode_file_descriptor_set())?;
    fs::write(out.join("rules.rs"), rules(&compiler.descriptor_pool())?)?;
    fs::write(out.join("named.rs"), named(&compiler.descriptor_pool()))?;
    tonic_prost_build::configure()
        // Identifiers and chunks of records are slices of the message that they came in, not copies.
        .bytes(".muster.v1")
        .codec_path("crate::codec::SmallBuffers")
        .compile_fds(compiler.file_descriptor_set())?;
    Ok(())
}

/// The package's files, sorted, so that the same sources give the same descriptors.
fn proto_files(package: &Path) -> Result<Vec<PathBuf>, Box<dyn Error>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(package)? {
        let path = entry?.path();
        if path.extension().is_some_and(|extension| extension == "proto") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

/// Who may make each call, as the text of a constant, sorted by the calls' paths.
fn rules(pool: &DescriptorPool) -> Result<String, Box<dyn Error>> {
    let option = pool.get_extension_by_name(RULE).ok_or("there is no option for rules")?;
    let services = pool.services().filter(|service| service.package_name() == PACKAGE);
    let mut lines = Vec::new();
    for service in services {
        for method in service.methods() {
            let path = format!("{}/{}", service.full_name(), method.name());
            let (role, scope, audited) = rule(&method, &option).map_err(|fault| format!("{path} {fault}"))?;
            lines.push(format!(
                "    (\"{path}\", v1::Rule {{ role: {role}, scope: {scope}, audited: {audited} }}),\n"
            ));
        }
    }
    lines.sort();
    Ok(format!("&[\n{}]\n", lines.concat()))
}

/// How each request says what it is about, as the text of implementations: by its name, by its parent, or by the name of what it holds.
fn named(pool: &DescriptorPool) -> String {
    let services = pool.services().filter(|service| service.package_name() == PACKAGE);
    let methods = services.flat_map(|service| service.methods().collect::<Vec<_>>());
    let inputs = methods.map(|method| method.input());
    let inputs = inputs.filter(|input| input.package_name() == PACKAGE);
    let inputs: BTreeMap<String, MessageDescriptor> = inputs.map(|input| (input.name().to_owned(), input)).collect();
    let is_text = |field: FieldDescriptor| field.kind() == Kind::String && !field.is_list();
    let mut text = String::new();
    for (name, input) in inputs {
        let own = ["name", "parent", "organization_id"];
        let own = own
            .into_iter()
            .find(|own| input.get_field_by_name(own).is_some_and(is_text));
        let held = input.fields().find(|field| match field.kind() {
            Kind::Message(held) => !field.is_list() && held.get_field_by_name("name").is_some_and(is_text),
            _ => false,
        });
        let resource = match (own, held) {
            (Some(own), _) => format!("&self.{own}"),
            (None, Some(held)) => format!("self.{}.as_ref().map_or(\"\", |held| &held.name)", held.name()),
            (None, None) => "\"\"".to_owned(),
        };
        let request = match input
            .get_field_by_name("request_id")
            .filter(|field| is_text(field.clone()))
        {
            Some(_) => "&self.request_id",
            None => "\"\"",
        };
        text.push_str(&format!(
            "impl Named for v1::{name} {{\n    fn resource(&self) -> &str {{\n        {resource}\n    }}\n\n    fn request_id(&self) -> &str {{\n        {request}\n    }}\n}}\n"
        ));
    }
    text
}

/// The role and the scope that a call asks for, and whether it is audited.
fn rule(method: &MethodDescriptor, option: &ExtensionDescriptor) -> Result<(i32, i32, bool), String> {
    let options = method.options();
    if !options.has_extension(option) {
        return Err(format!(
            "does not say who may make it: give it a rule, such as `option ({RULE}) = {{role: ROLE_OPERATOR, scope: SCOPE_ORGANIZATION}};`"
        ));
    }
    let rule = options.get_extension(option);
    let number = |field: &str| {
        let message = rule.as_message();
        let value = message.and_then(|rule| Some(rule.get_field_by_name(field)?.as_enum_number()));
        value.flatten().unwrap_or_default()
    };
    let (role, scope) = (number("role"), number("scope"));
    let audited = rule
        .as_message()
        .and_then(|rule| rule.get_field_by_name("audited")?.as_bool());
    let audited = audited.unwrap_or_default();
    match role {
        0 if WITHOUT_ROLE.contains(&scope) => Ok((role, scope, audited)),
        1.. if WITH_ROLE.contains(&scope) => Ok((role, scope, audited)),
        _ => Err(
            "has a rule that says too little or too much: the scopes `SCOPE_ORGANIZATION` and `SCOPE_SERVICE` need a role, and the others have none"
                .to_owned(),
        ),
    }
}
