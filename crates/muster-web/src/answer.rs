//! What a form that was sent is answered with, where it stays open: all that was typed, and what there is to say about it.

use ring::rand::{SecureRandom as _, SystemRandom};
use uuid::Builder;

use crate::form::{Faults, Merge, Typed};

/// What a new thing is known by until it has a name.
pub(crate) fn request_id() -> String {
    let mut bytes = [0; 16];
    SystemRandom::new()
        .fill(&mut bytes)
        .expect("the system gives random bytes");
    Builder::from_random_bytes(bytes).into_uuid().to_string()
}

/// The answer to a form.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    /// What was typed.
    pub(crate) typed: Typed,
    /// What had stood there before.
    pub(crate) base: Typed,
    /// The state of what it changes that it was made from.
    pub(crate) etag: String,
    /// What a new one is known by until it has a name: so that sending it twice makes one.
    pub(crate) request_id: String,
    /// How long it shall rest, or until when, as typed. No part of what is saved.
    pub(crate) pause: String,
    /// What is wrong with it.
    pub(crate) faults: Faults,
    /// For what it was judged; `None` when it was not, and what is wrong is told of something else.
    pub(crate) judged: Option<Judged>,
    /// What somebody else has made of it meanwhile.
    pub(crate) meanwhile: Option<Meanwhile>,
    /// What is said about it as a whole.
    pub(crate) said: Option<Said>,
    /// What the mail server has said to test mails, by their recipients.
    pub(crate) mails: Vec<(String, Result<String, String>)>,
}

/// What somebody else has done while a form was open.
#[derive(Debug)]
pub(crate) struct Meanwhile {
    /// Both changes together.
    pub(crate) merge: Merge,
    /// Theirs.
    pub(crate) theirs: Typed,
}

/// For what a form was judged. It goes with the form, so that what is wrong stays beside its fields until it is mended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Judged {
    /// To be saved: a draft may lack something.
    ToSave,
    /// To collect.
    ToCollect,
}

impl Judged {
    /// As the form says it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::ToSave => "save",
            Self::ToCollect => "collect",
        }
    }

    /// What a form says; `None` when it says nothing of the kind.
    pub(crate) fn of(word: &str) -> Option<Self> {
        [Self::ToSave, Self::ToCollect]
            .into_iter()
            .find(|one| one.word() == word)
    }
}

/// What is said about a form.
#[derive(Debug)]
pub(crate) enum Said {
    /// It went well.
    Good(String),
    /// It did not.
    Bad(String),
}

impl Answer {
    /// What stands in a form that nobody has touched.
    pub(crate) fn fresh(typed: Typed, etag: &str) -> Self {
        Self {
            base: typed.clone(),
            typed,
            etag: etag.to_owned(),
            ..Self::default()
        }
    }

    /// Whether something in it is not saved.
    pub(crate) fn is_changed(&self) -> bool {
        !self.typed.differences(&self.base).is_empty()
    }

    /// Whether something in it would be lost with it: what is not saved, and a pause that has not begun.
    pub(crate) fn is_dirty(&self) -> bool {
        self.is_changed() || !self.pause.trim().is_empty()
    }

    /// Whether it says what came of a form, which whoever has sent it is to read in peace.
    pub(crate) fn says(&self) -> bool {
        self.said.is_some() || !self.mails.is_empty() || !self.faults.is_empty()
    }

    /// It, with what is wrong being found when it was judged for this.
    pub(crate) fn judged(self, judged: Judged) -> Self {
        let judged = Some(judged);
        Self { judged, ..self }
    }

    /// It, with something bad to say.
    pub(crate) fn bad(self, said: impl Into<String>) -> Self {
        let said = Some(Said::Bad(said.into()));
        Self { said, ..self }
    }

    /// It, with something good to say.
    pub(crate) fn good(self, said: impl Into<String>) -> Self {
        let said = Some(Said::Good(said.into()));
        Self { said, ..self }
    }
}
