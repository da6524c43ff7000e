//! Brings a mail to the mail server: one connection a mail, each of its steps within a time, and an answer that a person understands.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use lettre::Message;
use lettre::transport::smtp::authentication::{Credentials, DEFAULT_MECHANISMS};
use lettre::transport::smtp::client::{
    AsyncSmtpConnection, Certificate, CertificateStore, TlsParameters, TlsParametersBuilder,
};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{ClientId, Extension, MailParameter};
use lettre::transport::smtp::response::Response;
use muster_core::decide::incident::deliver::Tried;
use tokio::time::timeout;

use super::Letterhead;
use super::server::{MailServer, SmtpTls};
use crate::settings::Settings;

/// Why mails cannot be sent by these settings.
#[derive(Debug, thiserror::Error)]
pub enum MailError {
    /// A file cannot be read.
    #[error("cannot read {}, the file of `{setting}`", .path.display())]
    Unreadable {
        /// Whose file it is.
        setting: &'static str,
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A password that is none.
    #[error("{} is the file of `smtp_password_file`, and holds no password: put it there, as one line", .0.display())]
    NoPassword(PathBuf),
    /// Certificates that are none.
    #[error("{} is the file of `smtp_ca`, and holds no certificate in PEM (`-----BEGIN CERTIFICATE-----`) that can be used", .0.display())]
    NoCertificate(PathBuf),
    /// TLS cannot be had.
    #[error("TLS cannot be prepared for the mail server")]
    Tls(#[source] lettre::transport::smtp::Error),
}

/// What became of a try to send a mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    pub(crate) tried: Tried,
    /// What the server, or the way to it, said, for a person. Without secrets.
    pub(crate) answer: String,
}

impl Reply {
    fn deferred(answer: String) -> Self {
        let tried = Tried::Deferred;
        Self { tried, answer }
    }
}

/// How long the steps of a mail's way may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// From the look-up of the server's name until it has told what it can. Also until TLS is there.
    pub(super) connect: Duration,
    /// The answer to a command.
    pub(super) command: Duration,
    /// The answer to the whole mail, which servers look through before they answer. Who gives up earlier than they do has them deliver it twice.
    pub(super) end: Duration,
    /// The answer to the farewell, which nobody needs.
    pub(super) farewell: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(30),
            command: Duration::from_secs(60),
            end: Duration::from_secs(180),
            farewell: Duration::from_secs(1),
        }
    }
}

/// The way to the mail server, if one is set. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Mailer(Option<Arc<Post>>);

struct Post {
    server: MailServer,
    way: SmtpTls,
    tls: TlsParameters,
    login: Option<Login>,
    letterhead: Letterhead,
    patience: Patience,
}

struct Login {
    user: String,
    password_file: PathBuf,
}

impl Login {
    /// # Errors
    /// [`MailError::Unreadable`], [`MailError::NoPassword`].
    fn password(&self) -> Result<String, MailError> {
        let path = self.password_file.clone();
        let text = std::fs::read_to_string(&path).map_err(|source| MailError::Unreadable {
            setting: "smtp_password_file",
            path: path.clone(),
            source,
        })?;
        match text.lines().next() {
            Some(password) if !password.is_empty() => Ok(password.to_owned()),
            Some(_) | None => Err(MailError::NoPassword(path)),
        }
    }
}

impl Mailer {
    /// By these settings, which fit each other. The files are read, so that what is wrong with them is found at the start.
    ///
    /// # Errors
    /// [`MailError`].
    pub(crate) fn open(settings: &Settings) -> Result<Self, MailError> {
        Self::with_patience(settings, Patience::default())
    }

