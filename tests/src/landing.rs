//! The landing's folder, read as a consumer reads it: by its files alone.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

/// What an execution has published.
#[derive(Debug, Clone)]
pub struct Published {
    /// The file of its records.
    pub data: PathBuf,
    /// Its records as they were uploaded: JSON lines.
    pub lines: Vec<u8>,
    /// Its manifest.
    pub manifest: Value,
}

impl Published {
    /// The records.
    ///
    /// # Panics
    /// When a line is no JSON.
    #[must_use]
    pub fn records(&self) -> Vec<Value> {
        records(&self.lines)
    }
}

/// The records of JSON lines.
///
/// # Panics
/// When a line is no JSON.
pub(crate) fn records(lines: &[u8]) -> Vec<Value> {
    let lines = lines.split_inclusive(|byte| *byte == b'\n');
    lines
        .map(|line| serde_json::from_slice(line).expect("each line is one JSON value"))
        .collect()
}

/// All that is published in a landing, by the execution's id.
///
/// # Panics
/// When an execution has two files of records, or a file without a manifest, or one that is not readable.
#[must_use]
pub fn published(landing: &Path) -> BTreeMap<String, Published> {
    let mut found = BTreeMap::new();
    for data in files(landing) {
        let Some(id) = name(&data).strip_suffix(".jsonl.zst").map(str::to_owned) else {
            continue;
        };
        let compressed = fs::read(&data).expect("published records can be read");
        let lines = zstd::decode_all(compressed.as_slice()).expect("published records are whole");
        let manifest = fs::read(data.with_file_name(format!("_{id}.manifest.json")));
        let manifest = manifest.unwrap_or_else(|error| panic!("{} has no manifest: {error}", data.display()));
        let manifest = serde_json::from_slice(&manifest).expect("a manifest is JSON");
        let before = found.insert(id, Published { data, lines, manifest });
        assert!(
            before.is_none(),
            "the records of an execution are there twice: {before:?}"
        );
    }
    found
}

/// All files that are staged and not published, but for the landing's own lock.
#[must_use]
pub fn staged_files(landing: &Path) -> Vec<PathBuf> {
    let is_staged = |file: &PathBuf| matches!(file.extension().and_then(|it| it.to_str()), Some("part" | "json"));
    files(&landing.join(".staging")).into_iter().filter(is_staged).collect()
}

fn name(file: &Path) -> &str {
    file.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

/// All files below a folder; none when there is no such folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let paths = entries.map(|entry| entry.expect("a folder can be listed").path());
    paths
        .flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] })
        .collect()
}
