//! As much of what a caller has sent as an error repeats.

/// At most `chars_max` characters of a text, with a mark in the place of each that nobody sees, or that makes others look different: an error is
/// read on terminals and in browsers.
pub(super) fn shown(text: &str, chars_max: usize) -> String {
    let visible = text.chars().map(|one| {
        if is_visible(one) {
            one
        } else {
            char::REPLACEMENT_CHARACTER
        }
    });
    visible.take(chars_max).collect()
}

fn is_visible(character: char) -> bool {
    character == ' ' || character.is_ascii_graphic() || character.is_alphanumeric()
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn what_deceives_the_eye_is_marked() {
        assert_eq!(
            shown("a\u{202e}b\n\u{7}\u{200b}ü x", 100),
            "a\u{fffd}b\u{fffd}\u{fffd}\u{fffd}ü x"
        );
        assert_eq!(shown(&"x".repeat(1_000_000), 3), "xxx");
    }
}
