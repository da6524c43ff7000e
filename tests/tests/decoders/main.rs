//! No bytes from outside bring a process down: every decoder is tried with its corpus, with what chance makes of that, and with anything at all.
//! `tests/fuzz/README.md` says how to go on for longer.

mod corpus;
mod each;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

/// One thing that happens to bytes on their way.
#[derive(Debug, Clone)]
enum Damage {
    Change(Index, u8),
    Cut(Index),
    Repeat(Index, Index),
    Insert(Index, Vec<u8>),
}

fn damage() -> impl Strategy<Value = Damage> {
    prop_oneof![
        4 => (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Damage::Change(at, byte)),
        1 => any::<Index>().prop_map(Damage::Cut),
        1 => (any::<Index>(), any::<Index>()).prop_map(|(from, to)| Damage::Repeat(from, to)),
        1 => (any::<Index>(), vec(any::<u8>(), 1..16)).prop_map(|(at, bytes)| Damage::Insert(at, bytes)),
    ]
}

impl Damage {
    fn happen_to(&self, bytes: &mut Vec<u8>) {
        if bytes.is_empty() {
            return;
        }
        let length = bytes.len();
        match self {
            Self::Change(at, byte) => bytes[at.index(length)] = *byte,
            Self::Cut(at) => bytes.truncate(at.index(length)),
            Self::Repeat(from, to) => {
                let (from, to) = (from.index(length), to.index(length));
                bytes.extend_from_within(from.min(to)..from.max(to));
            }
            Self::Insert(at, more) => drop(bytes.splice(at.index(length)..at.index(length), more.iter().copied())),
        }
    }
}

#[test]
fn each_has_a_corpus_that_it_takes() {
    if std::env::var_os("MUSTER_BLESS").is_some() {
        corpus::make();
    }
    for (name, decoder) in each::ALL {
        let corpus = corpus::of(name);
        assert!(!corpus.is_empty(), "{name} has no corpus");
        for (number, bytes) in corpus.iter().enumerate() {
            let taken = decoder(bytes);
            assert!(
                taken || name == "page_token",
                "{name}: the entry {number} of its corpus is refused"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn anything_at_all_is_borne(bytes in vec(any::<u8>(), 0..256)) {
        for (_, decoder) in each::ALL {
            decoder(&bytes);
        }
    }

    #[test]
    fn what_is_almost_right_is_borne(which in any::<Index>(), damages in vec(damage(), 1..5)) {
        for (name, decoder) in each::ALL {
            let corpus = corpus::of(name);
            let mut bytes = corpus[which.index(corpus.len())].clone();
            damages.iter().for_each(|damage| damage.happen_to(&mut bytes));
            decoder(&bytes);
        }
    }
}
