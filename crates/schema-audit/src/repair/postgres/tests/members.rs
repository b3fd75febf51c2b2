use super::*;

#[test]
fn a_foreign_key_with_another_name_and_action_is_dropped_before_the_right_one_is_added() {
    let with = |key: ForeignKey| {
        let mut child = table("child", vec![column("p", "integer")]);
        child.foreign_keys = vec![key];
        let mut parent = table("parent", vec![column("id", "integer")]);
        parent.primary_key = Some(self::key("parent_pkey", &["id"]));
        schema(vec![child, parent])
    };
    let plan = plan(
        &with(foreign_key("fk_p", "p", "parent", Action::SetNull)),
        &with(foreign_key("child_p_fkey", "p", "parent", Action::NoAction)),
    );
    assert_eq!(
        sql(&plan),
        [
            r#"ALTER TABLE "child" DROP CONSTRAINT "child_p_fkey""#,
            r#"ALTER TABLE "child" ADD CONSTRAINT "fk_p" FOREIGN KEY ("p") REFERENCES "parent" ("id") ON DELETE SET NULL"#,
        ]
    );
}

#[test]
fn a_unique_index_is_replaced_by_a_plain_one_of_its_name() {
    let with = |unique| {
        let mut settings = table("settings", vec![column("key", "text")]);
        settings.indexes = vec![index("ix_settings_key", "key", unique)];
        schema(vec![settings])
    };
    let plan = plan(&with(false), &with(true));
    assert_eq!(
        sql(&plan),
        [
            r#"DROP INDEX "ix_settings_key""#,
            r#"CREATE INDEX "ix_settings_key" ON "settings" USING "btree" ("key")"#,
        ]
    );
}

#[test]
fn foreign_keys_among_dropped_tables_go_before_the_first_of_them() {
    let mut a = table("a", vec![column("id", "integer"), column("b", "integer")]);
    a.foreign_keys = vec![foreign_key("to_b", "b", "b", Action::NoAction)];
    let mut b = table("b", vec![column("id", "integer"), column("a", "integer")]);
    b.foreign_keys = vec![foreign_key("to_a", "a", "a", Action::NoAction)];
    let plan = plan(&schema(vec![]), &schema(vec![a, b]));
    let sql = sql(&plan);
    assert_eq!(sql.len(), 4);
    assert!(
        sql[..2].iter().all(|s| s.contains("DROP CONSTRAINT")),
        "{sql:?}"
    );
    assert!(sql.iter().all(|s| !s.contains("CASCADE")));
}

#[test]
fn a_foreign_key_to_a_key_that_is_made_again_is_made_again_too() {
    let with = |include: &[&str]| {
        let mut parent = table("p", vec![column("id", "integer"), column("x", "text")]);
        parent.primary_key = Some(Key {
            include: include.iter().map(|c| (*c).to_owned()).collect(),
            ..key("p_pkey", &["id"])
        });
        let mut child = table("c", vec![column("p", "integer")]);
        child.foreign_keys = vec![foreign_key("to_p", "p", "p", Action::NoAction)];
        schema(vec![parent, child])
    };
    let plan = plan(&with(&["x"]), &with(&[]));
    let sql = sql(&plan);
    assert!(sql[0].contains(r#"DROP CONSTRAINT "to_p""#), "{sql:?}");
    assert!(sql[1].contains(r#"DROP CONSTRAINT "p_pkey""#), "{sql:?}");
    assert!(sql[2].contains(r#"ADD CONSTRAINT "p_pkey""#), "{sql:?}");
    assert!(sql[3].contains(r#"ADD CONSTRAINT "to_p""#), "{sql:?}");
}
