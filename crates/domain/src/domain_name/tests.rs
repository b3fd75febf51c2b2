use proptest::prelude::*;

use super::*;

fn from_url(text: &str) -> String {
    match Domain::from_url(text) {
        Ok(domain) => domain.to_string(),
        Err(error) => panic!("{text:?}: {error}"),
    }
}

fn refused(text: &str) -> InvalidDomain {
    match Domain::from_url(text) {
        Ok(domain) => panic!("{text:?} was read as {domain}"),
        Err(error) => error,
    }
}

#[test]
fn f28_only_a_leading_www_label_goes() {
    for (url, domain) in [
        ("https://www.example.com/", "example.com"),
        ("https://WWW.Example.COM/", "example.com"),
        ("https://mywww.com/", "mywww.com"),
        ("https://awww.example.com/", "awww.example.com"),
        ("https://www2.example.com/", "www2.example.com"),
        ("https://wwwexample.com/", "wwwexample.com"),
        ("https://blog.www.example.com/", "blog.www.example.com"),
        ("https://www.com/", "www.com"),
        ("https://www.www.com/", "www.com"),
        ("https://www.www.example.com/", "example.com"),
        ("https://ｗｗｗ。example.com/", "example.com"),
    ] {
        assert_eq!(from_url(url), domain, "{url}");
    }
}

#[test]
fn f28_port_user_password_and_trailing_dots_go() {
    for url in [
        "https://example.com:8443/",
        "https://user:password@example.com/",
        "https://user:p%40ss@www.example.com:443/a@b?c#d",
        "https://example.com./",
        "https://example.com../",
        "https://www.example.com.:80",
        "  https://example.com/\r\n",
    ] {
        assert_eq!(from_url(url), "example.com", "{url}");
    }
}

#[test]
fn f28_an_international_name_has_one_form() {
    let punycode = Domain::parse("xn--bcher-kva.de").unwrap();
    for text in [
        "bücher.de",
        "BÜCHER.DE",
        "www.bu\u{308}cher.de",
        "XN--BCHER-KVA.de",
        "bücher。de",
    ] {
        assert_eq!(Domain::parse(text).unwrap(), punycode, "{text}");
    }
    assert_eq!(
        Domain::from_url("https://b%C3%BCcher.de/").unwrap(),
        punycode
    );
    assert_eq!(punycode.as_str(), "xn--bcher-kva.de");
    assert_eq!(punycode.to_unicode(), "bücher.de");
}

#[test]
fn f28_the_scheme_may_be_written_in_capitals() {
    assert_eq!(from_url("HTTPS://EXAMPLE.COM/Path"), "example.com");
    assert_eq!(from_url("Http://example.com"), "example.com");
}

#[test]
fn f28_other_schemes_are_refused_by_name() {
    for (text, name) in [
        ("httpx://example.com/", "httpx"),
        ("ftp://example.com/", "ftp"),
        ("javascript:alert(1)", "javascript"),
        ("mailto:joe@example.com", "mailto"),
        ("data:text/html,x", "data"),
        ("file:///etc/passwd", "file"),
        ("tel:5551234", "tel"),
    ] {
        let error = refused(text);
        assert_eq!(
            error,
            InvalidDomain::UnsupportedScheme {
                scheme: name.to_owned()
            }
        );
        assert!(error.to_string().contains(&format!("`{name}`")), "{error}");
    }
}

#[test]
fn f28_hosts_beyond_the_limits_of_dns_are_refused() {
    let host = |length: usize| {
        let label = "a".repeat(49) + ".";
        let mut host = label.repeat(5);
        host.push_str(&"b".repeat(length - host.len()));
        host
    };
    assert!(matches!(
        refused(&format!("https://{}.com/", "a".repeat(3_000))),
        InvalidDomain::HostTooLong { length: 3_004, .. }
    ));
    assert_eq!(Domain::parse(&host(253)).unwrap().as_str().len(), 253);
    assert!(matches!(
        Domain::parse(&host(254)),
        Err(InvalidDomain::HostTooLong { .. })
    ));
    assert!(Domain::parse(&format!("{}.com", "a".repeat(63))).is_ok());
    assert!(matches!(
        Domain::parse(&format!("{}.com", "a".repeat(64))),
        Err(InvalidDomain::LabelTooLong { length: 64, .. })
    ));
}

