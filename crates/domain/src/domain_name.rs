//! The domain of a web site, in one form, so that one site is one prospect.
//!
//! The URL library and IDNA do the reading; nothing is cut out of text by
//! hand. What they still leave open (a leading `www.` label, trailing dots,
//! hosts that are no domain) is decided here.

mod invalid;
#[cfg(test)]
mod tests;

pub use invalid::InvalidDomain;

use std::borrow::Cow;
use std::fmt;
use std::net::Ipv6Addr;
use std::str::FromStr;

use idna::AsciiDenyList;
use idna::uts46::{DnsLength, Hyphens, Uts46};
use serde::{Deserialize, Serialize};
use url::{Host, ParseError, Url};

use crate::text::quoted;

/// The longest text that is read as a URL, in bytes.
pub const MAX_URL_BYTES: usize = 8192;
/// The longest host that DNS can carry, in characters, without a final dot.
pub const MAX_HOST_LENGTH: usize = 253;
/// The longest label of a host, in characters.
pub const MAX_LABEL_LENGTH: usize = 63;

/// The domain of a web site: lowercase ASCII, with international names in
/// punycode, without a leading `www.` label.
///
/// `bücher.de`, `www.BÜCHER.de.` and `xn--bcher-kva.de` are one value. Leading
/// `www` labels go as long as two labels remain, so `www.com` stays, and
/// `www.www.example.com` is `example.com`: removing only one would give a
/// value that changes when it is read again. No list of public suffixes is
/// consulted; subdomains are sites of their own.
///
/// # Examples
///
/// ```
/// # use outreach_domain::Domain;
/// let domain = Domain::from_url("HTTPS://user:pw@www.Bücher.de:8443/über?x=1")?;
/// assert_eq!(domain.as_str(), "xn--bcher-kva.de");
/// assert_eq!(domain.to_unicode(), "bücher.de");
/// assert_eq!(domain, Domain::parse("bücher.de")?);
/// assert_eq!(Domain::parse("mywww.com")?.as_str(), "mywww.com");
/// # Ok::<(), outreach_domain::InvalidDomain>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Domain(String);

impl Domain {
    /// The domain that a web address points at.
    ///
    /// Only http and https addresses are read. Port, user and password, path,
    /// query and fragment are dropped; white space around the text is ignored;
    /// percent-encoded characters of the host are decoded, as the URL Standard
    /// says, and then held to the same rules as the others. Text without a
    /// scheme is read only where it begins with a plain host and perhaps a
    /// port (`example.com`, `example.com:8080/path`), because that is what
    /// people write into lists by hand.
    pub fn from_url(text: &str) -> Result<Self, InvalidDomain> {
        check_text(text)?;
        let text = text.trim_matches(|character: char| character.is_ascii_whitespace());
        if text.is_empty() {
            return Err(InvalidDomain::Empty);
        }
        check_controls(text, host_text(text))?;
        let address = with_scheme(text)?;
        let url = Url::parse(&address).map_err(|error| refusal(error, host_text(text)))?;
        match url.host() {
            Some(Host::Domain(host)) => checked_host(host).map(without_www),
            Some(address) => Err(InvalidDomain::IpAddress {
                host: address.to_string(),
            }),
            None => Err(InvalidDomain::Empty),
        }
    }

    /// Reads a bare host, such as `www.example.com`: no scheme, port or path,
    /// and no white space around it.
    pub fn parse(host: &str) -> Result<Self, InvalidDomain> {
        canonical_host(host).map(without_www)
    }

    /// The domain as it is stored and compared, in ASCII.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The domain for people to read, international names in their own script.
    ///
    /// Only for display: scripts have letters that look alike.
    #[must_use]
    pub fn to_unicode(&self) -> String {
        idna::domain_to_unicode(&self.0).0
    }
}