    pub(super) fn with_patience(settings: &Settings, patience: Patience) -> Result<Self, MailError> {
        let (Some(server), Some(from)) = (&settings.smtp, &settings.mail_from) else {
            return Ok(Self(None));
        };
        let login = match (&settings.smtp_user, &settings.smtp_password_file) {
            (Some(user), Some(file)) => Some(Login {
                user: user.clone(),
                password_file: file.clone(),
            }),
            (Some(_), None) | (None, Some(_)) | (None, None) => None,
        };
        if let Some(login) = &login {
            login.password()?;
        }
        Ok(Self(Some(Arc::new(Post {
            server: server.clone(),
            way: settings.smtp_tls,
            tls: tls(server, settings.smtp_ca.as_deref())?,
            login,
            letterhead: Letterhead::new(from.clone(), settings.public_url.clone()),
            patience,
        }))))
    }

    /// What stands on all mails; `None` without a mail server.
    pub(crate) fn letterhead(&self) -> Option<&Letterhead> {
        self.0.as_deref().map(|post| &post.letterhead)
    }

    /// Tries to send a mail. It takes a few minutes at most.
    pub(crate) async fn send(&self, mail: &Message) -> Reply {
        match &self.0 {
            Some(post) => post.send(mail).await,
            None => Self::nowhere(),
        }
    }

    /// The same, for at most so long.
    pub(crate) async fn send_within(&self, within: Duration, mail: &Message) -> Reply {
        let sent = timeout(within, self.send(mail)).await;
        sent.unwrap_or_else(|_| {
            let server = self.0.as_deref().map(|post| post.server.to_string());
            Reply::deferred(format!(
                "{} was not done with it after {} s: look whether it can be reached from here, and whether `smtp_tls` fits its port",
                server.as_deref().unwrap_or("the mail server"),
                within.as_secs_f64()
            ))
        })
    }

    /// What comes of a mail without a mail server.
    pub(crate) fn nowhere() -> Reply {
        Reply::deferred("no mail server is set: set `smtp` and `mail_from` of the coordinator".to_owned())
    }
}

fn tls(server: &MailServer, authorities: Option<&Path>) -> Result<TlsParameters, MailError> {
    let mut tls = TlsParametersBuilder::new(server.host.clone());
    if let Some(path) = authorities {
        let pem = std::fs::read(path).map_err(|source| MailError::Unreadable {
            setting: "smtp_ca",
            path: path.to_owned(),
            source,
        })?;
        let none = || MailError::NoCertificate(path.to_owned());
        let certificate = Certificate::from_pem(&pem).map_err(|_| none())?;
        if !String::from_utf8_lossy(&pem).contains("-----BEGIN CERTIFICATE-----") {
            return Err(none());
        }
        tls = tls
            .certificate_store(CertificateStore::None)
            .add_root_certificate(certificate);
        return tls.build_rustls().map_err(|_| none());
    }
    tls.certificate_store(CertificateStore::WebpkiRoots)
        .build_rustls()
        .map_err(MailError::Tls)
}

/// How far a mail has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Connect,
    StartTls,
    LogIn,
    Sender,
    Recipient,
    Begin,
    End,
}

impl Step {
    /// What the server has to answer.
    fn name(self) -> &'static str {
        match self {
            Self::Connect => "the connection",
            Self::StartTls => "STARTTLS",
            Self::LogIn => "the log-in",
            Self::Sender => "the sender",
            Self::Recipient => "the recipient",
            Self::Begin => "DATA",
            Self::End => "the mail",
        }
    }

    /// Whether a refusal for good is one of this recipient or this mail. Before that it is one of everything, which somebody can mend.
    fn is_about_the_mail(self) -> bool {
        match self {
            Self::Connect | Self::StartTls | Self::LogIn | Self::Sender => false,
            Self::Recipient | Self::Begin | Self::End => true,
        }
    }
}

/// Why a mail has not come to its end.
enum Fault {
    /// The server, or the way to it, said so.
    Smtp(Step, lettre::transport::smtp::Error),
    /// Nothing was heard for so long.
    Silent(Step, Duration),
    NoStartTls,
    NoSmtpUtf8,
    Password(MailError),
}

