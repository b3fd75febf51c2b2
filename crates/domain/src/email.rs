//! Addresses that mail can be sent to.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::domain_name::{InvalidDomain, canonical_host};
use crate::text::quoted;

/// The longest address that SMTP can carry, in bytes.
const MAX_ADDRESS_BYTES: usize = 254;
/// The longest local part, in bytes.
const MAX_LOCAL_BYTES: usize = 64;

/// A mail address, `local@domain`.
///
/// The domain is brought to one form as [`Domain`](crate::Domain) does it
/// (lowercase, punycode, no trailing dot, no IP address), except that a `www.`
/// label stays: it is another mailbox. The local part is kept as it is,
/// because only the receiving server knows whether case matters there. Quoted
/// local parts (`"a b"@example.com`) are refused: nobody publishes one, and
/// mistakes look like them.
///
/// # Examples
///
/// ```
/// # use outreach_domain::EmailAddress;
/// let address = EmailAddress::parse("Joe.Smith+blog@Bücher.DE")?;
/// assert_eq!(address.as_str(), "Joe.Smith+blog@xn--bcher-kva.de");
/// # Ok::<(), outreach_domain::InvalidEmailAddress>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EmailAddress(String);

/// Why a text is not a mail address. Quoted text is escaped and at most 100
/// characters long.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidEmailAddress {
    /// The text has no `@`, or more than one.
    #[error("`{address}` has {count} `@` signs; a mail address has one")]
    AtSigns {
        /// The text.
        address: String,
        /// How many there are.
        count: usize,
    },
    /// The address is longer than SMTP allows.
    #[error("mail address `{address}` has {bytes} bytes; at most {MAX_ADDRESS_BYTES} are possible")]
    TooLong {
        /// The beginning of the text.
        address: String,
        /// Its length, with the domain in ASCII form where it could be read.
        bytes: usize,
    },
    /// The part before the `@` is empty or longer than SMTP allows.
    #[error(
        "the part before `@` in `{address}` has {bytes} bytes; from 1 to {MAX_LOCAL_BYTES} are possible"
    )]
    LocalPartLength {
        /// The text.
        address: String,
        /// The length of the local part.
        bytes: usize,
    },
    /// The part before the `@` begins or ends with a dot or has two in a row.
    #[error("the part before `@` in `{address}` has a dot at an end, or two in a row")]
    MisplacedDot {
        /// The text.
        address: String,
    },
    /// There is a character before the `@` that an address has not, such as
    /// white space, a control character or a quotation mark.
    #[error(
        "the part before `@` in `{address}` contains {character:?}, which is not possible there"
    )]
    InvalidCharacter {
        /// The text.
        address: String,
        /// The first such character.
        character: char,
    },
    /// What follows the `@` is not a domain.
    #[error("mail address `{address}` has no usable domain: {reason}")]
    Domain {
        /// The text.
        address: String,
        /// Why the domain is refused; part of the text because the message is
        /// kept with the prospect, where no chain of sources is.
        reason: InvalidDomain,
    },
}

impl EmailAddress {
    /// Reads a bare address: no display name, no white space around it.
    pub fn parse(text: &str) -> Result<Self, InvalidEmailAddress> {
        // The longest IDN in UTF-8 is several times its ASCII form, so the
        // exact limit is applied to the form that is kept.
        if text.len() > 4 * MAX_ADDRESS_BYTES {
            return Err(too_long(text, text.len()));
        }
        let mut parts = text.split('@');
        let (Some(local), Some(host), None) = (parts.next(), parts.next(), parts.next()) else {
            let count = text.matches('@').count();
            return Err(InvalidEmailAddress::AtSigns {
                address: quoted(text),
                count,
            });
        };
        check_local_part(text, local)?;
        let host = canonical_host(host).map_err(|reason| InvalidEmailAddress::Domain {
            address: quoted(text),
            reason,
        })?;
        let address = format!("{local}@{host}");
        if address.len() > MAX_ADDRESS_BYTES {
            return Err(too_long(text, address.len()));
        }
        Ok(Self(address))
    }

    /// The address as it is stored and written to.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn too_long(text: &str, bytes: usize) -> InvalidEmailAddress {
    InvalidEmailAddress::TooLong {
        address: quoted(text),
        bytes,
    }
}

fn check_local_part(text: &str, local: &str) -> Result<(), InvalidEmailAddress> {
    let address = quoted(text);
    if !(1..=MAX_LOCAL_BYTES).contains(&local.len()) {
        return Err(InvalidEmailAddress::LocalPartLength {
            address,
            bytes: local.len(),
        });
    }
    if let Some(character) = local
        .chars()
        .find(|character| !is_local_character(*character))
    {
        return Err(InvalidEmailAddress::InvalidCharacter { address, character });
    }
    if local.split('.').any(str::is_empty) {
        return Err(InvalidEmailAddress::MisplacedDot { address });
    }
    Ok(())
}

/// The characters of an RFC 5322 dot-atom, and letters of other scripts, which
/// RFC 6531 allows.
fn is_local_character(character: char) -> bool {
    character.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~.".contains(character)
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}

