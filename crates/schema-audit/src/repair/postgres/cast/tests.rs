use super::*;
use crate::schema::{Dialect, Domain, Enum, ObjectName};

fn types() -> Schema {
    let domain = |name: &str, data_type: &str| Domain {
        name: ObjectName::local(name),
        data_type: data_type.to_owned(),
        nullable: true,
        default: None,
        collation: None,
        checks: Vec::new(),
        comment: None,
    };
    Schema {
        enums: vec![Enum {
            name: ObjectName::local("mood"),
            labels: Vec::new(),
            comment: None,
        }],
        domains: vec![
            domain("mail", "text"),
            domain("code", "character varying(5)"),
        ],
        ..Schema::empty(Dialect::Postgres)
    }
}

fn using(column: &str, from: &str, to: &str) -> Option<String> {
    let schema = types();
    let of = |written| Type::of(written, &schema, None);
    super::using(column, &of(from), &of(to))
}

fn hazards(from: &str, to: &str) -> Vec<Hazard> {
    let schema = types();
    let of = |written| Type::of(written, &schema, None);
    super::hazards(&of(from), &of(to))
}

#[test]
fn only_pairs_that_are_known_to_keep_every_value_are_no_loss() {
    for (from, to) in [
        ("smallint", "numeric"),
        ("integer", "numeric(12,2)"),
        ("real", "double precision"),
        ("numeric(5,2)", "numeric(8,4)"),
        ("character(3)", "character varying(3)"),
        ("name", "text"),
        ("boolean", "text"),
        ("uuid", "text"),
        ("numeric(5,2)", "text"),
        ("json", "text"),
        ("jsonb", "json"),
        ("date", "timestamp without time zone"),
        ("cidr", "inet"),
        ("mood", "character varying(10)"),
        ("text", "mood"),
        ("text", "mail"),
        ("mail", "text"),
        ("code", "mail"),
        ("timestamp(3) without time zone", "timestamp with time zone"),
        ("integer[]", "bigint[]"),
    ] {
        assert!(
            !hazards(from, to).contains(&Hazard::DataLoss),
            "{from} {to}"
        );
    }
    for (from, to) in [
        ("text", "integer"),
        ("json", "jsonb"),
        ("double precision", "numeric"),
        ("bigint", "double precision"),
        ("boolean", "integer"),
        ("text", "uuid"),
        ("text", "name"),
        ("text", "code"),
        ("bytea", "text"),
        ("inet", "cidr"),
        ("mood", "other"),
        ("integer", "text[]"),
        ("bit(4)", "bit(8)"),
        ("numeric", "numeric(10,-2)"),
        ("timestamp without time zone", "timestamp(3) with time zone"),
        (
            "timestamp without time zone[]",
            "timestamp with time zone[]",
        ),
        ("geometry(Point,4326)", "geometry(Polygon,4326)"),
    ] {
        assert!(hazards(from, to).contains(&Hazard::DataLoss), "{from} {to}");
    }
    assert!(hazards("text", "mood").contains(&Hazard::MayFail));
    assert!(hazards("text", "mail").contains(&Hazard::MayFail));
}

#[test]
fn a_time_zone_comes_and_goes_as_utc_and_not_as_the_sessions() {
    let (bare, zoned) = ("timestamp without time zone", "timestamp with time zone");
    for (from, to) in [(bare, zoned), (zoned, bare)] {
        assert_eq!(
            using("c", from, to).as_deref(),
            Some("(c AT TIME ZONE 'UTC')")
        );
        assert_eq!(
            hazards(from, to),
            [Hazard::AccessExclusiveLock, Hazard::TableRewrite]
        );
    }
}

#[test]
fn wider_texts_and_numerics_are_changes_of_the_catalog_alone() {
    for (from, to) in [
        ("character varying(10)", "character varying(20)"),
        ("character varying(10)", "text"),
        ("text", "character varying"),
        ("numeric(5,2)", "numeric(8,2)"),
        ("numeric(5,2)", "numeric"),
        ("cidr", "inet"),
    ] {
        assert_eq!(
            hazards(from, to),
            [Hazard::AccessExclusiveLock],
            "{from} {to}"
        );
        assert_eq!(using("c", from, to), None);
    }
}

#[test]
fn a_shorter_text_fails_on_what_is_too_long_instead_of_cutting_it_off() {
    let (from, to) = ("text", "character varying(5)");
    assert_eq!(using("c", from, to), None);
    assert_eq!(
        hazards(from, to),
        [
            Hazard::AccessExclusiveLock,
            Hazard::TableRewrite,
            // Spaces at the end are cut off.
            Hazard::DataLoss,
            Hazard::MayFail
        ]
    );
}

#[test]
fn what_is_rounded_is_called_a_loss() {
    for (from, to) in [
        ("numeric(10,4)", "numeric(10,2)"),
        ("double precision", "integer"),
        ("timestamp with time zone", "date"),
    ] {
        assert!(hazards(from, to).contains(&Hazard::DataLoss), "{from} {to}");
    }
    assert!(!hazards("integer", "bigint").contains(&Hazard::DataLoss));
    assert!(!hazards("integer", "bigint").contains(&Hazard::MayFail));
}

#[test]
fn values_that_no_cast_takes_across_go_by_their_text() {
    assert_eq!(using("c", "text", "integer").as_deref(), Some("c::integer"));
    assert_eq!(
        using("c", "mood", "other").as_deref(),
        Some("c::text::other")
    );
    assert_eq!(
        using("c", "boolean", "bigint").as_deref(),
        Some("c::integer")
    );
    assert_eq!(
        using("c", "integer", "boolean").as_deref(),
        Some("(c <> 0)")
    );
    assert_eq!(
        using("c", "integer", "uuid").as_deref(),
        Some("c::text::uuid")
    );
    assert_eq!(using("c", "integer", "bigint"), None);
}
