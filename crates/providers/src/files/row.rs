//! One search result, whatever the format it came in.

use outreach_domain::Location;

use super::report::cut;

/// The longest title or description that is kept, in bytes; more is cut off.
const MAX_TEXT: usize = 64 * 1024;

/// A URL longer than validation accepts is cut just past that length, so that
/// validation still refuses it for its length.
const MAX_URL: usize = outreach_domain::MAX_URL_BYTES;

/// A location as a file names it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) enum RawLocation {
    #[default]
    Absent,
    Name(String),
    Code(i64),
}

impl RawLocation {
    /// Reads a CSV cell or JSON string: a name, or a code in digits.
    pub(crate) fn from_text(text: &str) -> Self {
        let text = text.trim();
        match text.parse() {
            _ if text.is_empty() => Self::Absent,
            Ok(code) => Self::Code(code),
            Err(_) => Self::Name(text.to_owned()),
        }
    }

    /// This one, or `other` where this is absent.
    pub(crate) fn or(self, other: Self) -> Self {
        match self {
            Self::Absent => other,
            known => known,
        }
    }

    fn check(&self) -> Result<Option<Location>, String> {
        match self {
            Self::Absent => Ok(None),
            Self::Name(name) => Location::parse(name)
                .map(Some)
                .map_err(|error| error.to_string()),
            Self::Code(code) => i32::try_from(*code)
                .ok()
                .and_then(Location::from_code)
                .map(Some)
                .ok_or_else(|| format!("unknown location code {code}")),
        }
    }
}

/// A result before it is checked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct RawRow {
    pub(crate) line: u64,
    pub(crate) url: Option<String>,
    pub(crate) title: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) keyword: Option<String>,
    pub(crate) location: RawLocation,
}

/// A result that can be answered: it has a URL, its place is known, and its
/// texts are bounded. Whether the URL is a good one is not decided here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) line: u64,
    pub(crate) url: String,
    pub(crate) title: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) keyword: Option<String>,
    pub(crate) location: Option<Location>,
}

impl RawRow {
    /// Bounds the texts, so that rows may be held before they are checked.
    pub(crate) fn bounded(mut self) -> Self {
        if let Some(url) = &mut self.url
            && url.len() > MAX_URL
        {
            url.truncate(url.ceil_char_boundary(MAX_URL + 1));
            url.shrink_to_fit();
        }
        let texts = [&mut self.title, &mut self.description, &mut self.keyword];
        for text in texts.into_iter().flatten() {
            cut(text, MAX_TEXT);
        }
        self
    }

    /// The row, or the reason to set it aside.
    pub(crate) fn check(self) -> Result<Row, String> {
        let row = self.bounded();
        let location = row.location.check()?;
        let url = row
            .url
            .filter(|url| !url.trim().is_empty())
            .ok_or("no url")?;
        Ok(Row {
            line: row.line,
            url,
            title: present(row.title),
            description: present(row.description),
            keyword: present(row.keyword).map(|keyword| keyword.trim().to_owned()),
            location,
        })
    }
}

fn present(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(url: &str) -> RawRow {
        RawRow {
            url: Some(url.to_owned()),
            ..RawRow::default()
        }
    }

    #[test]
    fn texts_are_cut_at_a_character_and_a_long_url_stays_too_long() {
        let mut long = raw(&format!("https://a.example/{}", "é".repeat(MAX_URL)));
        long.title = Some("é".repeat(MAX_TEXT));
        let row = long.check().unwrap();
        assert!(row.url.len() > MAX_URL && row.url.len() <= MAX_URL + 4);
        assert_eq!(row.title.unwrap().len(), MAX_TEXT);
    }

    #[test]
    fn blank_is_absent_and_a_row_without_url_is_refused() {
        let mut row = raw("https://a.example/");
        row.title = Some("  ".to_owned());
        row.keyword = Some(" home ".to_owned());
        row.location = RawLocation::from_text(" ");
        let row = row.check().unwrap();
        assert_eq!((row.title, row.location), (None, None));
        assert_eq!(row.keyword.as_deref(), Some("home"));
        assert_eq!(raw(" ").check().unwrap_err(), "no url");
    }

    #[test]
    fn a_location_is_a_known_name_or_code() {
        for text in ["usa", "USA", "2840"] {
            let mut row = raw("https://a.example/");
            row.location = RawLocation::from_text(text);
            assert_eq!(row.check().unwrap().location, Some(Location::Usa), "{text}");
        }
        for text in ["narnia", "2036", "99999999999999", "-1"] {
            let mut row = raw("https://a.example/");
            row.location = RawLocation::from_text(text);
            assert!(row.check().unwrap_err().contains(text), "{text}");
        }
    }
}
