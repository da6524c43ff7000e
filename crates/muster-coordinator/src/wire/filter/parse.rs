//! The grammar of filters.

use super::token::{Comparator, Token, Tokens};
use super::{Condition, fault};
use crate::wire::FieldFault;
use crate::wire::shown::shown as shown_text;

/// The most bytes of a filter: thousands of ids would be a list, not a filter.
const BYTES_MAX: usize = 64 * 1024;

/// How deep parentheses may nest. Whatever they say can be said flatter, and each level costs some of the stack.
const DEPTH_MAX: usize = 20;

/// The most comparisons: each is made for every entity that a turn of the shard's writer looks at.
const COMPARISONS_MAX: usize = 50;

/// `status = ERROR`, not yet judged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Comparison {
    pub(super) field: String,
    pub(super) field_at: usize,
    pub(super) comparator: Comparator,
    pub(super) comparator_at: usize,
    pub(super) value: String,
    pub(super) value_at: usize,
}

/// Reads a filter; `judge` says what a comparison means. An empty one holds for all.
///
/// # Errors
/// [`FieldFault`] with the place of the first fault.
pub(super) fn parse<T>(
    filter: &str,
    judge: impl FnMut(Comparison) -> Result<T, FieldFault>,
) -> Result<Condition<T>, FieldFault> {
    if filter.len() > BYTES_MAX {
        let problem = format_args!(
            "a filter has at most {BYTES_MAX} bytes, and this one has {}",
            filter.len()
        );
        return Err(fault(1, problem));
    }
    let mut parser = Parser {
        tokens: Tokens::of(filter),
        ahead: None,
        comparisons: 0,
        judge,
    };
    parser.step()?;
    if parser.ahead.is_none() {
        return Ok(Condition::All(Vec::new()));
    }
    let condition = parser.expression(0)?;
    match parser.ahead.take() {
        None => Ok(condition),
        Some((at, Token::Close)) => Err(fault(at, "this parenthesis closes none")),
        Some((at, token)) => Err(fault(at, format_args!("{} was not expected: {JOINED}", shown(&token)))),
    }
}

const JOINED: &str = "comparisons such as `status = ERROR` are joined by `AND` or `OR`";

struct Parser<'a, J> {
    tokens: Tokens<'a>,
    /// The next word and its place; `None` at the end.
    ahead: Option<(usize, Token)>,
    comparisons: usize,
    judge: J,
}

