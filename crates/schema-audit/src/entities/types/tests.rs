use super::{canonical, fits};
use crate::schema::Dialect::{Postgres, Sqlite};

// Each pair was read back with format_type from a column declared so.
const ALIASES: &[(&str, &str)] = &[
    ("varchar", "character varying"),
    ("varchar(20)", "character varying(20)"),
    ("character varying", "character varying"),
    ("char", "character(1)"),
    ("char(3)", "character(3)"),
    ("bpchar", "bpchar"),
    ("\"char\"", "\"char\""),
    ("text", "text"),
    ("int", "integer"),
    ("INT4", "integer"),
    ("smallint", "smallint"),
    ("int2", "smallint"),
    ("int8", "bigint"),
    ("serial", "integer"),
    ("bigserial", "bigint"),
    ("real", "real"),
    ("float4", "real"),
    ("float(24)", "real"),
    ("float(25)", "double precision"),
    ("float", "double precision"),
    ("float8", "double precision"),
    ("double precision", "double precision"),
    ("decimal", "numeric"),
    ("decimal(5, 2)", "numeric(5,2)"),
    ("numeric(7)", "numeric(7,0)"),
    ("bool", "boolean"),
    ("timestamp", "timestamp without time zone"),
    ("timestamp without time zone", "timestamp without time zone"),
    ("timestamp(3)", "timestamp(3) without time zone"),
    ("timestamptz", "timestamp with time zone"),
    ("timestamptz(6)", "timestamp(6) with time zone"),
    ("timestamp with time zone", "timestamp with time zone"),
    (
        "timestamp (0) with time zone",
        "timestamp(0) with time zone",
    ),
    ("time", "time without time zone"),
    ("timetz", "time with time zone"),
    ("date", "date"),
    ("interval", "interval"),
    ("interval YEAR TO MONTH", "interval year to month"),
    ("interval SECOND(3)", "interval second(3)"),
    ("bytea", "bytea"),
    ("bit", "bit(1)"),
    ("bit(4)", "bit(4)"),
    ("varbit(8)", "bit varying(8)"),
    ("money", "money"),
    ("uuid", "uuid"),
    ("json", "json"),
    ("jsonb", "jsonb"),
    ("inet", "inet"),
    ("macaddr", "macaddr"),
    ("text[]", "text[]"),
    ("varchar(5)[3]", "character varying(5)[]"),
    ("int4[][]", "integer[]"),
    ("integer array", "integer[]"),
    ("timestamptz[]", "timestamp with time zone[]"),
];

#[test]
fn a_type_of_postgresql_is_named_as_the_catalog_names_it() {
    for (written, catalog) in ALIASES {
        assert_eq!(canonical(Postgres, written), *catalog, "{written}");
    }
}

#[test]
fn the_catalogs_own_name_stays_as_it_is() {
    for (_, catalog) in ALIASES {
        assert_eq!(canonical(Postgres, catalog), *catalog);
    }
}

#[test]
fn a_name_of_the_users_own_keeps_its_quotes_only_where_they_matter() {
    assert_eq!(canonical(Postgres, "\"Mood\""), "\"Mood\"");
    assert_eq!(canonical(Postgres, "\"mood\""), "mood");
    assert_eq!(canonical(Postgres, "Mood"), "mood");
    assert_eq!(
        canonical(Postgres, "geometry(Point, 4326)"),
        "geometry(Point,4326)"
    );
    assert_eq!(canonical(Postgres, "\"odd (name)\""), "\"odd (name)\"");
    assert_eq!(canonical(Postgres, "audit.\"Mood\"[]"), "audit.\"Mood\"[]");
}

#[test]
fn a_type_of_sqlite_stays_as_it_was_declared() {
    assert_eq!(canonical(Sqlite, "VarChar(20)"), "VarChar(20)");
}

#[test]
fn a_string_without_a_length_describes_one_of_any_length() {
    assert!(fits(Postgres, "varchar", "character varying(255)"));
    assert!(fits(Postgres, "varchar", "character(2)"));
    assert!(fits(Postgres, "varchar[]", "character varying(255)[]"));
}

#[test]
fn a_string_with_a_length_describes_that_length_only() {
    assert!(!fits(Postgres, "varchar(100)", "character varying(255)"));
    assert!(!fits(Postgres, "varchar(100)", "character varying"));
    assert!(!fits(Postgres, "varchar", "text"));
    assert!(!fits(Postgres, "varchar", "character varying(255)[]"));
    assert!(!fits(Postgres, "varchar[]", "character varying(255)"));
}

#[test]
fn another_type_of_postgresql_does_not_fit() {
    for (entity, actual) in [
        ("integer", "bigint"),
        ("decimal(5, 2)", "numeric(6,2)"),
        ("json", "jsonb"),
        ("timestamp", "timestamp with time zone"),
        ("uuid", "text"),
    ] {
        assert!(!fits(Postgres, entity, actual), "{entity} {actual}");
    }
}

#[test]
fn types_of_sqlite_that_seaorm_reads_alike_fit() {
    for (entity, actual) in [
        ("integer", "bigint"),
        ("smallint", "INT"),
        ("tinyint", "integer"),
        ("varchar", "text"),
        ("varchar", "VARCHAR(255)"),
        ("enum_text", "varchar"),
        ("real(5, 2)", "real_decimal"),
        ("real(5, 2)", "NUMERIC(5, 2)"),
        ("float", "double"),
        ("json_text", "jsonb_text"),
        ("json_text", "JSON"),
        ("timestamp_with_timezone_text", "timestamp_text"),
        ("datetime_text", "DATETIME"),
        ("blob", "varbinary_blob(16)"),
    ] {
        assert!(fits(Sqlite, entity, actual), "{entity} {actual}");
    }
}

#[test]
fn types_of_sqlite_that_seaorm_reads_into_others_do_not_fit() {
    for (entity, actual) in [
        ("integer", "boolean"),
        ("integer", "varchar"),
        ("uuid_text", "varchar"),
        ("json_text", "text"),
        ("timestamp_with_timezone_text", "datetime_text"),
        ("date_text", "time_text"),
        ("real(5, 2)", "double"),
        ("blob", "text"),
        ("GEOMETRY", "POLYGON"),
    ] {
        assert!(!fits(Sqlite, entity, actual), "{entity} {actual}");
    }
}
