//! A mail server that tells a test what it gets: `aiosmtpd`, of somebody else's.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::coordinator::free_address;
use crate::foreign::{Python, clients};
use crate::process::Process;
use crate::wait::LIMIT;

/// How the way to a mail server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// Not at all, and TLS is not offered.
    Open,
    /// By TLS after a greeting, and not without.
    StartTls,
    /// By TLS from the first byte.
    Tls,
}

impl Way {
    /// The server's word for it, which is the coordinator's too.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Open => "none",
            Self::StartTls => "starttls",
            Self::Tls => "tls",
        }
    }
}

/// A mail that the server has got.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Mail {
    /// By the envelope.
    pub recipients: Vec<String>,
    /// By their names.
    pub headers: BTreeMap<String, String>,
    /// The part without markup.
    pub text: String,
    /// The part with markup.
    pub html: String,
    /// Whether it came by TLS.
    pub encrypted: bool,
    /// Who had logged in.
    pub user: Option<String>,
}

impl Mail {
    /// A header; empty where there is none.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }
}

/// A mail server. Killed when it is dropped.
#[derive(Debug)]
pub struct MailServer {
    python: Python,
    folder: PathBuf,
    port: u16,
    process: Process,
    starts: u32,
}

impl MailServer {
    /// Starts one with its files in `folder`; `None` where there is no Python. What it does with a mail stands in `clients/mail_server.py`.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start(folder: &Path, way: Way, arguments: &[&str]) -> Option<Self> {
        let python = Python::with(&clients().join("mail-requirements.txt"))?;
        let port = free_address().port();
        let process = launch(&python, folder, port, way, arguments, 1);
        let mut server = Self {
            python,
            folder: folder.to_owned(),
            port,
            process,
            starts: 1,
        };
        server.process.until_logged("ready", LIMIT).await;
        Some(server)
    }

    /// Ends it, and starts another at the same place.
    ///
    /// # Panics
    /// When that does not start.
    pub async fn replace(&mut self, way: Way, arguments: &[&str]) {
        self.process.kill_9();
        self.starts += 1;
        self.process = launch(&self.python, &self.folder, self.port, way, arguments, self.starts);
        self.process.until_logged("ready", LIMIT).await;
    }

    /// Where it listens. Its certificate is of this name.
    #[must_use]
    pub fn place(&self) -> String {
        format!("localhost:{}", self.port)
    }

    /// The file of the authority that its certificate comes from.
    #[must_use]
    pub fn authority(&self) -> String {
        self.folder.join("authority.pem").to_string_lossy().into_owned()
    }

    /// The mails that it has got, oldest first.
    #[must_use]
    pub fn mails(&self) -> Vec<Mail> {
        self.lines("mail")
            .into_iter()
            .map(|line| serde_json::from_value(line).expect("a mail is told whole"))
            .collect()
    }

    /// How often it has said this.
    #[must_use]
    pub fn said(&self, message: &str) -> usize {
        self.lines(message).len()
    }

    /// The process.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    fn lines(&self, message: &str) -> Vec<serde_json::Value> {
        let log = self.process.log();
        // The last line may be half there.
        let lines = log.lines().filter_map(|line| serde_json::from_str(line).ok());
        lines
            .filter(|line: &serde_json::Value| line["message"] == message)
            .collect()
    }
}

fn launch(python: &Python, folder: &Path, port: u16, way: Way, arguments: &[&str], start: u32) -> Process {
    let mut command = python.command("mail_server.py");
    command
        .arg(folder)
        .arg(port.to_string())
        .arg(way.word())
        .args(arguments);
    Process::start(command, &folder.join(format!("mail-server-{start}.log")))
}
