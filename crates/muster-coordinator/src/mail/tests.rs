//! What mails say, and what becomes of them at servers that answer as a test has it.

mod message;
mod sender;
