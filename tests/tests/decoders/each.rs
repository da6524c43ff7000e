//! Each decoder of what comes from outside, as a function of any bytes: it may refuse them, and does not panic. The tests beside this file try them by
//! chance, and `tests/fuzz` by coverage.

use std::io::Write as _;
use std::time::Duration;

use muster_core::decide::{Answer, Command, Welcome};
use muster_core::time::{Moment, Now, Stamp};
use muster_core::words::{Sealed, SessionId};
use muster_proto::v1;
use muster_session::coordinator::{CoordinatorEnd, CoordinatorOutput, Ended};
use prost::Message as _;

/// Whether it takes these bytes.
pub type Decoder = fn(&[u8]) -> bool;

/// All of them, by the name of their fuzz target and their corpus.
#[allow(dead_code, reason = "a fuzz target has one of them")]
pub const ALL: [(&str, Decoder); 10] = [
    ("access_token", access_token),
    ("certificate", certificate),
    ("configuration", configuration),
    ("enrollment_token", enrollment_token),
    ("filter", filter),
    ("page_token", page_token),
    ("runner_messages", runner_messages),
    ("sealed", sealed),
    ("stored", stored),
    ("upload", upload),
];

pub fn access_token(bytes: &[u8]) -> bool {
    muster_coordinator::fuzzing::access_token(&String::from_utf8_lossy(bytes))
}

/// What a stranger shows in a handshake, sends to be signed, or a person has named as a file.
pub fn certificate(bytes: &[u8]) -> bool {
    // What it says depends on who made it.
    drop(muster_identity::judge::says(&bytes.into()));
    let taken = [
        muster_identity::judge::valid_until(bytes).is_some(),
        muster_identity::SigningRequest::parse(bytes).is_ok(),
        muster_identity::pem::certificates(bytes).is_some_and(|found| !found.is_empty()),
        muster_identity::pem::read_key(bytes).is_some(),
    ];
    taken.contains(&true)
}

/// The file of a binary: the first byte says of which.
pub fn configuration(bytes: &[u8]) -> bool {
    let Some((which, text)) = bytes.split_first() else {
        return false;
    };
    let mut file = tempfile::NamedTempFile::new().expect("the system has a folder for temporary files");
    file.write_all(text).expect("a file takes what is written");
    if which % 2 == 0 {
        muster_process::config::of_file::<muster_coordinator::Settings>(file.path()).is_ok()
    } else {
        muster_process::config::of_file::<muster_runner::Settings>(file.path()).is_ok()
    }
}

/// A token by which a runner enrolls: what can be read is the same when it was written again.
pub fn enrollment_token(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let Ok(token) = text.parse::<muster_identity::EnrollmentToken>() else {
        return false;
    };
    let again = token.reveal().parse::<muster_identity::EnrollmentToken>();
    assert_eq!(again.map(|again| again.hash()), Ok(token.hash()));
    true
}

pub fn filter(bytes: &[u8]) -> bool {
    muster_coordinator::fuzzing::filter(&String::from_utf8_lossy(bytes))
}

pub fn page_token(bytes: &[u8]) -> bool {
    muster_coordinator::fuzzing::page_token(&String::from_utf8_lossy(bytes));
    // None that was not given out is.
    false
}

/// Messages one after the other, each with its length before it, from the hello on, as the coordinator's end of a session takes them.
pub fn runner_messages(mut bytes: &[u8]) -> bool {
    let mut end = CoordinatorEnd::new(SessionId(1), now());
    while !bytes.is_empty() {
        let Ok(message) = v1::RunnerMessage::decode_length_delimited(&mut bytes) else {
            return false;
        };
        if end.receive(message, now()).is_err() {
            end.disconnected();
            return false;
        }
        while let Some(output) = end.poll_output() {
            answer(&mut end, output);
        }
        while end.poll_send(now()).is_some() {}
    }
    true
}

fn now() -> Now {
    Now {
        stamp: Stamp::from_millis(1_767_225_600_000),
        moment: Moment::from_start(Duration::from_secs(1)),
    }
}

/// Whoever asks is welcome, and everything is done.
fn answer(end: &mut CoordinatorEnd, output: CoordinatorOutput) {
    match output {
        CoordinatorOutput::Ask(commands) => {
            for command in commands {
                let answer = match command {
                    Command::CheckIn(_) => Answer::Welcome(Welcome {
                        lease: Duration::from_secs(30),
                        resumed: Vec::new(),
                        fenced: Vec::new(),
                        required: None,
                    }),
                    _ => Answer::Done,
                };
                end.answered(Ok(answer), now());
            }
        }
        CoordinatorOutput::LookUpStaged(report) => end.staged((report.execution, report.claim.attempt), None),
        CoordinatorOutput::LookUpEnded(report) => end.ended((report.execution, report.claim.attempt), Ended::Unknown),
        _ => {}
    }
}

/// A secret field with something sealed in it.
pub fn sealed(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let Ok(sealed) = Sealed::parse(&text) else {
        return false;
    };
    assert!(Sealed::is_meant(&text));
    drop(muster_seal::SealingIdentity::generate().open(&sealed));
    true
}

pub fn stored(bytes: &[u8]) -> bool {
    muster_store::fuzzing::stored(bytes)
}

pub fn upload(bytes: &[u8]) -> bool {
    muster_landing::fuzzing::lines(bytes)
}
