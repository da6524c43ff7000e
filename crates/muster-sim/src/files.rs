//! The files of the landing: what is written, what of it is durable, and what fails.

use std::collections::BTreeMap;
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use bytes::Bytes;
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::{self, BoxStream};
use muster_landing::{Checksum, Doing, Files, LandingError};
use object_store::path::Path;
use object_store::{MultipartUpload, PutPayload, PutResult, UploadPart};

/// The place, which outlives the processes that use it. Clones are the same.
#[derive(Clone, Default)]
pub struct Place(Arc<Mutex<Inner>>);

#[derive(Default)]
struct Inner {
    /// What a process sees.
    seen: BTreeMap<String, Bytes>,
    /// What a power cut leaves at the least.
    durable: BTreeMap<String, Bytes>,
    /// What has been done to names and is not durable yet, in its order.
    pending: Vec<Deed>,
    /// Of a thousand steps this many fail.
    failing: u32,
    chance: fastrand::Rng,
}

#[derive(Debug, Clone)]
enum Deed {
    Rename(String, String),
    Remove(String),
}

impl Place {
    /// An empty place.
    pub fn new(seed: u64) -> Self {
        let inner = Inner {
            chance: fastrand::Rng::with_seed(seed),
            ..Inner::default()
        };
        Self(Arc::new(Mutex::new(inner)))
    }

    /// From now on this many of a thousand steps fail.
    pub fn fail(&self, of_thousand: u32) {
        self.lock().failing = of_thousand;
    }

    /// A power cut: of what is not durable each step may have come onto the disk or not.
    pub fn cut_power(&self) {
        let mut inner = self.lock();
        let mut left = std::mem::take(&mut inner.durable);
        for deed in std::mem::take(&mut inner.pending) {
            if inner.chance.bool() {
                apply(&mut left, &deed);
            }
        }
        inner.seen.clone_from(&left);
        inner.durable = left;
    }

    /// All files with their content, as a reader sees them now.
    pub fn seen(&self) -> Vec<(String, Bytes)> {
        let inner = self.lock();
        let files = inner.seen.iter();
        files.map(|(path, content)| (path.clone(), content.clone())).collect()
    }

    /// The paths that a reader sees now, below a prefix.
    pub fn paths(&self, prefix: &str) -> Vec<String> {
        let inner = self.lock();
        let below = inner.seen.range(prefix.to_owned()..);
        let below = below.take_while(|(path, _)| path.starts_with(prefix));
        below.map(|(path, _)| path.clone()).collect()
    }

    /// Whether this file survives a power cut.
    pub fn is_durable(&self, path: &str) -> bool {
        self.lock().durable.contains_key(path)
    }

    /// Spoils a file: one bit of it is another from now on, or it is gone.
    pub fn damage(&self, path: &str, remove: bool) {
        let mut inner = self.lock();
        let Inner { seen, durable, .. } = &mut *inner;
        for files in [seen, durable] {
            if remove {
                files.remove(path);
            } else if let Some(content) = files.get_mut(path) {
                let mut spoiled = content.to_vec();
                if let Some(byte) = spoiled.last_mut() {
                    *byte ^= 1;
                }
                *content = spoiled.into();
            }
        }
    }