impl Post {
    async fn send(&self, mail: &Message) -> Reply {
        let password = match self.login.as_ref().map(Login::password).transpose() {
            Ok(password) => password,
            Err(error) => return self.reply(Fault::Password(error)),
        };
        let mut reply = match self.deliver(mail, password.as_deref()).await {
            Ok(response) => Reply {
                tried: Tried::Accepted,
                answer: said(&response),
            },
            Err(fault) => self.reply(fault),
        };
        reply.answer = legible(&reply.answer);
        if let (Some(login), Some(password)) = (&self.login, &password) {
            reply.answer = without_password(reply.answer, &login.user, password);
        }
        reply
    }

    async fn deliver(&self, mail: &Message, password: Option<&str>) -> Result<Response, Fault> {
        let mut connection = self.connect().await?;
        let sent = self.converse(&mut connection, mail, password).await;
        // Whoever hangs is not waited for a second time.
        if !matches!(sent, Err(Fault::Silent(..))) {
            let _ = timeout(self.patience.farewell, connection.quit()).await;
        }
        sent
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, Fault> {
        let (hello, within) = (ClientId::default(), self.patience.connect);
        let at_once = match self.way {
            SmtpTls::Tls => Some(self.tls.clone()),
            SmtpTls::Starttls | SmtpTls::None | SmtpTls::Unprotected => None,
        };
        let server = (self.server.host.as_str(), self.server.port);
        let connecting = AsyncSmtpConnection::connect_tokio1(server, Some(within / 2), &hello, at_once, None);
        let mut connection = heard(Step::Connect, within, connecting).await?;
        if self.way == SmtpTls::Starttls {
            if !connection.can_starttls() {
                return Err(Fault::NoStartTls);
            }
            let upgrading = connection.starttls(self.tls.clone(), &hello);
            heard(Step::StartTls, within, upgrading).await?;
        }
        Ok(connection)
    }

    async fn converse(
        &self,
        connection: &mut AsyncSmtpConnection,
        mail: &Message,
        password: Option<&str>,
    ) -> Result<Response, Fault> {
        let within = self.patience.command;
        if let (Some(login), Some(password)) = (&self.login, password) {
            let credentials = Credentials::new(login.user.clone(), password.to_owned());
            let logging_in = connection.auth(DEFAULT_MECHANISMS, &credentials);
            heard(Step::LogIn, within, logging_in).await?;
        }
        let envelope = mail.envelope();
        let mut parameters = Vec::new();
        let mut addresses = envelope.to().iter().chain(envelope.from());
        if addresses.any(|address| !address.to_string().is_ascii()) {
            if !connection.server_info().supports_feature(Extension::SmtpUtfEight) {
                return Err(Fault::NoSmtpUtf8);
            }
            parameters.push(MailParameter::SmtpUtfEight);
        }
        let sender = Mail::new(envelope.from().cloned(), parameters);
        heard(Step::Sender, within, connection.command(sender)).await?;
        for recipient in envelope.to() {
            let recipient = Rcpt::new(recipient.clone(), Vec::new());
            heard(Step::Recipient, within, connection.command(recipient)).await?;
        }
        heard(Step::Begin, within, connection.command(Data)).await?;
        heard(Step::End, self.patience.end, connection.message(&mail.formatted())).await
    }

    fn reply(&self, fault: Fault) -> Reply {
        let server = &self.server;
        match fault {
            Fault::Smtp(step, error) => self.reply_to_error(step, &error),
            Fault::Silent(Step::Connect, after) => Reply::deferred(format!(
                "{server} did not answer for {} s: look whether it can be reached from here, and whether `smtp_tls` fits its port{}",
                after.as_secs_f64(),
                match self.way {
                    SmtpTls::Tls => "",
                    SmtpTls::Starttls | SmtpTls::None | SmtpTls::Unprotected => " (465 mostly wants `tls`)",
                }
            )),
            Fault::Silent(step, after) => Reply::deferred(format!(
                "{server} did not answer to {} for {} s: tried again later",
                step.name(),
                after.as_secs_f64()
            )),
            Fault::NoStartTls => Reply::deferred(format!(
                "{server} does not offer STARTTLS, so nothing was sent: have it offer that, or set `smtp_tls` to what it has"
            )),
            Fault::NoSmtpUtf8 => Reply {
                tried: Tried::Refused,
                answer: format!(
                    "{server} does not offer SMTPUTF8, which an address with other letters than those of ASCII needs: use another address"
                ),
            },
            Fault::Password(error) => Reply::deferred(match &error {
                MailError::Unreadable { source, .. } => format!("{error}: {source}"),
                MailError::NoPassword(_) | MailError::NoCertificate(_) | MailError::Tls(_) => error.to_string(),
            }),
        }
    }

    fn reply_to_error(&self, step: Step, error: &lettre::transport::smtp::Error) -> Reply {
        let server = &self.server;
        let source = std::error::Error::source(error);
        let detail = source.map_or_else(|| error.to_string(), ToString::to_string);
        if let Some(code) = error.status().map(u16::from) {
            let answer = format!("{server} answered to {}: {code} {detail}", step.name());
            let tried = if step.is_about_the_mail() && error.is_permanent() && !is_policy(code, &detail) {
                Tried::Refused
            } else {
                Tried::Deferred
            };
            return Reply { tried, answer };
        }
        let tls = matches!(step, Step::StartTls) || (step == Step::Connect && self.way == SmtpTls::Tls);
        Reply::deferred(if tls && is_of_tls(error) {
            format!(
                "TLS with {server} failed: {detail}. Look at its certificate: it must be of the name `{}`, valid today, and come from an authority that \
                 `smtp_ca` names, or without that from one that browsers trust",
                server.host
            )
        } else if step == Step::LogIn && error.is_client() {
            format!(
                "{server} offers no way to log in that Muster has (PLAIN, LOGIN): remove `smtp_user` if it needs none"
            )
        } else if step == Step::Connect {
            format!("cannot reach {server}: {detail}")
        } else {
            format!("the connection to {server} broke at {}: {detail}", step.name())
        })
    }
}

/// What a step comes to, if the server is heard within this time.
async fn heard<T>(
    step: Step,
    within: Duration,
    step_done: impl Future<Output = Result<T, lettre::transport::smtp::Error>>,
) -> Result<T, Fault> {
    match timeout(within, step_done).await {
        Ok(done) => done.map_err(|error| Fault::Smtp(step, error)),
        Err(_) => Err(Fault::Silent(step, within)),
    }
}

/// Whether it is refused because of who sends it or how, which somebody can mend: RFC 3463 has 5.7 for that, RFC 4954 these codes.
fn is_policy(code: u16, text: &str) -> bool {
    matches!(code, 530 | 534 | 535 | 538) || text.starts_with("5.7.")
}

/// Whether a fault of the connection is one of TLS: what rustls has to say comes as invalid data.
fn is_of_tls(error: &lettre::transport::smtp::Error) -> bool {
    let mut source = std::error::Error::source(error);
    while let Some(error) = source {
        if let Some(error) = error.downcast_ref::<io::Error>() {
            return error.kind() == io::ErrorKind::InvalidData;
        }
        source = error.source();
    }
    false
}

fn said(response: &Response) -> String {
    let lines: Vec<&str> = response.message().collect();
    format!("{} {}", u16::from(response.code()), lines.join(" "))
}

/// Somebody else's text on one line.
fn legible(answer: &str) -> String {
    let one_line = answer.replace(|c: char| c.is_control(), " ");
    one_line.trim().to_owned()
}

/// A server may repeat what it was told.
fn without_password(answer: String, user: &str, password: &str) -> String {
    let forms = [
        password.to_owned(),
        BASE64_STANDARD.encode(password),
        BASE64_STANDARD.encode(format!("\0{user}\0{password}")),
    ];
    let without = |answer: String, form: &String| answer.replace(form, "[the password]");
    forms.iter().fold(answer, without)
}
