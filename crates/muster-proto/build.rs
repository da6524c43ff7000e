//! Compiles `proto/muster/v1/*.proto` with a compiler written in Rust, so that no `protoc` needs to be installed.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

use prost::Message;

fn main() -> Result<(), Box<dyn Error>> {
    // Asked when it runs, not when it was compiled: a target folder that two checkouts share has one build script, and two places for it to run.
    let manifest = PathBuf::from(env::var("CARGO_MANIFEST_DIR")?);
    let include = manifest.join("../../proto");
    let package = include.join("muster/v1");
    println!("cargo::rerun-if-changed={}", package.display());

    let descriptors = protox::compile(proto_files(&package)?, [&include])?;
    let out = PathBuf::from(env::var("OUT_DIR")?);
    fs::write(out.join("muster.v1.descriptors"), descriptors.encode_to_vec())?;
    tonic_prost_build::configure()
        // Identifiers and chunks of records are slices of the message that they came in, not copies.
        .bytes(".muster.v1")
        .codec_path("crate::codec::SmallBuffers")
        .compile_fds(descriptors)?;
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