    /// The place, as a process opens it.
    pub fn open(&self) -> Opened {
        Opened {
            place: self.clone(),
            alive: Arc::new(AtomicBool::new(true)),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    fn step(&mut self, doing: &'static str, path: &str) -> Result<(), LandingError> {
        if self.failing > 0 && self.chance.u32(0..1_000) < self.failing {
            return Err(LandingError::Folder {
                doing,
                what: path.to_owned(),
                source: io::Error::other("the simulator's landing has failed"),
            });
        }
        Ok(())
    }

    fn write(&mut self, path: String, content: Bytes) {
        self.durable.insert(path.clone(), content.clone());
        self.seen.insert(path, content);
    }

    fn change(&mut self, deed: Deed) {
        apply(&mut self.seen, &deed);
        self.pending.push(deed);
    }

    fn sync(&mut self, folder: &str) {
        let inside = |path: &str| path.rsplit_once('/').is_some_and(|(of, _)| of == folder);
        let (done, left) = std::mem::take(&mut self.pending)
            .into_iter()
            .partition(|deed| match deed {
                Deed::Rename(from, to) => inside(from) || inside(to),
                Deed::Remove(path) => inside(path),
            });
        let done: Vec<Deed> = done;
        for deed in &done {
            apply(&mut self.durable, deed);
        }
        self.pending = left;
    }
}

fn apply(files: &mut BTreeMap<String, Bytes>, deed: &Deed) {
    match deed {
        Deed::Rename(from, to) => {
            if let Some(content) = files.remove(from) {
                files.insert(to.clone(), content);
            }
        }
        Deed::Remove(path) => {
            files.remove(path);
        }
    }
}

/// The place in the hand of one process.
#[derive(Clone)]
pub struct Opened {
    place: Place,
    /// Whether the process lives: one that was killed tidies up nothing.
    alive: Arc<AtomicBool>,
}

impl Opened {
    /// The process is killed: what is dropped from now on leaves its files where they are.
    pub fn kill(&self) {
        self.alive.store(false, Ordering::Relaxed);
    }

    /// Does a step after others have had their turn.
    fn step<'a, T: Send + 'a>(
        &'a self,
        doing: &'static str,
        path: String,
        work: impl FnOnce(&mut Inner, String) -> T + Send + 'a,
    ) -> Doing<'a, T> {
        Box::pin(async move {
            turn().await;
            let mut inner = self.place.lock();
            inner.step(doing, &path)?;
            Ok(work(&mut inner, path))
        })
    }
}

/// Lets others have their turn once.
async fn turn() {
    let mut had = false;
    poll_fn(|context| {
        if std::mem::replace(&mut had, true) {
            Poll::Ready(())
        } else {
            context.waker().wake_by_ref();
            Poll::Pending
        }
    })
    .await;
}

impl fmt::Debug for Opened {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Opened")
    }
}

impl Files for Opened {
    fn upload<'a>(&'a self, path: &'a Path) -> Doing<'a, Box<dyn MultipartUpload>> {
        let opened = self.clone();
        self.step("write", path.to_string(), move |inner, path| {
            let unfinished = format!("{path}#1");
            inner.write(unfinished.clone(), Bytes::new());
            let upload: Box<dyn MultipartUpload> = Box::new(Upload {
                opened,
                path,
                unfinished: Some(unfinished),
                content: Arc::default(),
            });
            upload
        })
    }

    fn put<'a>(&'a self, path: &'a Path, content: Vec<u8>) -> Doing<'a, ()> {
        self.step("write", path.to_string(), move |inner, path| {
            inner.write(path, content.into());
        })
    }

    fn get<'a>(&'a self, path: &'a Path) -> Doing<'a, Option<Bytes>> {
        self.step("read", path.to_string(), |inner, path| inner.seen.get(&path).cloned())
    }

