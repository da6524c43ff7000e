//! Results that the coordinator has not acknowledged, kept on disk so that a crash of the runner does not lose them.
//!
//! One small file a result, written before the result is sent, removed once the coordinator has answered. A result that
//! comes back after its file was removed (the removal itself is not made durable) is only reported once more, which
//! changes nothing.

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use muster_core::decide::Work;
use muster_failpoint::failpoint;
use muster_proto::v1;
use muster_session::wire::{HELD_MAX, work_of_report};
use prost::Message;

use crate::durable;

/// How the name of a result's file ends.
const RESULT: &str = "report";

/// What is appended to the name of a file that could not be read, so that nobody tries again and a person can look at
/// it.
const DAMAGED: &str = "damaged";

/// The first bytes of each file: what it is, and its version. Then come a checksum of the rest, how long the integration's
/// name is, that name, and the report.
const MAGIC: &[u8; 4] = b"MRS2";

/// Those of the version before, without the name and its length.
const MAGIC_NAMELESS: &[u8; 4] = b"MRS1";

/// The most bytes of a file: a cursor of 16 KiB, or a message and a remedy of 2 KiB each, and some room.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// The most results that are kept: what a hello may list. A runner cannot finish more than it was given, so only one
/// that has been cut off in several lives comes near.
pub(crate) const RESULTS_MAX: usize = HELD_MAX;

/// The results that are not acknowledged. Cheap to clone; all clones are the same spool. Its methods wait for the disk.
#[derive(Debug, Clone)]
pub(crate) struct Spool {
    folder: Arc<Path>,
    kept: Arc<Mutex<BTreeSet<Work>>>,
}

/// A result, as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Kept {
    /// The end of the attempt.
    pub(crate) report: v1::Report,
    /// The integration's resource name, for the log; `None` where it is not known.
    pub(crate) integration: Option<String>,
}

