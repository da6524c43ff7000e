//! `muster seal`: makes of a secret what only the runners of a pool can read.

use std::io::{self, BufRead, IsTerminal, Read, Write};

use muster_core::words::{Recipients, SealingKey};
use muster_proto::v1::Runner;
use muster_seal::SECRET_BYTES_MAX;
use serde::Serialize;

use super::Session;
use crate::error::Error;
use crate::exit::Exit;
use crate::known_keys::KnownKeys;
use crate::names;
use crate::output::text::clean;

/// The most runners that are looked through for those of a pool.
const RUNNERS_MAX: usize = 10_000;

/// Seal a secret so that only the runners of a pool can read it, and nobody between: not the coordinator, nor its backups
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  muster seal --pool default --trust age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p < password
  muster seal --pool default < password
  muster seal --pool default --runner rack-7 < password

It reads the secret from standard input, a line feed at its end aside, and prints what takes its place in a configuration.

The coordinator tells the keys of the runners. The first time it names one, compare that with what the runner itself logs when it
starts (`sealing_key`); it is trusted from then on, and kept beside your contexts in sealing-keys.toml. Runners that come later
cannot read what was sealed before them: seal it anew.")]
pub struct Args {
    /// The pool whose runners are to read it
    #[arg(long, short, value_name = "NAME")]
    pool: String,
    /// Only these of them: their names or ids
    #[arg(long, short, value_name = "RUNNER")]
    runner: Vec<String>,
    /// Trust this key, which you have compared
    #[arg(long, value_name = "KEY")]
    trust: Vec<SealingKey>,
}

/// What is printed for programs.
#[derive(Debug, Serialize)]
struct Sealed<'a> {
    sealed: &'a str,
    runners: Vec<&'a str>,
}

/// A runner, and its key.
struct Recipient {
    runner: Runner,
    key: SealingKey,
}

/// Seals what standard input holds.
pub async fn run(args: Args, session: &mut Session) -> Result<Exit, Error> {
    let Session { client, output, .. } = session;
    let all = crate::list::runners(client, RUNNERS_MAX).await?.items;
    let recipients = chosen(all, &args)?;
    let mut known = KnownKeys::read()?;
    trust(&recipients, &args.trust, &mut known)?;
    let secret = read_secret()?;
    let keys = Recipients::new(recipients.iter().map(|one| one.key.clone())).map_err(sealing)?;
    let sealed = muster_seal::seal(&secret, &keys).map_err(sealing)?;
    let runners: Vec<&str> = recipients.iter().map(|one| one.runner.display_name.as_str()).collect();
    if output.is_for_programs() {
        let sealed = &sealed;
        output.document(&Sealed { sealed, runners })?;
    } else {
        crate::output::note(format!("sealed to {}", clean(&runners.join(", "))));
        output.line(sealed)?;
    }
    Ok(Exit::Success)
}

fn sealing(error: impl std::fmt::Display) -> Error {
    Error::Sealing {
        reason: error.to_string(),
        next: "see who there is: muster runner list".to_owned(),
    }
}

/// The runners of the pool, or those of them that were named, that can open what is sealed.
fn chosen(all: Vec<Runner>, args: &Args) -> Result<Vec<Recipient>, Error> {
    let pool = &args.pool;
    let of_pool = all.into_iter().filter(|runner| runner.pool == *pool);
    let is_named = |runner: &Runner, name: &str| runner.display_name == name || names::id(&runner.name) == name;
    let wanted = |runner: &Runner| args.runner.is_empty() || args.runner.iter().any(|name| is_named(runner, name));
    let of_pool: Vec<Runner> = of_pool.filter(wanted).collect();
    if let Some(missing) = args
        .runner
        .iter()
        .find(|name| !of_pool.iter().any(|runner| is_named(runner, name)))
    {
        return Err(sealing(format!("no runner of pool `{pool}` is called `{missing}`")));
    }
    let mut recipients = Vec::new();
    for runner in of_pool {
        match runner.sealing_key.parse() {
            Ok(key) => recipients.push(Recipient { runner, key }),
            Err(_) => crate::output::note(format!(
                "the runner `{}` has no sealing key, and will not be able to read it: it is of an older version",
                clean(&runner.display_name)
            )),
        }
    }
    if recipients.is_empty() {
        return Err(Error::Sealing {
            reason: format!("no runner of pool `{pool}` that can open what is sealed has ever checked in"),
            next: format!(
                "add one: muster runner enroll-token create --pool {pool} (where runners need no token: muster-runner --pool {pool})"
            ),
        });
    }
    Ok(recipients)
}

