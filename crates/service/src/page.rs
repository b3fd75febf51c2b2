//! Pages by key: the next page begins after the last row of this one, so a page
//! costs the same wherever it is, and rows that come or go in between shift
//! nothing.

/// The most rows of one page.
pub const MAX_PAGE_SIZE: u64 = 500;

/// Which page to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest<C> {
    limit: u64,
    after: Option<C>,
}

impl<C> PageRequest<C> {
    /// The first page with up to `limit` rows; 1 to [`MAX_PAGE_SIZE`], other
    /// values are taken as the nearest of these.
    #[must_use]
    pub fn first(limit: u64) -> Self {
        Self {
            limit: limit.clamp(1, MAX_PAGE_SIZE),
            after: None,
        }
    }

    /// The page that begins after `cursor`, the [`Page::next`] of another page.
    #[must_use]
    pub fn after(mut self, cursor: Option<C>) -> Self {
        self.after = cursor;
        self
    }

    pub(crate) fn limit(&self) -> u64 {
        self.limit
    }

    pub(crate) fn cursor(&self) -> Option<&C> {
        self.after.as_ref()
    }
}

/// Some rows of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T, C> {
    /// The rows, in the list's order.
    pub items: Vec<T>,
    /// Where the next page begins; `None` on the last one.
    pub next: Option<C>,
}

impl<T, C> Page<T, C> {
    /// Makes a page of rows that were read with one more than `limit`, which
    /// tells whether there is another page.
    pub(crate) fn cut(mut rows: Vec<T>, limit: u64, cursor: impl Fn(&T) -> C) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = if more { rows.last().map(cursor) } else { None };
        Self { items: rows, next }
    }
}

/// A text that is no cursor.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a place in the list; use the one that the page before gave")]
pub struct InvalidCursor(pub(crate) String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_is_followed_by_another_only_when_there_are_more_rows() {
        let page = Page::cut(vec![1, 2, 3], 2, |item| *item);
        assert_eq!((page.items, page.next), (vec![1, 2], Some(2)));
        let page = Page::cut(vec![1, 2], 2, |item| *item);
        assert_eq!((page.items, page.next), (vec![1, 2], None));
    }

    #[test]
    fn the_size_of_a_page_is_bounded() {
        assert_eq!(PageRequest::<()>::first(0).limit(), 1);
        assert_eq!(PageRequest::<()>::first(u64::MAX).limit(), MAX_PAGE_SIZE);
    }
}