/// Why a file of the spool is no result.
#[derive(Debug, thiserror::Error)]
enum Damage {
    #[error("it cannot be read")]
    Read(#[from] io::Error),
    #[error("it has more than {FILE_BYTES_MAX} bytes")]
    TooBig,
    #[error("it does not begin as a result does")]
    Magic,
    #[error("it was written by a newer version of the runner")]
    Newer,
    #[error("its checksum does not fit what it holds")]
    Checksum,
    #[error("the name of its integration is cut off, or no text")]
    Integration,
    #[error("it holds no report")]
    Decode(#[from] prost::DecodeError),
    #[error("its report names no attempt")]
    Work(#[from] muster_session::ProtocolError),
    #[error("its report is not of the attempt that its name says")]
    Name,
}

impl Spool {
    /// Opens the spool in this folder, and tells which results are in it, the oldest execution first. What is damaged
    /// is set aside and logged; what a newer version has written is logged and stays.
    ///
    /// # Errors
    /// When the folder cannot be listed.
    pub(crate) fn open(folder: PathBuf) -> io::Result<(Self, Vec<Kept>)> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&folder)? {
            names.push(entry?.path());
        }
        // The names begin with the execution's id, and ids sort by time.
        names.sort();
        let mut kept = BTreeSet::new();
        let mut reports = Vec::new();
        for file in names {
            match file.extension().and_then(|extension| extension.to_str()) {
                Some(durable::UNFINISHED) => {
                    // The runner died while it wrote this; the result was not sent, so the coordinator gives the work
                    // out again.
                    fs::remove_file(&file)?;
                }
                Some(RESULT) if reports.len() == RESULTS_MAX => {
                    tracing::warn!(file = %file.display(), "too many results: this one waits for the next start");
                }
                Some(RESULT) => match read(&file) {
                    Ok((work, result)) => {
                        kept.insert(work);
                        reports.push(result);
                    }
                    Err(Damage::Newer) => tracing::error!(
                        file = %file.display(),
                        "a result was written by a newer version of the runner: it stays for that version, and the coordinator gives its \
                         execution out again"
                    ),
                    Err(damage) => set_aside(&file, &damage)?,
                },
                Some(_) | None => {}
            }
        }
        let spool = Self {
            folder: folder.into(),
            kept: Arc::new(Mutex::new(kept)),
        };
        Ok((spool, reports))
    }

    /// Keeps a result, in place of one of the same attempt. When this returns it survives a power cut.
    ///
    /// # Errors
    /// When the disk does not take it, or [`RESULTS_MAX`] results are kept already. The result may be sent all the
    /// same; then only this process can repeat it.
    pub(crate) fn put(&self, work: Work, result: &Kept) -> io::Result<()> {
        {
            let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
            if kept.len() >= RESULTS_MAX && !kept.contains(&work) {
                return Err(io::Error::new(
                    io::ErrorKind::QuotaExceeded,
                    format!("{RESULTS_MAX} results wait for the coordinator's answer already"),
                ));
            }
            kept.insert(work);
        }
        failpoint!("spool");
        durable::write(&self.folder, &file_name(work), &encode(result)).inspect_err(|_| {
            self.forget(work);
        })?;
        failpoint!("spooled");
        Ok(())
    }

    /// Removes the results of these attempts, where there are some. They are kept no more when this returns; what it returns removes their files,
    /// which waits for the disk. A failure is logged: the result is reported again after the next start, which does no harm.
    #[must_use = "the files stay"]
    pub(crate) fn remove(&self, works: Vec<Work>) -> impl FnOnce() + Send + use<> {
        let kept = works.into_iter().filter(|work| self.forget(*work));
        let files: Vec<_> = kept.map(|work| self.folder.join(file_name(work))).collect();
        move || {
            for file in files {
                failpoint!("unspool");
                if let Err(error) = fs::remove_file(&file)
                    && error.kind() != io::ErrorKind::NotFound
                {
                    tracing::warn!(file = %file.display(), error = %error, "cannot remove a result that was reported");
                }
                failpoint!("unspooled");
            }
        }
    }

    /// How many results are kept.
    #[must_use]
    pub(crate) fn kept_count(&self) -> usize {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    fn forget(&self, work: Work) -> bool {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).remove(&work)
    }
}

fn file_name((execution, attempt): Work) -> String {
    format!("{execution}.{attempt}.{RESULT}")
}

fn encode(Kept { report, integration }: &Kept) -> Vec<u8> {
    let integration = integration.as_deref().unwrap_or_default();
    // Names have some hundred bytes at the most; one that has more is not worth a place.
    let (length, integration) = match u16::try_from(integration.len()) {
        Ok(length) => (length, integration),
        Err(_) => (0, ""),
    };
    let mut body = length.to_le_bytes().to_vec();
    body.extend_from_slice(integration.as_bytes());
    body.extend_from_slice(&report.encode_to_vec());
    let mut bytes = MAGIC.to_vec();
    bytes.extend_from_slice(&crc32c::crc32c(&body).to_le_bytes());
    bytes.extend_from_slice(&body);
    bytes
}

/// The integration's name, and the bytes of the report.
fn take_integration(body: &[u8]) -> Result<(Option<String>, &[u8]), Damage> {
    let (length, rest) = body.split_first_chunk().ok_or(Damage::Integration)?;
    let length = usize::from(u16::from_le_bytes(*length));
    let (integration, report) = rest.split_at_checked(length).ok_or(Damage::Integration)?;
    let integration = str::from_utf8(integration).map_err(|_| Damage::Integration)?;
    Ok(((length > 0).then(|| integration.to_owned()), report))
}

fn read(file: &Path) -> Result<(Work, Kept), Damage> {
    let mut bytes = Vec::new();
    fs::File::open(file)?.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    let (magic, rest) = bytes.split_first_chunk().ok_or(Damage::Magic)?;
    if magic != MAGIC && magic != MAGIC_NAMELESS {
        let is_newer = magic[..3] == MAGIC[..3] && (MAGIC[3]..=b'9').contains(&magic[3]);
        return Err(if is_newer { Damage::Newer } else { Damage::Magic });
    }
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(Damage::TooBig);
    }
    let (checksum, body) = rest.split_first_chunk().ok_or(Damage::Magic)?;
    if crc32c::crc32c(body) != u32::from_le_bytes(*checksum) {
        return Err(Damage::Checksum);
    }
    let (integration, body) = if magic == MAGIC {
        take_integration(body)?
    } else {
        (None, body)
    };
    let report = v1::Report::decode(body)?;
    let work = work_of_report(&report)?;
    if file.file_name().and_then(|name| name.to_str()) != Some(file_name(work).as_str()) {
        return Err(Damage::Name);
    }
    Ok((work, Kept { report, integration }))
}

fn set_aside(file: &Path, damage: &Damage) -> io::Result<()> {
    let mut aside = file.as_os_str().to_owned();
    aside.push(".");
    aside.push(DAMAGED);
    tracing::error!(
        file = %file.display(),
        aside = %aside.display(),
        error = muster_process::exit::chain(damage),
        "a result is damaged and set aside: the coordinator gives its execution out again"
    );
    fs::rename(file, aside)
}