#[test]
fn f28_ip_addresses_are_refused_in_every_spelling() {
    for text in [
        "http://127.0.0.1/",
        "http://127.1/",
        "http://0x7f.1/",
        "http://2130706433/",
        "http://0177.0.0.1/",
        "http://127.0.0.1./",
        "http://[::1]:8080/",
        "http://[2001:db8::1]/",
        "192.168.0.1:80/path",
    ] {
        assert!(
            matches!(refused(text), InvalidDomain::IpAddress { .. }),
            "{text}"
        );
    }
    for host in ["127.1", "0x7f.1", "::1", "[::1]", "10.0.0.1"] {
        assert!(
            matches!(Domain::parse(host), Err(InvalidDomain::IpAddress { .. })),
            "{host}"
        );
    }
}

#[test]
fn f28_hosts_that_end_in_a_number_are_refused() {
    for host in [
        "example.123",
        "256.256.256.256",
        "1.2.3.4..",
        "www.1.2.3.4",
        "a.0x1f",
        "a.0x1f..",
        "a.0x",
    ] {
        assert!(
            matches!(
                Domain::parse(host),
                Err(InvalidDomain::NumericTopLevel { .. })
            ),
            "{host}"
        );
    }
    assert_eq!(Domain::parse("4chan.org").unwrap().as_str(), "4chan.org");
    assert_eq!(Domain::parse("163.com").unwrap().as_str(), "163.com");
}

#[test]
fn f28_single_labels_are_refused() {
    for text in ["http://localhost:8000/", "http://com./", "intranet/path"] {
        assert!(
            matches!(refused(text), InvalidDomain::SingleLabel { .. }),
            "{text}"
        );
    }
}

#[test]
fn f28_characters_that_no_host_has_are_refused() {
    for host in [
        "exa_mple.com",
        "exa mple.com",
        "example.com/",
        "example.com:80",
        "joe@example.com",
        "ex%61mple.com",
        "exa*mple.com",
        " example.com",
        "example.com\\",
    ] {
        let error = Domain::parse(host).unwrap_err();
        assert!(
            matches!(error, InvalidDomain::InvalidCharacter { .. }),
            "{host}: {error}"
        );
    }
    for url in [
        "https://exa_mple.com/",
        "https://exa%5fmple.com/",
        "https://exa%20mple.com/",
    ] {
        assert!(
            matches!(refused(url), InvalidDomain::InvalidCharacter { .. }),
            "{url}"
        );
    }
    for host in [
        "exa\u{ff3f}mple.com",
        "xn--a.com",
        "xn--.com",
        "a\u{a0}b.com",
        "☃\u{200d}.com",
    ] {
        assert!(Domain::parse(host).is_err(), "{host}");
    }
    // The hyphen is inside the punycode here, where only the strict reading looks.
    for host in ["-bücher.de", "bücher-.de"] {
        assert!(
            matches!(Domain::parse(host), Err(InvalidDomain::NotIdna { .. })),
            "{host}"
        );
    }
    for host in ["-example.com", "example-.com", "a.-b.com"] {
        assert!(
            matches!(Domain::parse(host), Err(InvalidDomain::HyphenAtEdge { .. })),
            "{host}"
        );
    }
    for host in [".example.com", "a..example.com"] {
        assert!(
            matches!(Domain::parse(host), Err(InvalidDomain::EmptyLabel { .. })),
            "{host}"
        );
    }
    assert!(Domain::parse("r3---sn-4g5e.example.com").is_ok());
}

#[test]
fn f24_control_characters_are_refused_and_shown_as_escapes() {
    for text in [
        "https://exa\0mple.com/",
        "https://exa\nmple.com/",
        "exa\tmple.com",
        "\0",
    ] {
        let error = refused(text);
        assert!(
            matches!(error, InvalidDomain::ControlCharacter { .. }),
            "{text:?}"
        );
        assert!(!error.to_string().contains(char::is_control), "{error}");
    }
    assert!(matches!(
        refused("https://example.com/\0"),
        InvalidDomain::ControlCharacter { .. }
    ));
    assert!(Domain::from_url("https://example.com%00/").is_err());
    assert!(matches!(
        Domain::parse("a\0.com"),
        Err(InvalidDomain::ControlCharacter { .. })
    ));
}

#[test]
fn text_without_a_scheme_is_read_where_it_begins_with_a_host() {
    for text in [
        "example.com",
        "www.example.com/path?q#f",
        "example.com:8080/path",
        "Example.com?q",
    ] {
        assert_eq!(from_url(text), "example.com", "{text}");
    }
    for text in [
        "//example.com/",
        "/path",
        "joe@example.com",
        "example.com\\x",
    ] {
        assert!(
            matches!(refused(text), InvalidDomain::MissingScheme { .. }),
            "{text}"
        );
    }
    assert!(Domain::from_url("an art blog").is_err());
}