/// Sees to it that a person has compared every key.
fn trust(recipients: &[Recipient], compared: &[SealingKey], known: &mut KnownKeys) -> Result<(), Error> {
    if let Some(stray) = compared
        .iter()
        .find(|key| recipients.iter().all(|one| one.key != **key))
    {
        return Err(Error::Sealing {
            reason: format!("none of these runners has the key {stray}: the coordinator tells other ones"),
            next: "compare what the coordinator tells (muster runner show NAME) with what the runner logs when it starts: if they differ, somebody \
                   is between"
                .to_owned(),
        });
    }
    let untrusted = |one: &&Recipient| !known.has(one.key.as_str()) && !compared.contains(&one.key);
    let new: Vec<&Recipient> = recipients.iter().filter(untrusted).collect();
    let told: Vec<String> = new.iter().map(|one| tell(one, known)).collect();
    if !new.is_empty() && !agreed(&told)? {
        return Err(Error::Sealing {
            reason: format!(
                "these keys are not trusted so far:\n  {}\nNothing was sealed",
                told.join("\n  ")
            ),
            next: "compare each with what its runner logs when it starts (`sealing_key`), then say --trust KEY"
                .to_owned(),
        });
    }
    for one in recipients {
        known.trust(one.key.as_str(), &one.runner.display_name);
    }
    known.write()
}

/// A key with its runner; and a warning where that had another one.
fn tell(one: &Recipient, known: &KnownKeys) -> String {
    let name = &one.runner.display_name;
    let changed = if known.knows_otherwise(name, one.key.as_str()) {
        "  (ANOTHER THAN BEFORE: was this runner set up anew?)"
    } else {
        ""
    };
    format!("{}  {}{changed}", one.key, clean(name))
}

/// Asks on the terminal; where there is none, nobody agrees.
fn agreed(told: &[String]) -> Result<bool, Error> {
    let stdin = io::stdin();
    if !stdin.is_terminal() {
        return Ok(false);
    }
    let mut stderr = io::stderr();
    let asked = write!(
        stderr,
        "These keys are not trusted so far. Compare each with what its runner logs when it starts:\n  {}\nTrust them? [y/N] ",
        told.join("\n  ")
    );
    asked.and_then(|()| stderr.flush()).map_err(Error::Output)?;
    let mut answer = String::new();
    stdin.lock().read_line(&mut answer).map_err(sealing)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// The secret on standard input, without the line feed that editors and `echo` end it with.
fn read_secret() -> Result<String, Error> {
    let unreadable = |error: &dyn std::fmt::Display| Error::Sealing {
        reason: format!("cannot read the secret from standard input: {error}"),
        next: "give it by a file or a pipe: muster seal --pool NAME < FILE".to_owned(),
    };
    let stdin = io::stdin();
    if stdin.is_terminal() {
        // It would be shown as it is typed, and stay in the terminal's memory.
        return Err(unreadable(&"it is a terminal, which would show it"));
    }
    let mut bytes = Vec::new();
    // One more than may be, and a line feed.
    let most = SECRET_BYTES_MAX as u64 + 3;
    let read = stdin.lock().take(most).read_to_end(&mut bytes);
    read.map_err(|error| unreadable(&error))?;
    let mut secret = String::from_utf8(bytes).map_err(|_| unreadable(&"it is no UTF-8 text"))?;
    if secret.ends_with('\n') {
        secret.pop();
        if secret.ends_with('\r') {
            secret.pop();
        }
    }
    Ok(secret)
}
