//! Mails: what they say, and how they get to the mail server. Whom they are for, when they are sent and what becomes of them is the ledger's business.

mod letter;
mod message;
mod sender;
pub(crate) mod server;
#[cfg(test)]
mod tests;

pub(crate) use letter::Letter;
pub(crate) use message::Letterhead;
pub use sender::MailError;
pub(crate) use sender::{Mailer, Reply};
