//! Which format a file has, by its first bytes: extensions lie.

use std::fmt;

/// How search results are written in a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// Comma-separated values with a header.
    Csv,
    /// One JSON object a line.
    JsonLines,
    /// Responses of DataForSEO's SERP API: one, several in a row, or an array.
    DataForSeo,
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Csv => "CSV",
            Self::JsonLines => "JSON Lines",
            Self::DataForSeo => "DataForSEO JSON",
        })
    }
}

/// Names the format of a file that begins with `head` (without a byte order
/// mark), or `None` when there is nothing but white space.
pub(crate) fn detect(head: &[u8]) -> Option<Format> {
    let start = head.iter().position(|byte| !byte.is_ascii_whitespace())?;
    Some(match head[start] {
        b'[' => Format::DataForSeo,
        b'{' if first_object_has_key(&head[start..], b"tasks") => Format::DataForSeo,
        b'{' => Format::JsonLines,
        _ => Format::Csv,
    })
}

/// Looks for a key of the object that `json` begins with, not of objects inside
/// it, and stops at the object's end.
fn first_object_has_key(json: &[u8], key: &[u8]) -> bool {
    let mut depth = 0_usize;
    let mut key_is_next = false;
    let mut at = 0;
    while let Some(&byte) = json.get(at) {
        match byte {
            b'"' => {
                let end = string_end(json, at + 1);
                if key_is_next && depth == 1 && json.get(at + 1..end) == Some(key) {
                    return true;
                }
                key_is_next = false;
                at = end;
            }
            b'{' | b'[' => {
                depth += 1;
                key_is_next = depth == 1;
            }
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return false;
                }
            }
            b',' => key_is_next = depth == 1,
            _ => {}
        }
        at += 1;
    }
    false
}

/// Where the string that has its first character at `start` is closed.
fn string_end(json: &[u8], start: usize) -> usize {
    let mut at = start;
    while let Some(&byte) = json.get(at) {
        match byte {
            b'"' => return at,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    json.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats_are_told_apart_by_content() {
        let cases: [(&str, Option<Format>); 10] = [
            ("", None),
            (" \r\n\t", None),
            ("url,title\n", Some(Format::Csv)),
            ("\"url\",title\n", Some(Format::Csv)),
            ("{\"url\":\"a\"}\n{\"tasks\":1}", Some(Format::JsonLines)),
            (
                "{\"title\":\"tasks\",\"x\":{\"tasks\":1}}",
                Some(Format::JsonLines),
            ),
            ("{\"title\":\"\\\",\\\"tasks\"}", Some(Format::JsonLines)),
            (
                "\n {\"a\":[1,{}],\n \"tasks\":[]}",
                Some(Format::DataForSeo),
            ),
            ("[]", Some(Format::DataForSeo)),
            ("{\"ta", Some(Format::JsonLines)),
        ];
        for (head, format) in cases {
            assert_eq!(detect(head.as_bytes()), format, "{head}");
        }
    }
}
