//! The packages of rpm, by its own tool: the database has had three formats.

use std::path::PathBuf;
use std::process::Stdio;

use muster_connector::{Category, Failure, LogLevel, Sink};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncReadExt, BufReader};
use tokio::process::Command;

use super::{Package, unreadable};
use crate::host::lines::{LINE_BYTES_MAX, number, text, time};
use crate::host::root::Root;

/// Where the database may be, and the files of its three formats.
const FOLDERS: [&str; 2] = ["usr/lib/sysimage/rpm", "var/lib/rpm"];
const FILES: [&str; 3] = ["rpmdb.sqlite", "Packages.db", "Packages"];

/// One line per package. An epoch is part of the version, as rpm compares it.
const FORMAT: &str =
    "%{NAME}\\t%{EPOCH}\\t%{VERSION}-%{RELEASE}\\t%{ARCH}\\t%{INSTALLTIME}\\t%{LONGSIZE}\\t%{VENDOR}\\t%{SOURCERPM}\\n";

/// The most bytes that are kept of what the tool complains about.
const COMPLAINT_BYTES_MAX: u64 = 1024;

/// The folder of the database; `None` when there is none.
pub(super) fn database(root: &Root) -> Option<&'static str> {
    FOLDERS.into_iter().find(|folder| {
        FILES
            .iter()
            .any(|file| root.metadata(format!("{folder}/{file}")).is_ok())
    })
}

/// The tool and the database that it is to read.
pub(super) struct Rpm {
    program: PathBuf,
    folder: PathBuf,
}

impl Rpm {
    pub(super) fn new(root: &Root, folder: &str) -> Result<Self, Failure> {
        let path = root
            .path_for_others(folder)
            .map_err(|error| unreadable(folder, &error))?;
        Ok(Self {
            program: "rpm".into(),
            folder: path,
        })
    }

    /// Sends every package.
    pub(super) async fn collect(&self, sink: &mut Sink) -> Result<(), Failure> {
        let mut child = Command::new(&self.program)
            .arg("--dbpath")
            .arg(&self.folder)
            .args(["-qa", "--queryformat", FORMAT])
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| {
                Failure::new(
                    Category::Configuration,
                    format!("there is a database of rpm, but rpm cannot be run: {error}"),
                )
                .with_remedy("install rpm where the runner stands")
            })?;
        let (Some(output), Some(complaints)) = (child.stdout.take(), child.stderr.take()) else {
            return Err(Failure::new(Category::Connector, "rpm was started without pipes"));
        };
        let canceled = sink.cancellation();
        let work = async {
            let (forwarded, complaint) = tokio::join!(forward(output, sink), complaint(complaints));
            forwarded?;
            let status = child.wait().await.map_err(|error| interrupted(&error))?;
            if status.success() {
                return Ok(());
            }
            Err(Failure::new(
                Category::Permission,
                format!("rpm could not list the packages ({status}): {complaint}"),
            )
            .with_remedy("let the runner read the database of rpm, or mend it with `rpm --rebuilddb`"))
        };
        tokio::select! {
            biased;
            () = canceled.cancelled() => Err(muster_connector::Stop::Canceled.into()),
            done = work => done,
        }
    }
}

async fn forward(output: impl AsyncRead + Unpin, sink: &mut Sink) -> Result<(), Failure> {
    let mut output = BufReader::new(output);
    let mut line = Vec::new();
    let mut odd = 0_u64;
    loop {
        line.clear();
        let bound = LINE_BYTES_MAX as u64;
        let read = (&mut output)
            .take(bound)
            .read_until(b'\n', &mut line)
            .await
            .map_err(|error| interrupted(&error))?;
        if read == 0 {
            break;
        }
        match parse(line.trim_ascii_end()) {
            // The keys that rpm trusts stand in its list, but are no software.
            Some(package) if package.name == "gpg-pubkey" => {}
            Some(package) => sink.record(&package).await?,
            None => odd += 1,
        }
    }
    if odd > 0 {
        sink.log(
            LogLevel::Warn,
            format!("{odd} lines of rpm's list were passed over: they are malformed"),
        )
        .await?;
    }
    Ok(())
}

/// The first that the tool complains about; the rest is read too, so that it does not wait for us.
async fn complaint(mut complaints: impl AsyncRead + Unpin) -> String {
    let mut first = Vec::new();
    // What cannot be read is not told: this is only the text of a failure.
    let _ = (&mut complaints)
        .take(COMPLAINT_BYTES_MAX)
        .read_to_end(&mut first)
        .await;
    let _ = tokio::io::copy(&mut complaints, &mut tokio::io::sink()).await;
    String::from_utf8_lossy(first.trim_ascii()).into_owned()
}

fn interrupted(error: &std::io::Error) -> Failure {
    Failure::new(
        Category::Connector,
        format!("reading rpm's list was interrupted: {error}"),
    )
}

/// The package of this line; `None` when it is malformed.
fn parse(line: &[u8]) -> Option<Package> {
    let fields: Vec<_> = line.split(|byte| *byte == b'\t').collect();
    let [name, epoch, version, architecture, installed_at, size, vendor, source] = fields[..] else {
        return None;
    };
    let known = |field: &[u8]| if field == b"(none)" { None } else { text(field) };
    let version = known(version)?;
    Some(Package {
        manager: "rpm",
        name: known(name)?,
        version: match number::<u64>(epoch) {
            Some(epoch) if epoch > 0 => format!("{epoch}:{version}"),
            Some(_) | None => version,
        },
        // Keys and other packages without files have none.
        architecture: known(architecture).unwrap_or_else(|| "noarch".to_owned()),
        state: "installed".to_owned(),
        source: known(source).and_then(|file| source_name(&file)),
        vendor: known(vendor),
        size_bytes: number(size),
        installed_at: number(installed_at).and_then(time),
    })
}

/// The name in `NAME-VERSION-RELEASE.src.rpm`; `None` when it is none such.
fn source_name(file: &str) -> Option<String> {
    file.rsplitn(3, '-').nth(2).map(ToOwned::to_owned)
}

#[cfg(test)]
mod tests;
