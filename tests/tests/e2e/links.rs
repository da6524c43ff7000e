//! The pages of this project lead to each other, and to nothing that is not there.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use muster_tests::foreign::repository;

/// Where the pages stand on the web, for texts that are read elsewhere.
const ON_THE_WEB: &str = "https://github.com/muster-run/muster/blob/main/";

/// All pages: those of the root, of `docs/` and below it.
fn pages() -> Vec<PathBuf> {
    let mut pages = Vec::new();
    let mut folders = vec![repository().join("docs")];
    pages.extend(files(repository()).into_iter().filter(|path| is_page(path)));
    while let Some(folder) = folders.pop() {
        for path in files(&folder) {
            if path.is_dir() {
                folders.push(path);
            } else if is_page(&path) {
                pages.push(path);
            }
        }
    }
    pages
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder of the repository");
    entries.map(|entry| entry.expect("listed").path()).collect()
}

fn is_page(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "md")
}

/// The lines of a page that are not within a block of code.
fn prose(text: &str) -> impl Iterator<Item = &str> {
    let mut in_code = false;
    text.lines().filter(move |line| {
        let is_fence = line.trim_start().starts_with("```");
        in_code ^= is_fence;
        !in_code && !is_fence
    })
}

/// Where the links of a page lead.
fn links(text: &str) -> Vec<&str> {
    prose(text)
        .flat_map(|line| line.split("](").skip(1))
        .filter_map(|rest| rest.split_once(')'))
        .map(|(link, _)| link)
        .collect()
}

/// The places of a page that a link can lead to: its headings, in small letters, without punctuation, with `-` for each blank.
fn places(text: &str) -> BTreeSet<String> {
    let headings = prose(text).filter(|line| line.starts_with('#'));
    let place = |heading: &str| {
        let letters = heading.trim_start_matches('#').trim().to_lowercase();
        let letters = letters.chars().map(|letter| if letter == ' ' { '-' } else { letter });
        letters
            .filter(|letter| letter.is_alphanumeric() || matches!(letter, '-' | '_'))
            .collect()
    };
    headings.map(place).collect()
}

/// Why this link of this page leads nowhere.
fn broken(page: &Path, link: &str) -> Option<String> {
    let (file, place) = link
        .split_once('#')
        .map_or((link, None), |(file, place)| (file, Some(place)));
    let target = match file.strip_prefix(ON_THE_WEB) {
        Some(file) => repository().join(file),
        None if file.contains("://") => return None,
        None if file.is_empty() => page.to_owned(),
        None => page.parent().expect("a page lies in a folder").join(file),
    };
    if !target.exists() {
        return Some("there is no such file".to_owned());
    }
    let place = place?;
    let text = fs::read_to_string(&target).expect("a page is text");
    (!places(&text).contains(place)).then(|| format!("there is no heading `{place}`"))
}

#[test]
fn every_link_leads_to_a_file_and_a_heading_that_are_there() {
    let pages = pages();
    assert!(pages.len() > 10, "{pages:?}");
    let mut told = Vec::new();
    for page in pages {
        let text = fs::read_to_string(&page).expect("a page is text");
        for link in links(&text) {
            if let Some(problem) = broken(&page, link) {
                told.push(format!("{}: {link}: {problem}", page.display()));
            }
        }
    }
    assert!(told.is_empty(), "{}", told.join("\n"));
}

#[test]
fn the_first_page_leads_to_all_others() {
    let readme = fs::read_to_string(repository().join("README.md")).expect("read");
    let links = links(&readme);
    for page in files(&repository().join("docs")).iter().filter(|path| is_page(path)) {
        let name = page.file_name().and_then(|name| name.to_str()).expect("a name");
        let link = format!("docs/{name}");
        assert!(links.contains(&link.as_str()), "README.md does not lead to {link}");
    }
}

/// The sources as `ARCHITECTURE.md` writes them: `core/decide.rs` is `crates/muster-core/src/decide.rs`.
fn sources() -> Vec<String> {
    let mut sources = Vec::new();
    let mut folders = vec![repository().join("crates"), repository().join("tests")];
    while let Some(folder) = folders.pop() {
        for path in files(&folder) {
            if path.is_dir() {
                folders.push(path);
            } else if let Some(path) = path.strip_prefix(repository()).ok().and_then(Path::to_str) {
                let short = path.replace("crates/muster-", "").replace("crates/", "");
                sources.push(format!("/{}", short.replace("/src/", "/")));
            }
        }
    }
    sources
}

#[test]
fn every_source_that_the_architecture_names_is_there() {
    let text = fs::read_to_string(repository().join("ARCHITECTURE.md")).expect("read");
    let sources = sources();
    let named = text.split('`').skip(1).step_by(2);
    let named = named.filter(|named| named.ends_with(".rs") && !named.contains(['{', '…', '<', ' ']));
    let missing: Vec<_> = named
        .filter(|named| !sources.iter().any(|source| source.ends_with(&format!("/{named}"))))
        .collect();
    assert!(missing.is_empty(), "{missing:?}");
}
