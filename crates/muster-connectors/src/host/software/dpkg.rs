//! The packages of dpkg, by its own database.

use std::io::{BufRead, BufReader};
use std::time::UNIX_EPOCH;

use super::{Package, unreadable};
use crate::host::bridge::{Emitter, Ended};
use crate::host::lines::{Line, Lines, number, text, time};
use crate::host::root::Root;

/// The database: one paragraph of `Field: value` lines per package that dpkg has ever met.
pub(super) const STATUS: &str = "var/lib/dpkg/status";
const INFO: &str = "var/lib/dpkg/info";

/// Sends every package of which files are installed.
pub(super) fn read(root: &Root, emitter: &Emitter<Package>) -> Result<(), Ended> {
    let failed = |error: std::io::Error| unreadable(STATUS, &error);
    let mut paragraphs = Paragraphs::new(BufReader::new(root.open(STATUS).map_err(failed)?));
    while let Some(paragraph) = paragraphs.next().map_err(failed)? {
        if let Some(mut package) = paragraph.package() {
            package.installed_at = installed_at(root, &package);
            emitter.record(package)?;
        }
    }
    if paragraphs.odd > 0 {
        emitter.warn(format!(
            "{} paragraphs of /{STATUS} were passed over: they have no name, version or architecture",
            paragraphs.odd
        ))?;
    }
    Ok(())
}

/// dpkg writes down no time; the package's list of files is written when it is unpacked.
fn installed_at(root: &Root, package: &Package) -> Option<String> {
    // Only packages that can be installed for several architectures at once have theirs in the file's name.
    let Package { name, architecture, .. } = package;
    let metadata = root
        .metadata(format!("{INFO}/{name}.list"))
        .or_else(|_| root.metadata(format!("{INFO}/{name}:{architecture}.list")))
        .ok()?;
    let age = metadata.modified().ok()?.duration_since(UNIX_EPOCH).ok()?;
    time(age.as_secs().try_into().ok()?)
}

/// The fields of a package that matter here.
#[derive(Debug, Default)]
struct Paragraph {
    name: Option<String>,
    version: Option<String>,
    architecture: Option<String>,
    state: Option<String>,
    source: Option<String>,
    vendor: Option<String>,
    size_kib: Option<u64>,
    is_empty: bool,
}

impl Paragraph {
    fn field(&mut self, line: &[u8]) {
        self.is_empty = false;
        // A line that begins with a blank goes on with the field before, none of which matters here.
        let Some(colon) = line
            .iter()
            .position(|byte| *byte == b':')
            .filter(|_| !line.starts_with(b" "))
        else {
            return;
        };
        let value = line[colon + 1..].trim_ascii();
        match &line[..colon] {
            b"Package" => self.name = text(value),
            b"Version" => self.version = text(value),
            b"Architecture" => self.architecture = text(value),
            // "want error state": only the last word says what is there.
            b"Status" => self.state = value.rsplit(|byte| *byte == b' ').next().and_then(text),
            // "name (version)": the version of the source is seldom another.
            b"Source" => self.source = value.split(|byte| *byte == b' ').next().and_then(text),
            b"Maintainer" => self.vendor = text(value),
            b"Installed-Size" => self.size_kib = number(value),
            _ => {}
        }
    }

    fn is_installed(&self) -> bool {
        !matches!(self.state.as_deref(), None | Some("not-installed" | "config-files"))
    }

    fn is_whole(&self) -> bool {
        self.name.is_some() && self.version.is_some() && self.architecture.is_some()
    }

    /// The package; `None` when nothing of it is installed.
    fn package(self) -> Option<Package> {
        if !self.is_installed() {
            return None;
        }
        let name = self.name?;
        Some(Package {
            manager: "dpkg",
            // dpkg leaves it out where it is the same.
            source: self.source.or_else(|| Some(name.clone())),
            name,
            version: self.version?,
            architecture: self.architecture?,
            state: self.state?,
            vendor: self.vendor,
            size_bytes: self.size_kib.and_then(|size| size.checked_mul(1024)),
            installed_at: None,
        })
    }
}

