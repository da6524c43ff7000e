//! What a mail says, and its headers. The same notice makes the same mail, byte by byte: one that is sent twice is recognised by its Message-ID.

use std::error::Error;
use std::fmt::Write as _;
use std::time::{Duration, UNIX_EPOCH};

use lettre::message::header::{ContentType, Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart, SinglePart};
use lettre::{Address, Message};
use maud::{DOCTYPE, html};
use muster_core::entity::{Cause, Closed, Closing, Incident, Notice, NoticeKind};
use muster_core::remedy;
use muster_core::time::Stamp;
use muster_core::words::{EmailAddress, IncidentId};
use muster_process::config::values::written;
use sha2::{Digest as _, Sha256};

use crate::wire::name;

/// How much of a recipient's digest stands in a Message-ID: enough to tell the recipients of one notice apart.
const RECIPIENT_BYTES: usize = 8;

/// What stands on all mails.
#[derive(Debug, Clone)]
pub(crate) struct Letterhead {
    from: Mailbox,
    public_url: Option<String>,
}

/// A notice to one recipient, with what of its incident it needs.
#[derive(Debug, Clone)]
pub(crate) struct Letter {
    pub(super) incident: IncidentId,
    /// The resource name of the integration.
    pub(super) integration: String,
    /// Its id, which commands take.
    pub(super) integration_id: String,
    /// How the executions of its errors are named, by their ids.
    pub(super) executions: Vec<String>,
    pub(super) opened: Stamp,
    pub(super) closed: Option<Closed>,
    pub(super) notice: Notice,
    pub(super) recipient: EmailAddress,
}

/// Why there can be no such mail.
pub(crate) type LetterError = Box<dyn Error + Send + Sync>;

impl Letter {
    /// A notice of an incident to a recipient.
    pub(crate) fn of(incident: &Incident, notice: &Notice, recipient: &EmailAddress) -> Self {
        let Cause::ErrorRate { integration } = incident.cause;
        let organization = &incident.organization;
        let executions = notice.evidence.errors.iter();
        Self {
            incident: incident.id,
            integration: name::of_integration(organization, integration),
            integration_id: integration.to_string(),
            executions: executions
                .map(|error| name::of_execution(organization, integration, error.execution))
                .collect(),
            opened: incident.opened,
            closed: incident.closed,
            notice: notice.clone(),
            recipient: recipient.clone(),
        }
    }

    /// The heading: what is the matter, in one line.
    fn subject(&self) -> String {
        let evidence = &self.notice.evidence;
        let (called, rate) = (&evidence.display_name, evidence.tally);
        match self.notice.kind {
            NoticeKind::Opened => format!("[Muster] {called}: {rate}"),
            NoticeKind::Reminder => format!("[Muster] {called}: still {rate}"),
            NoticeKind::Closed => match self.closing() {
                Closing::Recovered => format!("[Muster] {called} has recovered: {rate}"),
                Closing::Disabled => format!("[Muster] {called} was disabled"),
                Closing::Deleted => format!("[Muster] {called} was deleted"),
                Closing::Muted => format!("[Muster] {called} is not told of any more"),
            },
        }
    }

    /// What has happened, as a sentence.
    fn sentence(&self) -> String {
        let evidence = &self.notice.evidence;
        let (called, threshold, recovery) = (&evidence.display_name, evidence.threshold, evidence.recovery);
        let since = time(self.opened);
        match self.notice.kind {
            NoticeKind::Opened => {
                format!("The error rate of the integration “{called}” has reached its threshold of {threshold}.")
            }
            NoticeKind::Reminder => {
                format!(
                    "The error rate of the integration “{called}” has not come down: the incident of {since} is still open."
                )
            }
            NoticeKind::Closed => match self.closing() {
                Closing::Recovered => {
                    format!(
                        "The error rate of the integration “{called}” is below {recovery}: the incident of {since} is over."
                    )
                }
                Closing::Disabled => {
                    format!(
                        "The integration “{called}” was disabled, so that it collects nothing: the incident of {since} is over."
                    )
                }
                Closing::Deleted => format!("The integration “{called}” was deleted: the incident of {since} is over."),
                Closing::Muted => {
                    format!(
                        "The error notifications of the integration “{called}” were switched off: the incident of {since} is over."
                    )
                }
            },
        }
    }