impl AsRef<str> for EmailAddress {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl FromStr for EmailAddress {
    type Err = InvalidEmailAddress;

    fn from_str(text: &str) -> Result<Self, InvalidEmailAddress> {
        Self::parse(text)
    }
}

impl TryFrom<String> for EmailAddress {
    type Error = InvalidEmailAddress;

    fn try_from(text: String) -> Result<Self, InvalidEmailAddress> {
        Self::parse(&text)
    }
}

impl From<EmailAddress> for String {
    fn from(address: EmailAddress) -> Self {
        address.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_domain_is_normalised_and_the_local_part_kept() {
        for (text, kept) in [
            ("joe@example.com", "joe@example.com"),
            ("Joe.O'Neil+x@EXAMPLE.com.", "Joe.O'Neil+x@example.com"),
            ("info@bücher.de", "info@xn--bcher-kva.de"),
            ("jörg@example.com", "jörg@example.com"),
            ("joe@www.example.com", "joe@www.example.com"),
        ] {
            assert_eq!(EmailAddress::parse(text).unwrap().as_str(), kept);
        }
    }

    #[test]
    fn an_address_has_exactly_one_at_sign() {
        for (text, signs) in [("", 0), ("example.com", 0), ("a@b@example.com", 2)] {
            let error = EmailAddress::parse(text).unwrap_err();
            assert!(
                matches!(error, InvalidEmailAddress::AtSigns { count, .. } if count == signs),
                "{text}: {error}"
            );
        }
    }

    #[test]
    fn spaces_controls_and_quotation_marks_are_refused() {
        for text in [
            "jo e@example.com",
            " joe@example.com",
            "jo\0e@example.com",
            "joe\n@example.com",
            "\"joe\"@example.com",
            "Joe <joe@example.com",
            "a,joe@example.com",
            "jo\u{200b}e@example.com",
        ] {
            let error = EmailAddress::parse(text).unwrap_err();
            assert!(
                matches!(error, InvalidEmailAddress::InvalidCharacter { .. }),
                "{text:?}"
            );
            assert!(!error.to_string().contains(char::is_control));
        }
    }

    #[test]
    fn misplaced_dots_are_refused() {
        for text in [".joe@example.com", "joe.@example.com", "j..oe@example.com"] {
            let error = EmailAddress::parse(text).unwrap_err();
            assert!(
                matches!(error, InvalidEmailAddress::MisplacedDot { .. }),
                "{text}"
            );
        }
    }

    #[test]
    fn an_unusable_domain_is_refused_with_its_reason() {
        for text in [
            "joe@",
            "joe@localhost",
            "joe@127.0.0.1",
            "joe@[::1]",
            "joe@example.com ",
            "joe@exa_mple.com",
            "joe@example.com\n",
        ] {
            let error = EmailAddress::parse(text).unwrap_err();
            assert!(
                matches!(error, InvalidEmailAddress::Domain { .. }),
                "{text}: {error}"
            );
        }
        let message = EmailAddress::parse("joe@localhost")
            .unwrap_err()
            .to_string();
        assert!(message.contains("single label"), "{message}");
    }

    #[test]
    fn lengths_are_those_of_smtp() {
        let local = |bytes| format!("{}@example.com", "a".repeat(bytes));
        assert!(EmailAddress::parse(&local(64)).is_ok());
        for wrong in [local(0), local(65)] {
            let error = EmailAddress::parse(&wrong).unwrap_err();
            assert!(
                matches!(error, InvalidEmailAddress::LocalPartLength { .. }),
                "{error}"
            );
        }
        let whole = |bytes: usize| {
            let domain = format!("{}com", format!("{}.", "b".repeat(49)).repeat(4));
            format!("{}@{domain}", "a".repeat(bytes - domain.len() - 1))
        };
        assert_eq!(
            EmailAddress::parse(&whole(254)).unwrap().as_str().len(),
            254
        );
        let error = EmailAddress::parse(&whole(255)).unwrap_err();
        assert!(
            matches!(error, InvalidEmailAddress::TooLong { bytes: 255, .. }),
            "{error}"
        );
        assert!(EmailAddress::parse(&"@".repeat(1 << 20)).is_err());
    }

    #[test]
    fn json_holds_the_address_as_a_string_and_is_checked() {
        let address: EmailAddress = serde_json::from_str("\"joe@Example.com\"").unwrap();
        assert_eq!(
            serde_json::to_string(&address).unwrap(),
            "\"joe@example.com\""
        );
        assert!(serde_json::from_str::<EmailAddress>("\"joe\"").is_err());
    }

    proptest! {
        #[test]
        fn any_text_is_an_address_that_reads_as_itself_or_an_error(
            text in "\\PC{0,12}|[a-zäA-Z.+\"@ ]{0,9}@[a-zü.]{0,9}\\.(com|de)",
        ) {
            if let Ok(address) = EmailAddress::parse(&text) {
                prop_assert!(address.as_str().len() <= MAX_ADDRESS_BYTES);
                prop_assert_eq!(EmailAddress::parse(address.as_str()), Ok(address));
            }
        }
    }
}
