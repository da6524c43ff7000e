//! The words of a filter, each with its place.

use std::iter::Peekable;
use std::str::Chars;

use super::fault;
use crate::wire::FieldFault;

/// What a filter is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    /// `status`.
    Word(String),
    /// `"a text"`, without its quotation marks.
    Text(String),
    /// `>=`.
    Comparator(Comparator),
    /// `(`.
    Open,
    /// `)`.
    Close,
    /// A `-` that negates what is behind it.
    Minus,
}

/// How a field is compared with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Comparator {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    /// `:`, has.
    Has,
}

impl Comparator {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Equal => "=",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Has => ":",
        }
    }
}

/// Reads one word after the other, so that what is wrong early is told before the rest is looked at.
#[derive(Debug, Clone)]
pub(super) struct Tokens<'a> {
    rest: Peekable<Chars<'a>>,
    /// The place of the next character, from 1.
    at: usize,
}

impl<'a> Tokens<'a> {
    pub(super) fn of(filter: &'a str) -> Self {
        Self {
            rest: filter.chars().peekable(),
            at: 1,
        }
    }

    /// Where the next character is.
    pub(super) fn place(&self) -> usize {
        self.at
    }

    /// The next word and its place; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<(usize, Token)>, FieldFault> {
        while self.take_if(char::is_whitespace).is_some() {}
        let at = self.at;
        let Some(first) = self.take_if(|_| true) else {
            return Ok(None);
        };
        let token = match first {
            '(' => Token::Open,
            ')' => Token::Close,
            '=' => Token::Comparator(Comparator::Equal),
            ':' => Token::Comparator(Comparator::Has),
            '<' => self.or_equal(Comparator::Less, Comparator::LessOrEqual),
            '>' => self.or_equal(Comparator::Greater, Comparator::GreaterOrEqual),
            '!' if self.take_if(|next| next == '=').is_some() => Token::Comparator(Comparator::NotEqual),
            '"' | '\'' => Token::Text(self.text(at, first)?),
            '-' => Token::Minus,
            first if is_of_word(first) => {
                let mut word = String::from(first);
                while let Some(next) = self.take_if(is_of_word) {
                    word.push(next);
                }
                Token::Word(word)
            }
            other => {
                return Err(fault(
                    at,
                    format_args!("the character {other:?} has no meaning here: put texts between quotation marks"),
                ));
            }
        };
        Ok(Some((at, token)))
    }

    fn or_equal(&mut self, alone: Comparator, equal: Comparator) -> Token {
        let is_equal = self.take_if(|next| next == '=').is_some();
        Token::Comparator(if is_equal { equal } else { alone })
    }

    fn text(&mut self, begin: usize, mark: char) -> Result<String, FieldFault> {
        let mut text = String::new();
        loop {
            match self.take_if(|_| true) {
                Some(end) if end == mark => return Ok(text),
                Some('\\') => {
                    let at = self.at;
                    match self.take_if(|next| matches!(next, '"' | '\'' | '\\')) {
                        Some(escaped) => text.push(escaped),
                        None => {
                            return Err(fault(
                                at,
                                "a backslash stands before a quotation mark or another backslash only",
                            ));
                        }
                    }
                }
                Some(inner) => text.push(inner),
                None => return Err(fault(begin, "the text that begins here has no closing quotation mark")),
            }
        }
    }

    fn take_if(&mut self, wanted: impl Fn(char) -> bool) -> Option<char> {
        let taken = self.rest.next_if(|next| wanted(*next));
        self.at += usize::from(taken.is_some());
        taken
    }
}

fn is_of_word(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '-' | '.' | '/')
}