    fn read<'a>(&'a self, path: &'a Path) -> Doing<'a, Option<BoxStream<'static, Result<Bytes, object_store::Error>>>> {
        self.step("read", path.to_string(), |inner, path| {
            let content = inner.seen.get(&path).cloned();
            content.map(|content| stream::iter([Ok(content)]).boxed())
        })
    }

    fn checksum<'a>(&'a self, path: &'a Path) -> Doing<'a, Option<Checksum>> {
        self.step("read", path.to_string(), |inner, path| {
            inner.seen.get(&path).map(|content| Checksum::of(content))
        })
    }

    fn rename<'a>(&'a self, from: &'a Path, to: &'a Path) -> Doing<'a, ()> {
        let to = to.to_string();
        self.step("rename", from.to_string(), move |inner, from| {
            inner.change(Deed::Rename(from, to));
        })
    }

    fn sync<'a>(&'a self, folder: &'a Path) -> Doing<'a, ()> {
        self.step("flush the folder", folder.to_string(), |inner, folder| {
            inner.sync(&folder)
        })
    }

    fn has<'a>(&'a self, path: &'a Path) -> Doing<'a, bool> {
        self.step("look for", path.to_string(), |inner, path| {
            inner.seen.contains_key(&path)
        })
    }

    fn remove<'a>(&'a self, path: &'a Path) -> Doing<'a, ()> {
        self.step("remove", path.to_string(), |inner, path| {
            inner.change(Deed::Remove(path))
        })
    }

    fn remove_named<'a>(&'a self, folder: &'a Path, name: &'a str) -> Doing<'a, ()> {
        self.step("remove", format!("{folder}/{name}"), |inner, path| {
            inner.change(Deed::Remove(path));
        })
    }

    fn make<'a>(&'a self, folder: &'a Path) -> Doing<'a, ()> {
        self.step("make the folder", folder.to_string(), |_, _| ())
    }

    fn names<'a>(&'a self, folder: &'a Path) -> Doing<'a, Vec<String>> {
        self.step("list", folder.to_string(), |inner, folder| names(inner, &folder))
    }

    fn folders<'a>(&'a self, folder: &'a Path) -> Doing<'a, Vec<String>> {
        self.step("list", folder.to_string(), |inner, folder| {
            let prefix = format!("{folder}/");
            let below = inner.seen.range(prefix.clone()..);
            let below = below.map_while(|(path, _)| path.strip_prefix(&prefix)?.split_once('/'));
            let mut folders: Vec<String> = below.map(|(folder, _)| folder.to_owned()).collect();
            folders.dedup();
            folders
        })
    }

    fn bytes<'a>(&'a self, path: &'a Path) -> Doing<'a, u64> {
        self.step("measure", path.to_string(), |inner, path| {
            let below = format!("{path}/");
            let files = inner.seen.range(path.clone()..);
            let files = files.take_while(|(name, _)| name.starts_with(&path));
            let files = files.filter(|(name, _)| **name == path || name.starts_with(&below));
            files.map(|(_, content)| content.len() as u64).sum()
        })
    }

    fn names_now(&self, folder: &Path) -> Result<Vec<String>, LandingError> {
        Ok(names(&self.place.lock(), folder.as_ref()))
    }

    fn uri(&self, path: &Path) -> String {
        format!("sim:///{path}")
    }
}

fn names(inner: &Inner, folder: &str) -> Vec<String> {
    let prefix = format!("{folder}/");
    let below = inner.seen.range(prefix.clone()..);
    let below = below.map_while(|(path, _)| path.strip_prefix(&prefix));
    below.filter(|name| !name.contains('/')).map(str::to_owned).collect()
}

/// A file that is being written.
struct Upload {
    opened: Opened,
    path: String,
    /// `None` once it is finished.
    unfinished: Option<String>,
    content: Arc<Mutex<Vec<u8>>>,
}

impl fmt::Debug for Upload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Upload")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl MultipartUpload for Upload {
    fn put_part(&mut self, data: PutPayload) -> UploadPart {
        let (opened, content, path) = (self.opened.clone(), Arc::clone(&self.content), self.path.clone());
        Box::pin(async move {
            turn().await;
            opened.place.lock().step("write", &path).map_err(into_store)?;
            let mut content = content.lock().unwrap_or_else(PoisonError::into_inner);
            data.iter().for_each(|bytes| content.extend_from_slice(bytes));
            Ok(())
        })
    }

    fn complete<'life0, 'async_trait>(&'life0 mut self) -> BoxFuture<'async_trait, object_store::Result<PutResult>>
    where
        'life0: 'async_trait,
        Self: 'async_trait,
    {
        Box::pin(async move {
            turn().await;
            let mut inner = self.opened.place.lock();
            inner.step("write", &self.path).map_err(into_store)?;
            let content = std::mem::take(&mut *self.content.lock().unwrap_or_else(PoisonError::into_inner));
            if let Some(unfinished) = self.unfinished.take() {
                inner.seen.remove(&unfinished);
                inner.durable.remove(&unfinished);
            }
            inner.write(self.path.clone(), content.into());
            Ok(PutResult {
                e_tag: None,
                version: None,
                extensions: Default::default(),
            })
        })
    }

    fn abort<'life0, 'async_trait>(&'life0 mut self) -> BoxFuture<'async_trait, object_store::Result<()>>
    where
        'life0: 'async_trait,
        Self: 'async_trait,
    {
        Box::pin(async move { Ok(()) })
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        if self.opened.alive.load(Ordering::Relaxed)
            && let Some(unfinished) = self.unfinished.take()
        {
            self.opened.place.lock().change(Deed::Remove(unfinished));
        }
    }
}

fn into_store(error: LandingError) -> object_store::Error {
    object_store::Error::Generic {
        store: "simulator",
        source: Box::new(error),
    }
}
