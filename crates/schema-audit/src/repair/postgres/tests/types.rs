use super::*;

#[test]
fn values_are_added_to_an_enum_in_place_in_their_order() {
    let with = |labels: &[&str]| Schema {
        enums: vec![mood(labels)],
        ..schema(vec![])
    };
    let plan = plan(&with(&["x", "a", "it's", "b"]), &with(&["a", "b"]));
    assert_eq!(
        sql(&plan),
        [
            r#"ALTER TYPE "mood" ADD VALUE 'x' BEFORE 'a'"#,
            r#"ALTER TYPE "mood" ADD VALUE 'it''s' AFTER 'a'"#,
        ]
    );
}

#[test]
fn an_enum_that_loses_a_value_is_replaced_by_a_new_type() {
    let with = |labels: &[&str]| Schema {
        enums: vec![mood(labels)],
        ..schema(vec![table("t", vec![column("m", "mood")])])
    };
    let plan = plan(&with(&["a"]), &with(&["a", "b"]));
    assert_eq!(
        sql(&plan),
        [
            r#"ALTER TYPE "mood" RENAME TO "mood_before""#,
            r#"CREATE TYPE "mood" AS ENUM ('a')"#,
            r#"ALTER TABLE "t" ALTER COLUMN "m" TYPE mood USING "m"::text::mood"#,
            r#"DROP TYPE "mood_before""#,
        ]
    );
    assert!(plan.statements[2].hazards.contains(&Hazard::MayFail));
}

#[test]
fn an_enum_whose_new_value_is_used_at_once_is_replaced_instead_of_extended() {
    let with = |labels: &[&str], default: Option<&str>| Schema {
        enums: vec![mood(labels)],
        ..schema(vec![table(
            "t",
            vec![Column {
                default: default.map(str::to_owned),
                ..column("m", "mood")
            }],
        )])
    };
    let plan = plan(&with(&["a", "b"], Some("'b'::mood")), &with(&["a"], None));
    let sql = sql(&plan);
    assert!(sql.iter().all(|s| !s.contains("ADD VALUE")), "{sql:?}");
    assert!(sql.contains(&r#"CREATE TYPE "mood" AS ENUM ('a', 'b')"#));
}
