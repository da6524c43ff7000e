//! What a power cut leaves of what was done to files: what was synced, and of the rest whatever the disk had come to.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

use super::recording::{Call, Time, What};

/// What a disk writes at once: it is there, or what was there before.
const BLOCK: usize = 4096;

/// A file, whatever its name is.
type Id = usize;

/// A change of a file.
#[derive(Debug, Clone, Copy)]
enum Change<'a> {
    Write(usize, &'a [u8]),
    Truncate(usize),
}

/// Writes into `goal` what is left of `base` when the power is cut at `cut`. Of what no sync covers each block is as some time since the last sync had
/// it. `counts` says which syncs count, from whether it was one of data only, and of which file.
pub(super) fn rebuild(
    calls: &[Call],
    (base, place): (&Path, &Path),
    cut: Time,
    counts: impl Fn(bool, &Path) -> bool,
    chance: &mut fastrand::Rng,
    goal: &Path,
) {
    let mut names = Names::of(base, place);
    let mut contents: Vec<Vec<u8>> = names
        .durable
        .keys()
        .map(|name| fs::read(base.join(name)).unwrap())
        .collect();
    // By file: what was done to it, when it was done, and in which order.
    let mut changes: HashMap<Id, Vec<(Option<Time>, Change<'_>)>> = HashMap::new();
    let mut synced: HashMap<Id, Vec<Time>> = HashMap::new();
    let mut lengths: Vec<usize> = contents.iter().map(Vec::len).collect();
    for call in calls.iter().take_while(|call| call.begin < cut) {
        let end = call.end.filter(|end| *end < cut);
        match &call.what {
            What::Make(path) => {
                if let Some(name) = names.inside(path)
                    && !names.now.contains_key(&name)
                {
                    contents.push(Vec::new());
                    lengths.push(0);
                    names.change(end, Renaming::Make(name, contents.len() - 1));
                }
            }
            What::Write { file, offset, bytes } => {
                if let Some(id) = names.id(file) {
                    let at = offset.unwrap_or(lengths[id]);
                    lengths[id] = lengths[id].max(at + bytes.len());
                    changes.entry(id).or_default().push((end, Change::Write(at, bytes)));
                }
            }
            What::Truncate(file, length) => {
                if let Some(id) = names.id(file) {
                    lengths[id] = *length;
                    changes.entry(id).or_default().push((end, Change::Truncate(*length)));
                }
            }
            What::Sync { file, data_only } if end.is_some() && counts(*data_only, file) => {
                if let Some(id) = names.id(file) {
                    synced.entry(id).or_default().push(call.begin);
                } else if file.starts_with(place) {
                    names.sync(call.begin);
                }
            }
            What::Rename(from, to) => {
                if let (Some(from), Some(to)) = (names.inside(from), names.inside(to)) {
                    names.change(end, Renaming::Rename(from, to));
                }
            }
            What::Remove(path) => {
                if let Some(name) = names.inside(path) {
                    names.change(end, Renaming::Remove(name));
                }
            }
            What::Sync { .. } | What::Say(_) => {}
        }
    }
    for (id, changes) in changes {
        let last_sync = synced.get(&id).and_then(|syncs| syncs.last()).copied().unwrap_or(0);
        let durable = changes
            .iter()
            .take_while(|(end, _)| end.is_some_and(|end| end < last_sync))
            .count();
        for (_, change) in &changes[..durable] {
            apply(&mut contents[id], *change);
        }
        apply_some(&mut contents[id], &changes[durable..], chance);
    }
    for (name, id) in names.left(chance) {
        let file = goal.join(name);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, &contents[id]).unwrap();
    }
    // Folders are there from the beginning.
    for folder in ["engine", "engine/blobs"] {
        fs::create_dir_all(goal.join(folder)).unwrap();
    }
}

fn apply(content: &mut Vec<u8>, change: Change<'_>) {
    match change {
        Change::Write(at, bytes) => {
            content.resize(content.len().max(at + bytes.len()), 0);
            content[at..at + bytes.len()].copy_from_slice(bytes);
        }
        Change::Truncate(length) => content.resize(length, 0),
    }
}

/// Each block as some of the changes, in their order, have left it.
fn apply_some(content: &mut Vec<u8>, changes: &[(Option<Time>, Change<'_>)], chance: &mut fastrand::Rng) {
    let mut blocks: BTreeMap<usize, Vec<(usize, &[u8])>> = BTreeMap::new();
    for (_, change) in changes {
        match change {
            Change::Truncate(length) => {
                if chance.bool() {
                    content.resize(*length, 0);
                }
            }
            Change::Write(at, bytes) => {
                let mut from = 0;
                while from < bytes.len() {
                    let start = at + from;
                    let to = (from + BLOCK - start % BLOCK).min(bytes.len());
                    blocks.entry(start / BLOCK).or_default().push((start, &bytes[from..to]));
                    from = to;
                }
            }
        }
    }
    for versions in blocks.into_values() {
        let kept = chance.usize(..=versions.len());
        for (at, bytes) in &versions[..kept] {
            apply(content, Change::Write(*at, bytes));
        }
    }
}

/// A change of names.
#[derive(Debug, Clone)]
enum Renaming {
    Make(PathBuf, Id),
    Rename(PathBuf, PathBuf),
    Remove(PathBuf),
}

/// The names of files below a place, and what is durable of them. A file system keeps their changes in their order.
struct Names {
    place: PathBuf,
    now: BTreeMap<PathBuf, Id>,
    durable: BTreeMap<PathBuf, Id>,
    since: Vec<(Option<Time>, Renaming)>,
}

impl Names {
    fn of(base: &Path, place: &Path) -> Self {
        let names: BTreeMap<PathBuf, Id> = super::files(base)
            .into_iter()
            .map(|path| path.strip_prefix(base).unwrap().to_owned())
            .zip(0..)
            .collect();
        Self {
            place: place.to_owned(),
            now: names.clone(),
            durable: names,
            since: Vec::new(),
        }
    }

    /// Its name, if it lies below the place.
    fn inside(&self, path: &Path) -> Option<PathBuf> {
        path.strip_prefix(&self.place).ok().map(Path::to_owned)
    }

    fn id(&self, path: &Path) -> Option<Id> {
        self.now.get(&self.inside(path)?).copied()
    }

    fn change(&mut self, end: Option<Time>, renaming: Renaming) {
        rename(&mut self.now, &renaming);
        self.since.push((end, renaming));
    }

    /// What was done before this is durable.
    fn sync(&mut self, begin: Time) {
        let done = self
            .since
            .iter()
            .take_while(|(end, _)| end.is_some_and(|end| end < begin))
            .count();
        for (_, renaming) in self.since.drain(..done) {
            rename(&mut self.durable, &renaming);
        }
    }

    fn left(mut self, chance: &mut fastrand::Rng) -> BTreeMap<PathBuf, Id> {
        let kept = chance.usize(..=self.since.len());
        for (_, renaming) in &self.since[..kept] {
            rename(&mut self.durable, renaming);
        }
        self.durable
    }
}

fn rename(names: &mut BTreeMap<PathBuf, Id>, renaming: &Renaming) {
    match renaming {
        Renaming::Make(name, id) => {
            names.insert(name.clone(), *id);
        }
        Renaming::Rename(from, to) => {
            if let Some(id) = names.remove(from) {
                names.insert(to.clone(), id);
            }
        }
        Renaming::Remove(name) => {
            names.remove(name);
        }
    }
}
