//! The name that somebody who has mistyped one has probably meant.

/// The longest word that is compared: nobody mistypes a longer one by a few letters, and comparing takes the product of both lengths.
const WORD_CHARS_MAX: usize = 64;

/// The least letters of an abbreviation.
const ABBREVIATION_CHARS_MIN: usize = 3;

/// Of these names the one that is nearest to `word`; `None` where none is near enough to be meant. Capital letters, and `-` for `_`, are no
/// difference; beyond that a third of the letters may be wrong, and three at the most. Where no name is as near as that, the one that `word` abbreviates.
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
    let names: Vec<&str> = names.into_iter().collect();
    let slips = |name: &str| strsim::damerau_levenshtein(&word, &plain(name));
    let compared = names.iter().map(|name| (slips(name), *name));
    let near = compared.filter(|(slips, name)| *slips <= allowed && *slips < name.chars().count());
    let nearest = near.min_by_key(|(slips, _)| *slips).map(|(_, name)| name);
    let stem = word.trim_end_matches('s');
    let is_abbreviated = |name: &&str| stem.chars().count() >= ABBREVIATION_CHARS_MIN && plain(name).starts_with(stem);
    nearest.or_else(|| names.iter().copied().find(is_abbreviated))
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
            ("disp", Some("display_name")),
            ("di", None),
            ("x", None),
            ("memory", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, names), expected, "{word}");
        }
        assert_eq!(nearest(&"p".repeat(1_000_000), names), None);
    }
}