#[cfg(test)]
mod tests {
    use super::*;
    use muster_core::words::{Attempt, ExecutionId};

    fn result(id: u128) -> (Work, Kept) {
        let work = (ExecutionId(id), Attempt(2));
        let report = v1::Report {
            execution_id: work.0.to_bytes().to_vec().into(),
            attempt: 2,
            kind: Some(v1::report::Kind::Completed(v1::Completed {
                counts: Some(v1::Counts { records: 7, bytes: 99 }),
                cursor: Some("page 8".to_owned()),
                staged: true,
            })),
        };
        let integration = Some("organizations/acme/integrations/crm".to_owned());
        (work, Kept { report, integration })
    }

    fn open(folder: &Path) -> (Spool, Vec<Kept>) {
        Spool::open(folder.to_owned()).expect("opened")
    }

    #[test]
    fn results_come_back_oldest_first_until_they_are_removed() {
        let folder = tempfile::tempdir().expect("a folder");
        let (spool, before) = open(folder.path());
        assert!(before.is_empty());
        for id in [3, 1, 2] {
            let (work, report) = result(id);
            spool.put(work, &report).expect("kept");
        }
        let (spool, after) = open(folder.path());
        assert_eq!(after, [result(1).1, result(2).1, result(3).1]);
        let remove_files = spool.remove(vec![result(2).0, result(4).0]);
        assert_eq!(
            spool.kept_count(),
            2,
            "it is not counted while its file waits for the disk"
        );
        remove_files();
        assert_eq!(open(folder.path()).1, [result(1).1, result(3).1]);
    }

    #[test]
    fn what_was_not_written_to_its_end_is_as_if_it_never_was() {
        let folder = tempfile::tempdir().expect("a folder");
        let (work, report) = result(1);
        open(folder.path()).0.put(work, &report).expect("kept");
        let unfinished = folder.path().join(format!("{}.tmp", file_name(result(2).0)));
        fs::write(&unfinished, b"MRS").expect("written");
        assert_eq!(open(folder.path()).1, [report]);
        assert!(!unfinished.exists());
    }

    #[test]
    fn each_flipped_bit_is_noticed_and_the_file_set_aside() {
        let folder = tempfile::tempdir().expect("a folder");
        let (work, report) = result(1);
        open(folder.path()).0.put(work, &report).expect("kept");
        let file = folder.path().join(file_name(work));
        let good = fs::read(&file).expect("read");
        for bit in 0..good.len() * 8 {
            let mut bad = good.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            fs::write(&file, &bad).expect("written");
            assert!(open(folder.path()).1.is_empty(), "bit {bit}");
            // One in the version makes it one of a newer version, which stays, and is not given out either.
            let is_newer = (b'3'..=b'9').contains(&bad[3]);
            assert_eq!(file.exists(), is_newer, "bit {bit}");
        }
        assert!(folder.path().join(format!("{}.damaged", file_name(work))).exists());
        assert!(open(folder.path()).1.is_empty());
    }

    #[test]
    fn what_the_version_before_has_kept_is_known_without_a_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let (work, Kept { report, .. }) = result(1);
        let body = report.encode_to_vec();
        let bytes = [MAGIC_NAMELESS.as_slice(), &crc32c::crc32c(&body).to_le_bytes(), &body].concat();
        fs::write(folder.path().join(file_name(work)), bytes).expect("written");
        let integration = None;
        assert_eq!(open(folder.path()).1, [Kept { report, integration }]);
    }

    #[test]
    fn a_file_cut_anywhere_is_noticed() {
        let folder = tempfile::tempdir().expect("a folder");
        let (work, report) = result(1);
        open(folder.path()).0.put(work, &report).expect("kept");
        let file = folder.path().join(file_name(work));
        let good = fs::read(&file).expect("read");
        for end in 0..good.len() {
            fs::write(&file, &good[..end]).expect("written");
            assert!(open(folder.path()).1.is_empty(), "cut at {end}");
        }
    }

    #[test]
    fn it_is_bounded() {
        let folder = tempfile::tempdir().expect("a folder");
        let (spool, _) = open(folder.path());
        for id in 0..RESULTS_MAX as u128 {
            spool.kept.lock().expect("not poisoned").insert(result(id).0);
        }
        let (work, report) = result(5_000);
        let error = spool.put(work, &report).expect_err("full");
        assert!(error.to_string().contains("1000 results wait"), "{error}");
        assert!(spool.put(result(7).0, &result(7).1).is_ok(), "the same attempt again");
    }
}
