//! What a program may read and run without anybody saying so.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::Program;

/// What programs of every kind read to run at all: the system's programs and libraries, what tells them of this machine, how names are looked up,
/// who is trusted. Nothing of it is secret. Not `/etc` as a whole, nor anybody's home: those have what is.
pub(super) const SYSTEM: &[&str] = &[
    "/bin",
    "/lib",
    "/lib32",
    "/lib64",
    "/libx32",
    "/sbin",
    "/usr",
    "/nix/store",
    "/gnu/store",
    "/etc/alternatives",
    "/etc/ca-certificates",
    "/etc/crypto-policies",
    "/etc/debian_version",
    "/etc/dotnet",
    "/etc/gai.conf",
    "/etc/group",
    "/etc/host.conf",
    "/etc/hostname",
    "/etc/hosts",
    "/etc/krb5.conf",
    "/etc/krb5.conf.d",
    "/etc/ld.so.cache",
    "/etc/ld.so.conf",
    "/etc/ld.so.conf.d",
    "/etc/ld.so.preload",
    "/etc/localtime",
    "/etc/machine-id",
    "/etc/mime.types",
    "/etc/networks",
    "/etc/nsswitch.conf",
    "/etc/os-release",
    "/etc/passwd",
    "/etc/perl",
    "/etc/pki/ca-trust/extracted",
    "/etc/pki/java",
    "/etc/pki/tls/cert.pem",
    "/etc/pki/tls/certs",
    "/etc/pki/tls/openssl.cnf",
    "/etc/protocols",
    "/etc/resolv.conf",
    "/etc/services",
    "/etc/ssl/cert.pem",
    "/etc/ssl/certs",
    "/etc/ssl/openssl.cnf",
    "/etc/timezone",
    "/run/NetworkManager/resolv.conf",
    "/run/resolvconf",
    "/run/systemd/resolve",
    "/var/lib/ca-certificates",
    // Of other processes it shows what everybody may see, and not their environment or memory: landlock keeps those apart.
    "/proc",
    "/sys/devices/system",
    "/sys/fs/cgroup",
    "/sys/kernel/mm",
];

/// What may be written to, and holds nothing.
pub(super) const DEVICES: &[&str] = &["/dev/full", "/dev/null", "/dev/random", "/dev/urandom", "/dev/zero"];

/// How the folders of `/etc` begin, one for each version, in which runtimes keep their settings.
const SETTINGS: [&str; 2] = ["java", "python3"];

/// How many interpreters of interpreters are followed: the kernel follows five.
const INTERPRETERS_MAX: usize = 5;

/// The most bytes of a script's first line that name its interpreter: the kernel reads 256.
const FIRST_LINE_BYTES_MAX: u64 = 256;

/// What a program may read and run besides: what the configuration lists, the folder that it starts in, the files and folders that its arguments
/// name, its own folder, its interpreter, and the installation that either belongs to.
pub(super) fn readable(program: &Program, environment: &BTreeMap<OsString, OsString>) -> Vec<PathBuf> {
    let mut all = program.read_paths.clone();
    all.extend(program.folder.clone());
    let named = program.arguments.iter().map(PathBuf::from);
    all.extend(named.filter(|path| path.is_absolute() && path.exists()));
    all.extend(program.program.parent().map(Path::to_owned));
    let etc = Path::new("/etc").read_dir().into_iter().flatten().flatten();
    let settings = etc.filter(|entry| {
        SETTINGS
            .iter()
            .any(|start| entry.file_name().as_bytes().starts_with(start.as_bytes()))
    });
    all.extend(settings.map(|entry| entry.path()));
    let mut next = Some(program.program.clone());
    for _ in 0..=INTERPRETERS_MAX {
        let Some(file) = next else { break };
        all.extend(installation(&file));
        if let Ok(real) = file.canonicalize() {
            all.extend(real.parent().map(Path::to_owned));
            all.extend(installation(&real));
        }
        all.push(file.clone());
        next = interpreter(&file, environment);
    }
    // `/` would be all there is. A program that lies there is named by itself.
    all.retain(|path| path.parent().is_some());
    all.sort();
    all.dedup();
    all
}