/// The paragraphs of the database, one at a time.
struct Paragraphs<R> {
    lines: Lines<R>,
    /// How many were passed over.
    odd: u64,
}

impl<R: BufRead> Paragraphs<R> {
    fn new(reader: R) -> Self {
        Self {
            lines: Lines::new(reader),
            odd: 0,
        }
    }

    /// The next one that is whole, or of which nothing is installed; `None` at the end.
    fn next(&mut self) -> std::io::Result<Option<Paragraph>> {
        loop {
            let Some(paragraph) = self.any()? else { return Ok(None) };
            if paragraph.is_whole() || (paragraph.name.is_some() && !paragraph.is_installed()) {
                return Ok(Some(paragraph));
            }
            self.odd += 1;
        }
    }

    fn any(&mut self) -> std::io::Result<Option<Paragraph>> {
        let mut paragraph = Paragraph {
            is_empty: true,
            ..Paragraph::default()
        };
        while let Some(line) = self.lines.next()? {
            match line {
                Line::Text(line) if !line.trim_ascii().is_empty() => paragraph.field(line),
                Line::Text(_) if paragraph.is_empty => {}
                Line::Text(_) => return Ok(Some(paragraph)),
                Line::TooLong => paragraph.is_empty = false,
            }
        }
        Ok((!paragraph.is_empty).then_some(paragraph))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::host::lines::LINE_BYTES_MAX;

    fn packages(file: &[u8]) -> (Vec<String>, u64) {
        let mut paragraphs = Paragraphs::new(file);
        let mut names = Vec::new();
        while let Some(paragraph) = paragraphs.next().expect("readable") {
            names.extend(
                paragraph
                    .package()
                    .map(|package| format!("{} {}", package.name, package.version)),
            );
        }
        (names, paragraphs.odd)
    }

    fn whole(name: &str, state: &str) -> String {
        format!("Package: {name}\nStatus: install ok {state}\nArchitecture: all\nVersion: 1\n")
    }

    #[test]
    fn only_what_has_files_is_installed() {
        let file = [
            "installed",
            "config-files",
            "not-installed",
            "half-configured",
            "triggers-pending",
        ]
        .map(|state| whole(state, state))
        .join("\n\n");
        let expected = ["installed 1", "half-configured 1", "triggers-pending 1"].map(String::from);
        assert_eq!(packages(file.as_bytes()), (expected.into(), 0));
    }

    #[test]
    fn a_description_cannot_pose_as_a_field() {
        let file = format!(
            "{}Description: a\n Version: 9\n .\n Package: b\n",
            whole("a", "installed")
        );
        assert_eq!(packages(file.as_bytes()).0, ["a 1"]);
    }

    #[test]
    fn a_database_that_was_cut_tells_what_is_whole() {
        let file = format!(
            "{}\n{}",
            whole("a", "installed"),
            "Package: b\nStatus: install ok installed\nArchi"
        );
        assert_eq!(packages(file.as_bytes()), (vec!["a 1".to_owned()], 1));
    }

    #[test]
    fn a_huge_line_costs_nothing_else() {
        let file = format!(
            "{}Depends: {}\n\n{}",
            whole("a", "installed"),
            "x".repeat(2 * LINE_BYTES_MAX),
            whole("b", "installed")
        );
        assert_eq!(packages(file.as_bytes()).0, ["a 1", "b 1"]);
    }

    proptest! {
        #[test]
        fn any_file_is_read(file in prop::collection::vec(any::<u8>(), 0..500)) {
            let _ = packages(&file);
        }

        #[test]
        fn a_cut_database_never_tells_more(cut in 0_usize..400) {
            let file: Vec<u8> = ["a", "b", "c"].map(|name| whole(name, "installed")).join("\n").into();
            let (all, _) = packages(&file);
            let (some, _) = packages(&file[..cut.min(file.len())]);
            prop_assert!(all.starts_with(&some));
        }
    }
}