/// Brings a bare host to its one form and checks it; a `www.` label stays.
///
/// Mail addresses need it so: `joe@www.example.com` and `joe@example.com` are
/// two mailboxes.
pub(crate) fn canonical_host(host: &str) -> Result<String, InvalidDomain> {
    check_text(host)?;
    if host.is_empty() {
        return Err(InvalidDomain::Empty);
    }
    check_controls(host, host)?;
    if is_ipv6(host) {
        return Err(InvalidDomain::IpAddress { host: quoted(host) });
    }
    check_ascii_characters(host)?;
    match Host::parse(host).map_err(|error| refusal(error, host))? {
        Host::Domain(domain) => checked_host(&domain),
        address => Err(InvalidDomain::IpAddress {
            host: address.to_string(),
        }),
    }
}

/// Applies the rules of DNS names to a host that the URL library has already
/// brought to lowercase ASCII.
fn checked_host(host: &str) -> Result<String, InvalidDomain> {
    let host = host.trim_end_matches('.');
    if host.is_empty() {
        return Err(InvalidDomain::Empty);
    }
    check_ascii_characters(host)?;
    if host.len() > MAX_HOST_LENGTH {
        return Err(InvalidDomain::HostTooLong {
            host: quoted(host),
            length: host.len(),
        });
    }
    host.split('.')
        .try_for_each(|label| check_label(host, label))?;
    match host.rsplit_once('.') {
        None => return Err(InvalidDomain::SingleLabel { host: quoted(host) }),
        Some((_, last)) if is_number(last) => {
            return Err(InvalidDomain::NumericTopLevel { host: quoted(host) });
        }
        Some(_) => {}
    }
    // The URL library is lenient about hosts; this is the strict reading, and
    // it refuses what would not come out of it unchanged.
    let strict = Uts46::new().to_ascii(
        host.as_bytes(),
        AsciiDenyList::STD3,
        Hyphens::CheckFirstLast,
        DnsLength::Verify,
    );
    match strict {
        Ok(ascii) if ascii == host => Ok(host.to_owned()),
        _ => Err(InvalidDomain::NotIdna { host: quoted(host) }),
    }
}

fn check_label(host: &str, label: &str) -> Result<(), InvalidDomain> {
    if label.is_empty() {
        return Err(InvalidDomain::EmptyLabel { host: quoted(host) });
    }
    if label.len() > MAX_LABEL_LENGTH {
        return Err(InvalidDomain::LabelTooLong {
            label: quoted(label),
            length: label.len(),
        });
    }
    if label.starts_with('-') || label.ends_with('-') {
        return Err(InvalidDomain::HyphenAtEdge {
            label: quoted(label),
        });
    }
    Ok(())
}

fn without_www(mut host: String) -> Domain {
    while let Some(rest) = host.strip_prefix("www.") {
        if !rest.contains('.') {
            break;
        }
        host = rest.to_owned();
    }
    Domain(host)
}

/// The address with a scheme that the URL library can be asked about.
fn with_scheme(text: &str) -> Result<Cow<'_, str>, InvalidDomain> {
    match split_scheme(text) {
        Some((scheme, _)) if is_web_scheme(scheme) => Ok(Cow::Borrowed(text)),
        // `example.com:8080` has the form of a scheme, but no scheme in use
        // has a dot in it and a port behind it.
        Some((scheme, rest)) if !(scheme.contains('.') && begins_with_port(rest)) => {
            Err(InvalidDomain::UnsupportedScheme {
                scheme: quoted(scheme),
            })
        }
        _ => {
            let host = authority(text);
            if host.is_empty() || host.contains('@') || text[host.len()..].starts_with('\\') {
                return Err(missing_scheme(text));
            }
            Ok(Cow::Owned(format!("https://{text}")))
        }
    }
}

/// Quotes the text without what may be secret in it: what is before an `@`,
/// and a query or fragment.
fn missing_scheme(text: &str) -> InvalidDomain {
    let shown = text.split(['?', '#']).next().unwrap_or_default();
    let shown = shown.rsplit('@').next().unwrap_or_default();
    if shown.is_empty() {
        return InvalidDomain::Empty;
    }
    InvalidDomain::MissingScheme {
        text: quoted(shown),
    }
}

