//! The packages of apk, by its own database.

use std::io::{BufRead, BufReader};

use super::{Package, unreadable};
use crate::host::bridge::{Emitter, Ended};
use crate::host::lines::{Line, Lines, number, text};
use crate::host::root::Root;

/// Where the database may be: paragraphs of `X:value` lines. Newer versions of apk keep it under `/usr`.
pub(super) const INSTALLED: [&str; 2] = ["lib/apk/db/installed", "usr/lib/apk/db/installed"];

/// Sends every package.
pub(super) fn read(root: &Root, path: &'static str, emitter: &Emitter<Package>) -> Result<(), Ended> {
    let failed = |error: std::io::Error| unreadable(path, &error);
    let mut packages = Packages::new(BufReader::new(root.open(path).map_err(failed)?));
    while let Some(package) = packages.next().map_err(failed)? {
        emitter.record(package)?;
    }
    if packages.odd > 0 {
        emitter.warn(format!(
            "{} paragraphs of /{path} were passed over: they have no name, version or architecture",
            packages.odd
        ))?;
    }
    Ok(())
}

/// The packages of the database, one at a time.
struct Packages<R> {
    lines: Lines<R>,
    /// How many paragraphs were passed over.
    odd: u64,
}

#[derive(Default)]
struct Paragraph {
    name: Option<String>,
    version: Option<String>,
    architecture: Option<String>,
    source: Option<String>,
    vendor: Option<String>,
    size_bytes: Option<u64>,
    has_lines: bool,
}

impl Paragraph {
    fn field(&mut self, line: &[u8]) {
        let Some((key, value)) = line.split_at_checked(2) else {
            return;
        };
        match key {
            b"P:" => self.name = text(value),
            b"V:" => self.version = text(value),
            b"A:" => self.architecture = text(value),
            b"o:" => self.source = text(value),
            b"m:" => self.vendor = text(value),
            b"I:" => self.size_bytes = number(value),
            _ => {}
        }
    }

    fn package(self) -> Option<Package> {
        Some(Package {
            manager: "apk",
            name: self.name?,
            version: self.version?,
            architecture: self.architecture?,
            state: "installed".to_owned(),
            source: self.source,
            vendor: self.vendor,
            size_bytes: self.size_bytes,
            // apk writes down when a package was built, not when it was installed.
            installed_at: None,
        })
    }
}

impl<R: BufRead> Packages<R> {
    fn new(reader: R) -> Self {
        Self {
            lines: Lines::new(reader),
            odd: 0,
        }
    }

    fn next(&mut self) -> std::io::Result<Option<Package>> {
        while let Some(paragraph) = self.paragraph()? {
            if let Some(package) = paragraph.package() {
                return Ok(Some(package));
            }
            self.odd += 1;
        }
        Ok(None)
    }

    fn paragraph(&mut self) -> std::io::Result<Option<Paragraph>> {
        let mut paragraph = Paragraph::default();
        while let Some(line) = self.lines.next()? {
            match line {
                Line::Text(b"") if paragraph.has_lines => return Ok(Some(paragraph)),
                Line::Text(b"") => {}
                Line::Text(line) => {
                    paragraph.has_lines = true;
                    paragraph.field(line);
                }
                Line::TooLong => paragraph.has_lines = true,
            }
        }
        Ok(paragraph.has_lines.then_some(paragraph))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn packages(file: &[u8]) -> (Vec<Package>, u64) {
        let mut packages = Packages::new(file);
        let mut all = Vec::new();
        while let Some(package) = packages.next().expect("readable") {
            all.push(package);
        }
        (all, packages.odd)
    }

    #[test]
    fn a_package_has_a_paragraph() {
        let file =
            b"C:Q1abc=\nP:musl\nV:1.2.5-r0\nA:x86_64\nI:667648\no:musl\nm:Tim <t@example.org>\nF:lib\nR:x\n\nP:half\n";
        let (all, odd) = packages(file);
        assert_eq!(odd, 1);
        let [musl] = &all[..] else { panic!("{all:?}") };
        assert_eq!(
            (musl.name.as_str(), musl.version.as_str(), musl.size_bytes),
            ("musl", "1.2.5-r0", Some(667_648))
        );
    }

    proptest! {
        #[test]
        fn any_file_is_read(file in prop::collection::vec(any::<u8>(), 0..500)) {
            let _ = packages(&file);
        }
    }
}
