//! Why text names no domain.

use super::{MAX_HOST_LENGTH, MAX_LABEL_LENGTH, MAX_URL_BYTES};

/// Why a text does not name the domain of a web site.
///
/// Quoted text is escaped, at most 100 characters long, and never holds the
/// user, password, query or fragment of an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidDomain {
    /// There is no host in the text.
    #[error("the address names no host; write it as https://example.com/")]
    Empty,
    /// The text is longer than any address in use.
    #[error("the address has {bytes} bytes; at most {MAX_URL_BYTES} are read")]
    TextTooLong {
        /// Length of the text.
        bytes: usize,
    },
    /// The address is not one of a web site.
    #[error("an address with the scheme `{scheme}` names no web site; only http and https do")]
    UnsupportedScheme {
        /// The scheme, without its colon.
        scheme: String,
    },
    /// The text has no scheme and does not begin with a plain host either.
    #[error("`{text}` is neither a host nor an address with http:// or https:// before it")]
    MissingScheme {
        /// The text, without a user before `@`, and without query and fragment.
        text: String,
    },
    /// There is a control character, such as NUL or a line break, in the text.
    #[error("the address of host `{host}` contains a control character; remove it")]
    ControlCharacter {
        /// The host as written.
        host: String,
    },
    /// The port is not a number up to 65535.
    #[error("the port after host `{host}` is not a number from 0 to 65535")]
    InvalidPort {
        /// The host as written.
        host: String,
    },
    /// The host is an IP address, which has no domain.
    #[error("`{host}` is an IP address; a domain is needed")]
    IpAddress {
        /// The address as the URL library reads it.
        host: String,
    },
    /// The host has one label, so it is a local name or a top-level domain.
    #[error("`{host}` is a single label; a domain has at least two, as in example.com")]
    SingleLabel {
        /// The host.
        host: String,
    },
    /// The last label is a number, which no top-level domain is.
    #[error("`{host}` ends in a number, as an IP address does; a domain never does")]
    NumericTopLevel {
        /// The host.
        host: String,
    },
    /// The host is longer than DNS allows.
    #[error("host `{host}` has {length} characters; at most {MAX_HOST_LENGTH} are possible")]
    HostTooLong {
        /// The beginning of the host.
        host: String,
        /// Its length in ASCII form.
        length: usize,
    },
    /// Two dots follow each other, or the host begins with one.
    #[error("host `{host}` has an empty label; remove the superfluous dot")]
    EmptyLabel {
        /// The host.
        host: String,
    },
    /// A label is longer than DNS allows.
    #[error("label `{label}` has {length} characters; at most {MAX_LABEL_LENGTH} are possible")]
    LabelTooLong {
        /// The beginning of the label.
        label: String,
        /// Its length in ASCII form.
        length: usize,
    },
    /// A label begins or ends with a hyphen.
    #[error("label `{label}` begins or ends with a hyphen, which no host may")]
    HyphenAtEdge {
        /// The label.
        label: String,
    },
    /// The host contains a character that no host has.
    #[error("host `{host}` contains {character:?}; letters, digits, hyphens and dots are possible")]
    InvalidCharacter {
        /// The host.
        host: String,
        /// The first such character.
        character: char,
    },
    /// IDNA refuses the host: characters that may not be in a name, or
    /// punycode that does not decode.
    #[error("host `{host}` is not a valid international domain name")]
    NotIdna {
        /// The host.
        host: String,
    },
    /// The URL library cannot read the address for another reason.
    #[error("the address of host `{host}` is not a well-formed URL")]
    Malformed {
        /// The host as written.
        host: String,
    },
}
