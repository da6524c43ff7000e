//! What a filter asks for, as a tree over its comparisons.

/// A condition over comparisons `T`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Condition<T> {
    /// All of these hold; so it holds when there are none.
    All(Vec<Self>),
    /// One of these holds.
    Any(Vec<Self>),
    /// This does not hold.
    Not(Box<Self>),
    /// This comparison holds.
    Is(T),
}

impl<T> Condition<T> {
    /// Whether it holds, if that follows from what is known of its comparisons: `None` where something is not known that matters.
    pub(super) fn holds(&self, known: &impl Fn(&T) -> Option<bool>) -> Option<bool> {
        match self {
            Self::All(parts) => all(parts.iter().map(|part| part.holds(known)), true),
            Self::Any(parts) => all(parts.iter().map(|part| part.holds(known)), false),
            Self::Not(part) => part.holds(known).map(|holds| !holds),
            Self::Is(comparison) => known(comparison),
        }
    }

    /// The first comparison that `pick` takes and without which the whole does not hold.
    pub(super) fn needs<'a, R>(&'a self, pick: &impl Fn(&'a T) -> Option<R>) -> Option<R> {
        match self {
            Self::All(parts) => parts.iter().find_map(|part| part.needs(pick)),
            Self::Is(comparison) => pick(comparison),
            Self::Any(_) | Self::Not(_) => None,
        }
    }

    /// Whether the whole holds only where a comparison holds of which this is `true`. It may be so and not be seen: of what is negated nothing is said.
    pub(super) fn implies(&self, one: &impl Fn(&T) -> bool) -> bool {
        match self {
            Self::All(parts) => parts.iter().any(|part| part.implies(one)),
            Self::Any(parts) => parts.iter().all(|part| part.implies(one)),
            Self::Is(comparison) => one(comparison),
            Self::Not(_) => false,
        }
    }
}

/// `unless` unless one part is the opposite, which settles it.
fn all(parts: impl Iterator<Item = Option<bool>>, unless: bool) -> Option<bool> {
    let mut result = Some(unless);
    for part in parts {
        match part {
            Some(holds) if holds != unless => return Some(!unless),
            Some(_) => {}
            None => result = None,
        }
    }
    result
}

#[cfg(test)]
mod tests {
    use super::Condition::{All, Any, Is, Not};

    #[test]
    fn what_is_not_known_settles_nothing_by_itself() {
        let known = |part: &Option<bool>| *part;
        let (yes, no, unknown) = (Is(Some(true)), Is(Some(false)), Is(None));
        assert_eq!(All(vec![]).holds(&known), Some(true));
        assert_eq!(All(vec![unknown.clone(), no.clone()]).holds(&known), Some(false));
        assert_eq!(All(vec![unknown.clone(), yes.clone()]).holds(&known), None);
        assert_eq!(Any(vec![unknown.clone(), yes]).holds(&known), Some(true));
        assert_eq!(Any(vec![unknown.clone(), no]).holds(&known), None);
        assert_eq!(Not(Box::new(unknown)).holds(&known), None);
    }

    #[test]
    fn what_holds_only_with_one_of_some_comparisons_is_seen() {
        let implies = |condition: &super::Condition<bool>| condition.implies(&|wanted| *wanted);
        let (wanted, other) = (Is(true), Is(false));
        assert!(implies(&All(vec![other.clone(), wanted.clone()])));
        assert!(implies(&Any(vec![wanted.clone(), wanted.clone()])));
        assert!(implies(&All(vec![
            other.clone(),
            Any(vec![wanted.clone(), wanted.clone()])
        ])));
        assert!(!implies(&Any(vec![other, wanted.clone()])), "the other may hold alone");
        assert!(!implies(&Not(Box::new(wanted))));
        assert!(!implies(&All(vec![])), "nothing is asked for");
    }
}
