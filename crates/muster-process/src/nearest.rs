//! The name that somebody who has mistyped one has probably meant.

/// The longest word that is compared: nobody mistypes a longer one by a few letters, and comparing takes the product of both lengths.
const WORD_CHARS_MAX: usize = 64;

/// Of these names the one that is nearest to `word`; `None` where none is near enough to be meant. Capital letters, and `-` for `_`, are no
/// difference; beyond that a third of the letters may be wrong, and three at the most.
///
/// ```
/// use muster_process::nearest;
///
/// assert_eq!(nearest("time-limt", ["slots", "time_limit"]), Some("time_limit"));
/// assert_eq!(nearest("colour", ["slots", "time_limit"]), None);
/// ```
pub fn nearest<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let letters = word.chars().count();
    if letters > WORD_CHARS_MAX {
        return None;
    }
    let word = plain(word);
    let allowed = (letters / 3).clamp(1, 3);
    names
        .into_iter()
        .map(|name| (strsim::damerau_levenshtein(&word, &plain(name)), name))
        .filter(|(slips, name)| *slips <= allowed && *slips < name.chars().count())
        .min_by_key(|(slips, _)| *slips)
        .map(|(_, name)| name)
}

fn plain(word: &str) -> String {
    word.to_lowercase().replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_near_is_found_and_what_is_not_is_not() {
        let names = ["pool", "slots", "data_folder", "display_name"];
        for (word, expected) in [
            ("pol", Some("pool")),
            ("slot", Some("slots")),
            ("soltS", Some("slots")),
            ("data-folder", Some("data_folder")),
            ("DataFolder", Some("data_folder")),
            ("x", None),
            ("memory", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, names), expected, "{word}");
        }
        assert_eq!(nearest(&"p".repeat(1_000_000), names), None);
    }
}