    /// The figures, each with what it is.
    fn figures(&self) -> Vec<(&'static str, String)> {
        let evidence = &self.notice.evidence;
        let mut figures = vec![
            ("Error rate", evidence.tally.to_string()),
            (
                "Counted",
                format!(
                    "executions that finished within {} before {}",
                    written(evidence.window),
                    time(self.notice.at)
                ),
            ),
            ("Since", time(self.opened)),
        ];
        if let (NoticeKind::Closed, Some(closed)) = (self.notice.kind, self.closed) {
            figures.push(("Until", time(closed.at)));
        } else {
            figures.push(("Closes", format!("when the error rate is below {}", evidence.recovery)));
        }
        figures
    }

    /// Whether there is anything to look at.
    fn is_about_something_that_is_there(&self) -> bool {
        self.notice.kind != NoticeKind::Closed || self.closing() != Closing::Deleted
    }

    fn closing(&self) -> Closing {
        self.closed.map_or(Closing::Recovered, |closed| closed.closing)
    }

    fn footer(&self) -> &'static str {
        "This mail was made by Muster. You get it because the error notifications of this integration name you as a recipient."
    }
}

impl Letterhead {
    pub(crate) fn new(from: Mailbox, public_url: Option<String>) -> Self {
        Self { from, public_url }
    }

    /// The mail of a notice.
    ///
    /// # Errors
    /// When no mail can be sent to this address.
    pub(crate) fn write(&self, letter: &Letter) -> Result<Message, LetterError> {
        let notice = &letter.notice;
        let id = |ordinal| self.id(&format!("{}.{ordinal}", letter.incident), &letter.recipient);
        let mut mail = Message::builder()
            .from(self.from.clone())
            .to(mailbox(&letter.recipient)?)
            .subject(letter.subject())
            .date(UNIX_EPOCH + Duration::from_millis(notice.at.millis()))
            .message_id(Some(id(notice.ordinal)))
            .header(AutoSubmitted);
        if notice.ordinal > 0 {
            // The first of the incident, so that all that is told of it stands together.
            mail = mail.in_reply_to(id(0)).references(id(0));
        }
        let parts = [
            SinglePart::builder()
                .header(ContentType::TEXT_PLAIN)
                .body(self.text(letter)),
            SinglePart::builder()
                .header(ContentType::TEXT_HTML)
                .body(self.html(letter)),
        ];
        let boundary = format!("{}.{}", letter.incident, notice.ordinal);
        Ok(mail.multipart(alternatives(boundary, parts))?)
    }

    /// A mail that says nothing but that mails arrive.
    ///
    /// # Errors
    /// When no mail can be sent to this address.
    pub(crate) fn write_trial(&self, recipient: &EmailAddress, number: u128) -> Result<Message, LetterError> {
        let text = "This is a test: mails of this Muster coordinator arrive here. Somebody has asked for it by `muster alerts test`.";
        let html = html! { (DOCTYPE) html lang="en" { body { p { (text) } } } };
        let parts = [
            SinglePart::builder()
                .header(ContentType::TEXT_PLAIN)
                .body(format!("{text}\n")),
            SinglePart::builder()
                .header(ContentType::TEXT_HTML)
                .body(html.into_string()),
        ];
        let mail = Message::builder()
            .from(self.from.clone())
            .to(mailbox(recipient)?)
            .subject("[Muster] A test mail")
            .date_now()
            .message_id(Some(self.id(&format!("test.{number:032x}"), recipient)))
            .header(AutoSubmitted);
        Ok(mail.multipart(alternatives(format!("{number:032x}"), parts))?)
    }