fn split_scheme(text: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = text.split_once(':')?;
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    is_scheme.then_some((scheme, rest))
}

fn is_web_scheme(scheme: &str) -> bool {
    scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https")
}

fn begins_with_port(rest: &str) -> bool {
    let port = authority(rest);
    !port.is_empty() && port.bytes().all(|byte| byte.is_ascii_digit())
}

fn authority(rest: &str) -> &str {
    rest.split(['/', '\\', '?', '#']).next().unwrap_or_default()
}

/// The part of an address to show in an error: the host as written. User,
/// password, path and query may hold secrets and are never shown.
fn host_text(text: &str) -> &str {
    let rest = match split_scheme(text) {
        Some((scheme, rest)) if is_web_scheme(scheme) => rest.trim_start_matches(['/', '\\']),
        _ => text,
    };
    let host = authority(rest).rsplit('@').next().unwrap_or_default();
    if host.starts_with('[') {
        return host;
    }
    host.split(':').next().unwrap_or_default()
}

/// Says why the URL library refused a host.
fn refusal(error: ParseError, host: &str) -> InvalidDomain {
    match error {
        ParseError::EmptyHost => InvalidDomain::Empty,
        ParseError::InvalidPort => InvalidDomain::InvalidPort { host: quoted(host) },
        ParseError::InvalidIpv4Address => InvalidDomain::NumericTopLevel { host: quoted(host) },
        ParseError::InvalidIpv6Address => InvalidDomain::IpAddress { host: quoted(host) },
        ParseError::IdnaError | ParseError::InvalidDomainCharacter => {
            match check_ascii_characters(host) {
                Err(reason) => reason,
                Ok(()) => InvalidDomain::NotIdna { host: quoted(host) },
            }
        }
        _ => InvalidDomain::Malformed { host: quoted(host) },
    }
}

fn check_text(text: &str) -> Result<(), InvalidDomain> {
    if text.len() > MAX_URL_BYTES {
        return Err(InvalidDomain::TextTooLong { bytes: text.len() });
    }
    Ok(())
}

fn check_controls(text: &str, host: &str) -> Result<(), InvalidDomain> {
    // The URL library drops tabs and line breaks wherever they are, which
    // would join two hosts into one.
    if text.contains(char::is_control) {
        return Err(InvalidDomain::ControlCharacter { host: quoted(host) });
    }
    Ok(())
}

/// Refuses ASCII that no host has. Other characters are for IDNA to judge.
fn check_ascii_characters(host: &str) -> Result<(), InvalidDomain> {
    let refused = host.chars().find(|character| {
        character.is_ascii() && !character.is_ascii_alphanumeric() && !"-.".contains(*character)
    });
    match refused {
        Some(character) => Err(InvalidDomain::InvalidCharacter {
            host: quoted(host),
            character,
        }),
        None => Ok(()),
    }
}

fn is_ipv6(host: &str) -> bool {
    host.trim_start_matches('[')
        .trim_end_matches(']')
        .parse::<Ipv6Addr>()
        .is_ok()
}

/// Whether the last label makes the URL Standard read the host as an IPv4
/// address: decimal, octal or hexadecimal.
fn is_number(label: &str) -> bool {
    label.bytes().all(|byte| byte.is_ascii_digit())
        || label
            .strip_prefix("0x")
            .is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

impl fmt::Display for Domain {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&self.0)
    }
}

impl AsRef<str> for Domain {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl FromStr for Domain {
    type Err = InvalidDomain;

    fn from_str(host: &str) -> Result<Self, InvalidDomain> {
        Self::parse(host)
    }
}

impl TryFrom<String> for Domain {
    type Error = InvalidDomain;

    fn try_from(host: String) -> Result<Self, InvalidDomain> {
        Self::parse(&host)
    }
}

impl From<Domain> for String {
    fn from(domain: Domain) -> Self {
        domain.0
    }
}