#[test]
fn text_without_a_host_or_beyond_the_limit_is_refused() {
    for text in [
        "",
        "  ",
        "http://",
        "https://./",
        "https://?q",
        "?q=example.com",
    ] {
        assert_eq!(refused(text), InvalidDomain::Empty, "{text:?}");
    }
    let longest = format!("https://example.com/{}", "x".repeat(MAX_URL_BYTES - 20));
    assert_eq!(from_url(&longest), "example.com");
    assert_eq!(
        refused(&(longest + "x")),
        InvalidDomain::TextTooLong {
            bytes: MAX_URL_BYTES + 1
        }
    );
    let long = "a".repeat(MAX_URL_BYTES + 1);
    assert!(matches!(
        Domain::parse(&long),
        Err(InvalidDomain::TextTooLong { .. })
    ));
    assert!(matches!(
        refused("http://example.com:99999/"),
        InvalidDomain::InvalidPort { .. }
    ));
}

#[test]
fn f43_an_error_never_shows_the_password_of_an_address() {
    for text in [
        "https://user:secret@exa_mple.com/",
        "https://user:secret@localhost/",
        "https://user:secret@example.com:99999/",
        "https://user:secret@exa\0mple.com/",
        "https://user:secret@127.0.0.1/",
        "https://user:secret/x@example.com/",
        "https://exa_mple.com/?token=secret",
        "a.user:secret@example.com",
        "user@a:secret@example.com",
        "//exa_mple.com/?token=secret",
        "/path?user@secret",
        "joe@example.com#secret",
    ] {
        let error = refused(text);
        assert!(!error.to_string().contains("secret"), "{error}");
        assert!(!format!("{error:?}").contains("secret"), "{error:?}");
    }
}

#[test]
fn json_holds_the_domain_as_a_string_and_is_checked() {
    let domain: Domain = serde_json::from_str("\"WWW.bücher.de\"").unwrap();
    assert_eq!(
        serde_json::to_string(&domain).unwrap(),
        "\"xn--bcher-kva.de\""
    );
    assert!(serde_json::from_str::<Domain>("\"localhost\"").is_err());
    assert!(Domain::try_from(String::from("https://example.com")).is_err());
    assert_eq!(
        "example.com".parse::<Domain>().unwrap().as_ref(),
        "example.com"
    );
}

/// What holds for every domain, however it came about.
fn check(domain: &Domain) -> Result<(), TestCaseError> {
    let text = domain.as_str();
    prop_assert!(text.len() <= MAX_HOST_LENGTH);
    prop_assert!(text.contains('.'));
    prop_assert!(
        text.split('.')
            .all(|label| (1..=MAX_LABEL_LENGTH).contains(&label.len()))
    );
    prop_assert!(
        text.bytes()
            .all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.'))
    );
    prop_assert_eq!(&Domain::parse(text).unwrap(), domain);
    prop_assert_eq!(&Domain::parse(&domain.to_unicode()).unwrap(), domain);
    prop_assert_eq!(
        &Domain::from_url(&format!("http://www.{text}.:81/")).unwrap(),
        domain
    );
    Ok(())
}

/// Text that is often nearly a host: random strings alone are seldom one.
fn host_like() -> impl Strategy<Value = String> {
    "((www|WWW|ｗｗｗ)[.。])?[a-zA-Z0-9äßσς東א\\-_.%x]{1,12}(\\.(com|de|рф|1|0x1|xn--p1ai|www)\\.{0,2})?"
}

proptest! {
    #[test]
    fn f28_any_text_is_a_domain_within_the_limits_or_a_bounded_error(text in any::<String>()) {
        for result in [
            Domain::parse(&text),
            Domain::from_url(&text),
            Domain::from_url(&format!("https://{text}")),
        ] {
            match result {
                Ok(domain) => check(&domain)?,
                Err(error) => {
                    let message = error.to_string();
                    prop_assert!(message.chars().count() < 220, "{}", message);
                    prop_assert!(!message.contains(char::is_control));
                }
            }
        }
    }

    #[test]
    fn f28_any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let text = String::from_utf8_lossy(&bytes);
        if let Ok(domain) = Domain::from_url(&text) {
            check(&domain)?;
        }
    }

    #[test]
    fn f28_a_domain_read_again_is_itself(host in host_like()) {
        if let Ok(domain) = Domain::parse(&host) {
            check(&domain)?;
            prop_assert_eq!(Domain::from_url(&format!("https://u:p@{host}:1/")), Ok(domain));
        }
    }
}