    /// A Message-ID. It is of the notice and its recipient, and so the same however often that is sent.
    fn id(&self, of: &str, recipient: &EmailAddress) -> String {
        let digest = Sha256::digest(recipient.as_str());
        let mut id = format!("<{of}.");
        for byte in &digest[..RECIPIENT_BYTES] {
            // A text takes everything.
            let _ = write!(id, "{byte:02x}");
        }
        format!("{id}@{}>", self.from.email.domain())
    }

    fn link(&self, letter: &Letter) -> Option<String> {
        let url = self
            .public_url
            .as_ref()
            .filter(|_| letter.is_about_something_that_is_there())?;
        Some(format!("{url}/{}", letter.integration))
    }

    fn text(&self, letter: &Letter) -> String {
        let mut text = format!("{}\n\n", letter.sentence());
        for (name, value) in letter.figures() {
            text += &format!("{:<12}{value}\n", format!("{name}:"));
        }
        if !letter.notice.evidence.errors.is_empty() {
            text += "\nThe newest errors:\n";
        }
        for (error, execution) in letter.notice.evidence.errors.iter().zip(&letter.executions) {
            let failure = &error.failure;
            text += &format!(
                "\n- {} at {}, {}: {}\n  What to do: {}\n  Execution: {execution}\n",
                error.data_type,
                time(error.at),
                failure.category.as_str(),
                indented(&failure.message),
                indented(&remedy::alone(failure)),
            );
        }
        if let Some(link) = self.link(letter) {
            text += &format!("\nLook at it: {link}\n");
        }
        if letter.is_about_something_that_is_there() {
            text += &format!("\nIn a terminal: muster integration show {}\n", letter.integration_id);
        }
        text + &format!("\n-- \n{}\n", letter.footer())
    }

    pub(super) fn html(&self, letter: &Letter) -> String {
        let errors = letter.notice.evidence.errors.iter().zip(&letter.executions);
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    title { (letter.subject()) }
                }
                body style="font-family: sans-serif; line-height: 1.4" {
                    p { b { (letter.sentence()) } }
                    table cellpadding="2" {
                        @for (name, value) in letter.figures() {
                            tr { th align="left" valign="top" { (name) } td { (value) } }
                        }
                    }
                    @if !letter.notice.evidence.errors.is_empty() {
                        p { "The newest errors:" }
                        ul {
                            @for (error, execution) in errors {
                                li {
                                    b { (error.data_type) } " at " (time(error.at)) ", " (error.failure.category.as_str()) ": "
                                    (error.failure.message)
                                    br; "What to do: " (remedy::alone(&error.failure))
                                    br; small { (execution) }
                                }
                            }
                        }
                    }
                    @if let Some(link) = self.link(letter) {
                        p { a href=(link) { "Look at it" } }
                    }
                    @if letter.is_about_something_that_is_there() {
                        p { "In a terminal: " code { "muster integration show " (letter.integration_id) } }
                    }
                    hr;
                    p { small { (letter.footer()) } }
                }
            }
        };
        page.into_string()
    }
}

fn alternatives(boundary: String, parts: [SinglePart; 2]) -> MultiPart {
    let [text, html] = parts;
    // By default it is a random one, and the mail would not be the same when it is sent again.
    let parts = MultiPart::alternative().boundary(format!("muster.{boundary}"));
    parts.singlepart(text).singlepart(html)
}

fn mailbox(recipient: &EmailAddress) -> Result<Mailbox, LetterError> {
    let address: Address = recipient.as_str().parse()?;
    Ok(Mailbox::new(None, address))
}

/// Tells answering machines that there is nobody to answer to: RFC 3834.
#[derive(Clone)]
struct AutoSubmitted;

impl Header for AutoSubmitted {
    fn name() -> HeaderName {
        HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> HeaderValue {
        HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

fn time(stamp: Stamp) -> String {
    let millis = i64::try_from(stamp.millis()).ok();
    let time = millis.and_then(|millis| jiff::Timestamp::from_millisecond(millis).ok());
    time.unwrap_or_default().strftime("%-d %B %Y, %H:%M:%S UTC").to_string()
}

/// Further lines of somebody else's text, below the first.
fn indented(text: &str) -> String {
    text.lines().collect::<Vec<_>>().join("\n  ")
}
