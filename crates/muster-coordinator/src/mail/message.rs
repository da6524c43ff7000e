//! How a letter becomes a mail: its headers and its two parts. The same notice makes the same mail, byte by byte: one that is sent twice is recognised by its Message-ID.

use std::error::Error;
use std::fmt::Write as _;
use std::time::{Duration, UNIX_EPOCH};

use lettre::message::header::{ContentType, Header, HeaderName, HeaderValue};
use lettre::message::{Mailbox, MultiPart, SinglePart};
use lettre::{Address, Message};
use maud::{DOCTYPE, html};
use muster_core::words::EmailAddress;
use sha2::{Digest as _, Sha256};

use super::Letter;

/// How much of a recipient's digest stands in a Message-ID: enough to tell the recipients of one notice apart.
const RECIPIENT_BYTES: usize = 8;

/// What stands on all mails.
#[derive(Debug, Clone)]
pub(crate) struct Letterhead {
    from: Mailbox,
    public_url: Option<String>,
}

/// Why there can be no such mail.
pub(crate) type LetterError = Box<dyn Error + Send + Sync>;

impl Letterhead {
    pub(crate) fn new(from: Mailbox, public_url: Option<String>) -> Self {
        Self { from, public_url }
    }

    /// From whom all mails come.
    pub(crate) fn sender(&self) -> String {
        self.from.to_string()
    }

    /// The mail of a notice.
    ///
    /// # Errors
    /// When no mail can be sent to this address.
    pub(crate) fn write(&self, letter: &Letter) -> Result<Message, LetterError> {
        let id = |ordinal| self.id(&format!("{}.{ordinal}", letter.incident), &letter.recipient);
        let mut mail = Message::builder()
            .from(self.from.clone())
            .to(mailbox(&letter.recipient)?)
            .subject(letter.said.subject.clone())
            .date(UNIX_EPOCH + Duration::from_millis(letter.at.millis()))
            .message_id(Some(id(letter.ordinal)))
            .header(AutoSubmitted);
        if letter.ordinal > 0 {
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
        let boundary = format!("{}.{}", letter.incident, letter.ordinal);
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
        let (url, path) = (self.public_url.as_ref()?, letter.said.link.as_ref()?);
        Some(format!("{url}/{path}"))
    }

    fn text(&self, letter: &Letter) -> String {
        let said = &letter.said;
        let mut text = format!("{}\n\n", said.sentence);
        let widest = said
            .figures
            .iter()
            .map(|(name, _)| name.len())
            .max()
            .unwrap_or(0)
            .max(10);
        for (name, value) in &said.figures {
            text += &format!("{:<width$}{value}\n", format!("{name}:"), width = widest + 2);
        }
        if let Some(remedy) = &said.remedy {
            text += &format!("\nWhat to do: {}\n", indented(remedy));
        }
        if !said.errors.is_empty() {
            text += "\nThe newest errors:\n";
        }
        for error in &said.errors {
            text += &format!(
                "\n- {} at {}, {}: {}\n  What to do: {}\n  Execution: {}\n",
                error.of,
                error.at,
                error.category,
                indented(&error.message),
                indented(&error.remedy),
                error.execution,
            );
        }
        if let Some(link) = self.link(letter) {
            text += &format!("\nLook at it: {link}\n");
        }
        if let Some(command) = &said.command {
            text += &format!("\nIn a terminal: {command}\n");
        }
        text + &format!("\n-- \n{}\n", said.footer)
    }

    pub(super) fn html(&self, letter: &Letter) -> String {
        let said = &letter.said;
        let page = html! {
            (DOCTYPE)
            html lang="en" {
                head {
                    meta charset="utf-8";
                    title { (said.subject) }
                }
                body style="font-family: sans-serif; line-height: 1.4" {
                    p { b { (said.sentence) } }
                    table cellpadding="2" {
                        @for (name, value) in &said.figures {
                            tr { th align="left" valign="top" { (name) } td { (value) } }
                        }
                    }
                    @if let Some(remedy) = &said.remedy {
                        p { "What to do: " (remedy) }
                    }
                    @if !said.errors.is_empty() {
                        p { "The newest errors:" }
                        ul {
                            @for error in &said.errors {
                                li {
                                    b { (error.of) } " at " (error.at) ", " (error.category) ": "
                                    (error.message)
                                    br; "What to do: " (error.remedy)
                                    br; small { (error.execution) }
                                }
                            }
                        }
                    }
                    @if let Some(link) = self.link(letter) {
                        p { a href=(link) { "Look at it" } }
                    }
                    @if let Some(command) = &said.command {
                        p { "In a terminal: " code { (command) } }
                    }
                    hr;
                    p { small { (said.footer) } }
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

/// Further lines of somebody else's text, below the first.
fn indented(text: &str) -> String {
    text.lines().collect::<Vec<_>>().join("\n  ")
}
