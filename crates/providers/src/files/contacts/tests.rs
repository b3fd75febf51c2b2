use std::fs;

use super::super::testing::bad;
use super::*;

fn open(text: &str) -> Result<(ContactFile, LoadReport), OpenError> {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), text).unwrap();
    ContactFile::open(file.path())
}

async fn find(contacts: &ContactFile, domain: &str) -> Option<Contact> {
    contacts
        .find(&Domain::parse(domain).unwrap())
        .await
        .unwrap()
}

#[tokio::test]
async fn the_surest_contact_of_a_domain_counts_and_the_first_among_equals() {
    let (contacts, report) = open(
        "Email,domain,note,confidence\nnone@a.example,a.example,,\nlow@a.example,a.example,,0\n\
         first@a.example,www.A.example,,90\nsecond@a.example,a.example,,90\n\
         less@a.example,a.example,,12\nb@b.example,b.example,,\n",
    )
    .unwrap();
    let best = find(&contacts, "a.example").await.unwrap();
    assert_eq!(best.email.as_str(), "first@a.example");
    assert_eq!(best.confidence, Some(90));
    assert_eq!(
        best.payload,
        Some(json!({"email": "first@a.example", "confidence": 90, "source": "file"}))
    );
    let unsure = find(&contacts, "b.example").await.unwrap();
    assert_eq!(unsure.confidence, None);
    assert_eq!(find(&contacts, "c.example").await, None);
    assert_eq!((contacts.len(), report.rows_read), (2, 6));
    assert_eq!(contacts.name(), "file");
}

#[test]
fn bad_contacts_are_set_aside_with_line_and_reason() {
    let (contacts, report) = open(
        "domain,email,confidence\nlocalhost,a@a.example,5\na.example,nobody,5\n\
         a.example,a@a.example,101\na.example,a@a.example,sure\na.example\n\
         a.example,a@a.example,100\n",
    )
    .unwrap();
    assert_eq!(contacts.len(), 1);
    let bad = bad(&report);
    let lines: Vec<u64> = bad.iter().map(|(line, _)| *line).collect();
    assert_eq!(lines, [2, 3, 4, 5, 6]);
    assert!(bad[0].1.starts_with("domain `localhost`: "), "{bad:?}");
    assert!(bad[1].1.starts_with("email `nobody`: "), "{bad:?}");
    assert_eq!(bad[2].1, "confidence `101` is not a whole number up to 100");
}

#[test]
fn a_contact_file_that_gives_nothing_is_an_error_that_says_why() {
    for (text, part) in [
        ("", "it is empty"),
        ("domain,email\n", "it has no rows"),
        (
            "domain,mail\na.example,x\n",
            "no column `email`: found domain, mail",
        ),
        ("email\n", "no column `domain`"),
        ("domain,email\nx,y\n", " line 2: domain `x`: "),
    ] {
        let error = open(text).unwrap_err().to_string();
        assert!(error.contains(part), "{text:?}: {error}");
    }
    let folder = tempfile::tempdir().unwrap();
    assert!(matches!(
        ContactFile::open(folder.path()),
        Err(OpenError::Io { .. })
    ));
}

#[test]
fn too_many_contacts_are_an_error() {
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(
        file.path(),
        "domain,email\na.example,a@a.example\nb.example,b@b.example\n",
    )
    .unwrap();
    let open = |rows| {
        let limits = Limits { rows, bad_rows: 9 };
        ContactFile::open_within(file.path(), limits)
    };
    assert!(open(2).is_ok());
    assert!(matches!(
        open(1),
        Err(OpenError::TooManyRows { limit: 1, .. })
    ));
}

#[test]
fn debug_output_shows_no_addresses() {
    let (contacts, _) = open("domain,email\na.example,secret@a.example\n").unwrap();
    assert!(!format!("{contacts:?}").contains("secret"));
}
