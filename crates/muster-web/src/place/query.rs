//! What an address asks for behind its `?`.

use http::Uri;
use url::form_urlencoded;

/// The pairs of an address, in their order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    /// Those of this address.
    pub(crate) fn of(at: &Uri) -> Self {
        let pairs = form_urlencoded::parse(at.query().unwrap_or_default().as_bytes());
        let pairs = pairs.filter(|(_, value)| !value.is_empty());
        Self(
            pairs
                .map(|(name, value)| (name.into_owned(), value.into_owned()))
                .collect(),
        )
    }

    /// What a form has said.
    pub(crate) fn said(pairs: Vec<(String, String)>) -> Self {
        Self(pairs)
    }

    /// The value of this name; empty when there is none.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.0
            .iter()
            .find(|(key, _)| key == name)
            .map_or("", |(_, value)| value)
    }

    /// The same with another value of this name; without it when that is empty.
    pub(crate) fn with(&self, name: &str, value: &str) -> Self {
        let mut pairs = self.0.clone();
        pairs.retain(|(key, _)| key != name);
        if !value.is_empty() {
            pairs.push((name.to_owned(), value.to_owned()));
        }
        Self(pairs)
    }

    /// Only these names of it.
    pub(crate) fn only(&self, names: &[&str]) -> Self {
        let kept = self.0.iter().filter(|(key, _)| names.contains(&key.as_str()));
        Self(kept.cloned().collect())
    }

    /// The address of this path with it.
    pub(crate) fn at(&self, path: &str) -> String {
        if self.0.is_empty() {
            return path.to_owned();
        }
        let query = form_urlencoded::Serializer::new(String::new())
            .extend_pairs(&self.0)
            .finish();
        format!("{path}?{query}")
    }
}

/// A text as a filter's value.
pub(crate) fn quoted(text: &str) -> String {
    let text: String = text.chars().filter(|letter| !letter.is_control()).collect();
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_for_can_be_changed_and_said_again() {
        let query = Query::of(&Uri::from_static("/a?q=x%26y&status=error&empty="));
        assert_eq!(
            (
                query.get("q"),
                query.get("status"),
                query.get("empty"),
                query.get("other")
            ),
            ("x&y", "error", "", "")
        );
        assert_eq!(query.with("status", "").at("/a"), "/a?q=x%26y");
        assert_eq!(query.with("q", "").with("status", "").at("/a"), "/a");
        assert_eq!(
            query.only(&["status"]).with("more", "1").at("/b"),
            "/b?status=error&more=1"
        );
    }

    #[test]
    fn what_is_searched_for_is_a_value_and_no_filter() {
        assert_eq!(quoted("Corp"), "\"Corp\"");
        assert_eq!(
            quoted("a\" OR status = \"ERROR\\"),
            "\"a\\\" OR status = \\\"ERROR\\\\\""
        );
        assert_eq!(quoted("a\nb"), "\"ab\"");
    }
}
