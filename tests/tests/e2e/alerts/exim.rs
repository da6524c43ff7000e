//! Exim, Debian's own mail server: mails go to it by STARTTLS and a log-in, and into a mailbox.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown};
use std::path::Path;
use std::process::Command;

use muster_proto::v1::NoticeDeliveryState as State;
use muster_tests::foreign::{Python, answers, clients, missing, run};
use muster_tests::{LIMIT, Process, World, eventually, free_address};
use nix::unistd::User;

use super::{ONCALL, Source};

/// Takes mails for example.com from whoever logs in, and refuses a relay and one mailbox.
const CONFIGURATION: &str = r#"
primary_hostname = localhost
keep_environment =
never_users =
spool_directory = FOLDER/spool
log_file_path = FOLDER/log/%slog
pid_file_path = FOLDER/spool/exim.pid
local_interfaces = 127.0.0.1
daemon_smtp_ports = PORT
tls_advertise_hosts = *
tls_certificate = FOLDER/certificate.pem
tls_privatekey = FOLDER/key.pem
auth_advertise_hosts = ${if eq{$tls_in_cipher}{}{}{*}}
domainlist local_domains = example.com
acl_smtp_rcpt = recipient
acl_smtp_data = accept

begin acl
recipient:
  deny  message = 5.7.1 log in first
        !authenticated = *
  deny  message = 5.1.1 no such user here
        local_parts = refused
  accept domains = +local_domains
  deny  message = 5.7.1 relay not permitted

begin routers
mailbox:
  driver = accept
  domains = +local_domains
  transport = mailbox

begin transports
mailbox:
  driver = appendfile
  directory = FOLDER/mailbox
  maildir_format
  user = Debian-exim

begin authenticators
plain:
  driver = plaintext
  public_name = PLAIN
  server_condition = ${if and{{eq{$auth2}{muster}}{eq{$auth3}{correct horse}}}}
  server_set_id = $auth2
"#;

/// Starts one with all that is its in `folder`; `None` where there is none, or nobody may start it.
async fn exim(folder: &Path, port: u16) -> Option<Process> {
    let python = Python::with(&clients().join("mail-requirements.txt"))?;
    let user = User::from_name("Debian-exim").ok().flatten();
    let (Some(user), true) = (
        user,
        answers(Command::new("exim4").arg("-bV")) && nix::unistd::geteuid().is_root(),
    ) else {
        missing("exim4, and root to start it", "apt-get install exim4-daemon-light");
        return None;
    };
    run(python.command("certificates.py").arg(folder).arg("localhost"));
    fs::set_permissions(folder, Permissions::from_mode(0o755)).expect("it is ours");
    for name in ["spool", "log", "mailbox"] {
        let folder = folder.join(name);
        fs::create_dir(&folder).expect("a folder");
        chown(&folder, Some(user.uid.as_raw()), Some(user.gid.as_raw())).expect("root may");
    }
    chown(folder.join("key.pem"), Some(user.uid.as_raw()), None).expect("root may");
    let configuration = CONFIGURATION.replace("FOLDER", &folder.to_string_lossy());
    let file = folder.join("exim.conf");
    fs::write(&file, configuration.replace("PORT", &port.to_string())).expect("a file");
    let mut command = Command::new("exim4");
    command.arg("-C").arg(&file).arg("-bdf");
    let exim = Process::start(command, &folder.join("exim.log"));
    eventually("exim to listen", LIMIT, async || {
        let connected = tokio::net::TcpStream::connect(("127.0.0.1", port)).await;
        connected.map(drop).map_err(|error| error.to_string())
    })
    .await;
    Some(exim)
}

#[tokio::test]
async fn mails_go_through_exim_into_a_mailbox() {
    let folder = tempfile::tempdir().expect("a folder");
    let port = free_address().port();
    let Some(_exim) = exim(folder.path(), port).await else {
        return;
    };
    let file = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
    fs::write(file("password"), "correct horse\n").expect("a file");
    let server = format!("localhost:{port}");
    let (authority, password) = (file("authority.pem"), file("password"));
    let world = World::start_with(&[
        "--smtp",
        &server,
        "--smtp-ca",
        &authority,
        "--smtp-user",
        "muster",
        "--smtp-password-file",
        &password,
        "--mail-from",
        "Müster <muster@example.com>",
    ])
    .await;
    let [refused, elsewhere] = ["refused@example.com", "somebody@elsewhere.example"];
    let mut source = Source::at(&world.coordinator, "exim", &[ONCALL, refused, elsewhere], |_| ()).await;
    source.run(true).await;
    let sent = source.until_sent(ONCALL).await;
    assert!(sent.answer.starts_with("250 OK id="), "{sent:?}");
    let dead = source
        .until_delivery(refused, LIMIT, |one| one.state() == State::Dead)
        .await;
    assert!(dead.answer.contains("550 5.1.1 no such user here"), "{dead:?}");
    // That it does not relay may be mended.
    let deferred = source.until_deferred(elsewhere).await;
    assert!(
        deferred.answer.contains("550 5.7.1 relay not permitted"),
        "{deferred:?}"
    );

    let mail = eventually("a mail in the mailbox", LIMIT, async || {
        let files = fs::read_dir(file("mailbox/new")).map_err(|error| error.to_string())?;
        let mails: Vec<String> = files
            .flatten()
            .filter_map(|file| fs::read_to_string(file.path()).ok())
            .collect();
        match mails.as_slice() {
            [mail] => Ok(mail.clone()),
            other => Err(format!("{other:?}")),
        }
    })
    .await;
    assert!(
        mail.contains("Subject: [Muster] exim: 1 of 1 failed = 100 %\n"),
        "{mail}"
    );
    assert!(mail.contains("with esmtpsa"), "{mail}");
    let log = fs::read_to_string(file("log/mainlog")).expect("it logs");
    assert!(log.contains("A=plain:muster"), "{log}");
}