/// The folder of all that was installed with a program: the one above its `bin`, if libraries stand beside that; or, of what a manager of versions
/// (pyenv, rbenv, asdf, mise) puts in the place of a program, the one that has the versions.
fn installation(program: &Path) -> Option<PathBuf> {
    let folder = program.parent()?;
    let beside: &[&str] = match folder.file_name()?.to_str()? {
        "bin" => &["lib"],
        "shims" => &["versions", "installs"],
        _ => return None,
    };
    let whole = folder.parent().filter(|whole| whole.parent().is_some())?;
    let is_whole = beside.iter().any(|name| whole.join(name).is_dir());
    is_whole.then(|| whole.to_owned())
}

/// The interpreter that the first line of a script names, or that `env` finds for it.
fn interpreter(script: &Path, environment: &BTreeMap<OsString, OsString>) -> Option<PathBuf> {
    let mut line = Vec::new();
    let file = File::open(script).ok()?.take(FIRST_LINE_BYTES_MAX);
    BufReader::new(file).read_until(b'\n', &mut line).ok()?;
    let line = std::str::from_utf8(line.strip_prefix(b"#!")?).ok()?;
    let mut words = line.split_whitespace();
    let interpreter = Path::new(words.next()?);
    if interpreter.file_name() != Some(OsStr::new("env")) {
        return interpreter.is_absolute().then(|| interpreter.to_owned());
    }
    let name = words.find(|word| !word.starts_with('-') && !word.contains('='))?;
    let path = environment.get(OsStr::new("PATH"))?;
    let folders = path
        .as_bytes()
        .split(|byte| *byte == b':')
        .map(|folder| Path::new(OsStr::from_bytes(folder)));
    folders
        .map(|folder| folder.join(name))
        .find(|found| found.is_absolute() && found.is_file())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_program_may_read_itself_its_interpreter_and_what_belongs_to_them() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |path: &str| folder.path().join(path);
        for made in ["venv/bin", "venv/lib", "alone/bin", "app", "started", "extra"] {
            fs::create_dir_all(at(made)).expect("made");
        }
        fs::write(at("venv/bin/python3"), "\x7fELF").expect("written");
        fs::write(at("app/crm.py"), "#!/usr/bin/env -S python3 -u\n").expect("written");
        fs::write(at("app/rules.json"), "{}").expect("written");
        let path = format!("/nowhere:{}", at("venv/bin").display());
        let environment = BTreeMap::from([("PATH".into(), path.into())]);
        let rules = at("app/rules.json").display().to_string();
        let program = Program {
            arguments: vec![rules.clone(), "-v".to_owned(), "/nowhere/at/all".to_owned()],
            folder: Some(at("started")),
            read_paths: vec![at("extra")],
            ..Program::at(at("app/crm.py"))
        };
        let readable = readable(&program, &environment);
        for expected in [
            at("extra"),
            at("started"),
            rules.into(),
            at("app"),
            at("venv"),
            at("venv/bin/python3"),
        ] {
            assert!(readable.contains(&expected), "{}: {readable:?}", expected.display());
        }
        let whole = folder.path().canonicalize().expect("there");
        let mut others = readable
            .iter()
            .filter(|path| !path.starts_with(folder.path()) && !path.starts_with(&whole));
        assert!(
            others.all(|path| path.parent() == Some(Path::new("/etc"))),
            "{readable:?}"
        );
        assert!(!readable.contains(&folder.path().to_owned()), "{readable:?}");
    }

    #[test]
    fn a_bin_without_libraries_opens_nothing_above_it() {
        let home = tempfile::tempdir().expect("a folder");
        fs::create_dir(home.path().join("bin")).expect("made");
        fs::write(home.path().join("bin/crm"), "").expect("written");
        assert_eq!(installation(&home.path().join("bin/crm")), None);
        fs::create_dir(home.path().join("lib")).expect("made");
        assert_eq!(installation(&home.path().join("bin/crm")), Some(home.path().to_owned()));
        assert_eq!(installation(Path::new("/bin/sh")), None);
        let readable = readable(&Program::at("/bin/sh"), &BTreeMap::new());
        assert!(readable.iter().all(|path| path.parent().is_some()), "{readable:?}");
    }
}