impl<T, J: FnMut(Comparison) -> Result<T, FieldFault>> Parser<'_, J> {
    /// Takes the next word, and looks one further.
    fn step(&mut self) -> Result<Option<(usize, Token)>, FieldFault> {
        let next = self.tokens.next()?;
        Ok(std::mem::replace(&mut self.ahead, next))
    }

    fn is_ahead(&self, word: &str) -> bool {
        matches!(&self.ahead, Some((_, Token::Word(next))) if next == word)
    }

    /// Whether the next word begins something that stands beside what came before it.
    fn begins_more(&self) -> bool {
        match &self.ahead {
            Some((_, Token::Word(word))) => !matches!(word.as_str(), "AND" | "OR"),
            Some((_, Token::Open | Token::Minus | Token::Text(_))) => true,
            Some((_, Token::Comparator(_) | Token::Close)) | None => false,
        }
    }

    /// Parts that are joined by `AND`, or just stand beside each other.
    fn expression(&mut self, depth: usize) -> Result<Condition<T>, FieldFault> {
        let mut parts = vec![self.alternatives(depth)?];
        loop {
            if self.is_ahead("AND") {
                self.step()?;
            } else if !self.begins_more() {
                return Ok(one_or(parts, Condition::All));
            }
            parts.push(self.alternatives(depth)?);
        }
    }

    /// Parts that are joined by `OR`.
    fn alternatives(&mut self, depth: usize) -> Result<Condition<T>, FieldFault> {
        let mut parts = vec![self.term(depth)?];
        while self.is_ahead("OR") {
            self.step()?;
            parts.push(self.term(depth)?);
        }
        Ok(one_or(parts, Condition::Any))
    }

    fn term(&mut self, depth: usize) -> Result<Condition<T>, FieldFault> {
        let is_negated = self.is_ahead("NOT") || matches!(self.ahead, Some((_, Token::Minus)));
        if is_negated {
            self.step()?;
        }
        let simple = match self.ahead {
            Some((at, Token::Open)) if depth == DEPTH_MAX => {
                let problem = format_args!("parentheses nest deeper than {DEPTH_MAX}: write it flatter");
                return Err(fault(at, problem));
            }
            Some((at, Token::Open)) => {
                self.step()?;
                let inner = self.expression(depth + 1)?;
                match self.step()? {
                    Some((_, Token::Close)) => inner,
                    Some((wrong, token)) => {
                        let problem = format_args!("{} was not expected: {JOINED}", shown(&token));
                        return Err(fault(wrong, problem));
                    }
                    None => return Err(fault(at, "the parenthesis that opens here is not closed")),
                }
            }
            _ => Condition::Is(self.comparison()?),
        };
        Ok(if is_negated {
            Condition::Not(Box::new(simple))
        } else {
            simple
        })
    }

    fn comparison(&mut self) -> Result<T, FieldFault> {
        let (field_at, field) = match self.step()? {
            Some((at, Token::Word(word))) if !is_keyword(&word) => (at, word),
            Some((at, Token::Text(text))) => {
                let problem = format_args!(
                    "the text \"{}\" is compared with nothing: name a field before it",
                    cut(&text)
                );
                return Err(fault(at, problem));
            }
            Some((at, token)) => {
                return Err(fault(
                    at,
                    format_args!("a comparison was expected, not {}: {JOINED}", shown(&token)),
                ));
            }
            None => {
                return Err(fault(
                    self.tokens.place(),
                    format_args!("a comparison is missing at the end: {JOINED}"),
                ));
            }
        };
        let (comparator_at, comparator) = match self.step()? {
            Some((at, Token::Comparator(comparator))) => (at, comparator),
            Some(_) | None => {
                let hint = if is_keyword(&field.to_uppercase()) {
                    format!("; `{}` is written in capitals", field.to_uppercase())
                } else {
                    String::new()
                };
                let field = cut(&field);
                let problem = format_args!("`{field}` is compared with nothing: write `{field} = …`{hint}");
                return Err(fault(field_at, problem));
            }
        };
        let (value_at, value) = match self.step()? {
            Some((at, Token::Word(word))) if !is_keyword(&word) => (at, word),
            Some((at, Token::Text(text))) => (at, text),
            Some((at, token)) => {
                let problem = format_args!("a value was expected for `{}`, not {}", cut(&field), shown(&token));
                return Err(fault(at, problem));
            }
            None => {
                return Err(fault(
                    self.tokens.place(),
                    format_args!("the value for `{}` is missing", cut(&field)),
                ));
            }
        };
        self.comparisons += 1;
        if self.comparisons > COMPARISONS_MAX {
            return Err(fault(
                field_at,
                format_args!("a filter has at most {COMPARISONS_MAX} comparisons"),
            ));
        }
        (self.judge)(Comparison {
            field,
            field_at,
            comparator,
            comparator_at,
            value,
            value_at,
        })
    }
}

fn one_or<T>(mut parts: Vec<Condition<T>>, join: impl Fn(Vec<Condition<T>>) -> Condition<T>) -> Condition<T> {
    match parts.pop() {
        Some(only) if parts.is_empty() => only,
        Some(last) => {
            parts.push(last);
            join(parts)
        }
        None => join(parts),
    }
}

fn is_keyword(word: &str) -> bool {
    matches!(word, "AND" | "OR" | "NOT")
}

fn shown(token: &Token) -> String {
    match token {
        Token::Word(word) => format!("`{}`", cut(word)),
        Token::Text(text) => format!("the text \"{}\"", cut(text)),
        Token::Comparator(comparator) => format!("`{}`", comparator.as_str()),
        Token::Open => "`(`".to_owned(),
        Token::Close => "`)`".to_owned(),
        Token::Minus => "`-`".to_owned(),
    }
}

