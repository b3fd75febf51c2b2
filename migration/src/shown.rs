//! Texts of others in messages.

/// A text that somebody else wrote, fit for a message: control characters are
/// escaped, and quotes and backslashes are left as they are.
///
/// ```
/// use outreach_migration::shown;
///
/// assert_eq!(shown("Tenant \"2\" \\ it's\n\u{1b}[2J"), "Tenant \"2\" \\ it's\\n\\u{1b}[2J");
/// ```
#[must_use]
pub fn shown(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            shown.extend(character.escape_debug());
        } else {
            shown.push(character);
        }
    }
    shown
}
