//! What one address shows.

use maud::{Markup, PreEscaped, Render, html};
use sha2::{Digest as _, Sha256};

/// What one address shows: all of it as it stands in the page, and those parts of it that change while somebody looks.
pub(crate) struct View {
    /// What the browser's tab says.
    pub(crate) title: String,
    /// What stands below the navigation.
    pub(crate) body: Markup,
    /// Its parts that change, each also a part of `body`.
    pub(crate) regions: Vec<Region>,
}

/// A part of a view that changes by itself.
pub(crate) enum Region {
    /// An element with this id, replaced as a whole.
    One {
        /// The element's id.
        id: String,
        /// The element.
        html: Markup,
    },
    /// An element whose children come, change, move and go one by one.
    List {
        /// The element's id.
        id: String,
        /// The element's start tag, with that id, and its end tag.
        tags: (Markup, &'static str),
        /// The children by their ids, in their order.
        items: Vec<(String, Markup)>,
    },
}

impl Region {
    /// The element that `html` is, which has this id.
    pub(crate) fn one(id: impl Into<String>, html: Markup) -> Self {
        Self::One { id: id.into(), html }
    }

    /// A list in an element of this tag and class.
    pub(crate) fn list(id: &str, (tag, class): (&'static str, &str), items: Vec<(String, Markup)>) -> Self {
        let start = html! { (PreEscaped("<")) (tag) (PreEscaped(" id=\"")) (id) (PreEscaped("\" class=\"")) (class) (PreEscaped("\">")) };
        Self::List {
            id: id.to_owned(),
            tags: (start, tag),
            items,
        }
    }
}

impl Render for Region {
    fn render_to(&self, buffer: &mut String) {
        match self {
            Self::One { html, .. } => buffer.push_str(&html.0),
            Self::List {
                tags: (start, tag),
                items,
                ..
            } => {
                buffer.push_str(&start.0);
                for (_, item) in items {
                    buffer.push_str(&item.0);
                }
                buffer.push_str("</");
                buffer.push_str(tag);
                buffer.push('>');
            }
        }
    }
}

/// What some text is known again by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark(u64);

impl Mark {
    /// Of this text.
    pub(crate) fn of(text: &str) -> Self {
        Self::first(Sha256::digest(text))
    }

    /// Of all that a view shows which may change.
    pub(crate) fn of_view(view: &View) -> Self {
        let mut sum = Sha256::new();
        sum.update(&view.title);
        for region in &view.regions {
            sum.update(region.render().0);
        }
        Self::first(sum.finalize())
    }

    fn first(sum: impl AsRef<[u8]>) -> Self {
        let first = sum.as_ref().first_chunk().copied().unwrap_or_default();
        Self(u64::from_be_bytes(first))
    }
}

impl std::fmt::Display for Mark {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}