/// As much of a text as an error repeats.
pub(super) fn cut(text: &str) -> String {
    shown_text(text, 50)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(filter: &str) -> Result<String, String> {
        let condition = parse(filter, |one| {
            Ok(format!("{}{}{}", one.field, one.comparator.as_str(), one.value))
        });
        condition
            .map(|condition| written(&condition))
            .map_err(|fault| fault.problem)
    }

    fn written(condition: &Condition<String>) -> String {
        let joined = |parts: &[Condition<String>], by: &str| {
            let parts: Vec<_> = parts.iter().map(written).collect();
            format!("({})", parts.join(by))
        };
        match condition {
            Condition::All(parts) => joined(parts, " & "),
            Condition::Any(parts) => joined(parts, " | "),
            Condition::Not(part) => format!("!{}", written(part)),
            Condition::Is(comparison) => comparison.clone(),
        }
    }

    #[test]
    fn the_grammar_is_that_of_aip_160() {
        for (filter, expected) in [
            ("  ", "()"),
            ("a = b", "a=b"),
            ("a=b AND c!=d AND e:f", "(a=b & c!=d & e:f)"),
            ("a = 1 AND b = 2 OR c = 3", "(a=1 & (b=2 | c=3))"),
            ("a < 1 b <= 2", "(a<1 & b<=2)"),
            ("NOT a > 1 OR -b >= 2", "(!a>1 | !b>=2)"),
            ("(a = 1 AND b = 2) OR NOT (c = 3)", "((a=1 & b=2) | !c=3)"),
            (
                r#"a = "x \"y\" \\ AND ('" "#,
                r#"a=x "y" \ AND ("#.trim_end_matches(' '),
            ),
            ("a.b = 'c d'", "a.b=c d"),
        ] {
            let expected = if filter.contains("x \\\"y") {
                r#"a=x "y" \ AND ('"#
            } else {
                expected
            };
            assert_eq!(read(filter).as_deref(), Ok(expected), "{filter}");
        }
    }

    #[test]
    fn every_fault_tells_its_place() {
        for (filter, expected) in [
            ("status", "at character 1: `status` is compared with nothing"),
            ("status =", "at character 9: the value for `status` is missing"),
            (
                "status = ERROR AND",
                "at character 19: a comparison is missing at the end",
            ),
            (
                "a = b and c = d",
                "at character 7: `and` is compared with nothing: write `and = …`; `AND` is written in capitals",
            ),
            ("ä = ö OR AND", "at character 10: a comparison was expected, not `AND`"),
            ("= = =", "at character 1: a comparison was expected, not `=`"),
            ("a = (b)", "at character 5: a value was expected for `a`, not `(`"),
            (
                "(a = b",
                "at character 1: the parenthesis that opens here is not closed",
            ),
            ("a = b)", "at character 6: this parenthesis closes none"),
            ("(a = b = c)", "at character 8: `=` was not expected"),
            ("a = b = c", "at character 7: `=` was not expected"),
            ("\"x\"", "at character 1: the text \"x\" is compared with nothing"),
            ("a = \"b", "at character 5: the text that begins here has no closing"),
            ("a = \"\\n\"", "at character 7: a backslash"),
            ("a ! b", "at character 3: the character '!' has no meaning here"),
            ("a = $b", "at character 5: the character '$' has no meaning here"),
        ] {
            let problem = read(filter).expect_err(filter);
            assert!(problem.starts_with(expected), "{filter}: {problem}");
        }
    }

    #[test]
    fn a_filter_is_bounded_in_every_direction() {
        let nested = |depth: usize| format!("{}a = b{}", "(".repeat(depth), ")".repeat(depth));
        assert_eq!(read(&nested(DEPTH_MAX)).as_deref(), Ok("a=b"));
        let deep = format!(
            "at character {}: parentheses nest deeper than 20: write it flatter",
            DEPTH_MAX + 1
        );
        for depth in [DEPTH_MAX + 1, 10_000] {
            assert_eq!(read(&nested(depth)), Err(deep.clone()));
        }
        assert_eq!(
            read(&"NOT (".repeat(10_000)).expect_err("too deep"),
            deep.replace("21", "105")
        );
        let many = vec!["a = b"; COMPARISONS_MAX + 1].join(" AND ");
        assert_eq!(
            read(&many),
            Err("at character 501: a filter has at most 50 comparisons".to_owned())
        );
        let long = format!("a = \"{}\"", "x".repeat(BYTES_MAX));
        assert!(read(&long).expect_err("too long").contains("at most 65536 bytes"));
    }
}
