use super::*;

#[test]
fn a_column_gets_its_default_and_its_nulls_are_filled_before_null_is_forbidden() {
    let status = column("status", "text");
    let wanted = Column {
        nullable: false,
        default: Some("'pending'::text".to_owned()),
        ..status.clone()
    };
    let plan = plan(
        &schema(vec![table("jobs", vec![wanted])]),
        &schema(vec![table("jobs", vec![status])]),
    );
    assert_eq!(
        sql(&plan),
        [
            r#"ALTER TABLE "jobs" ALTER COLUMN "status" SET DEFAULT 'pending'::text"#,
            r#"UPDATE "jobs" SET "status" = 'pending'::text WHERE "status" IS NULL"#,
            r#"ALTER TABLE "jobs" ALTER COLUMN "status" SET NOT NULL"#,
        ]
    );
    assert!(plan.statements[1].hazards.contains(&Hazard::FillsNulls));
    assert!(plan.statements.iter().all(|s| !s.destructive));
}

fn identity_plan(increment: i64, bounds: (i64, i64)) -> Plan {
    let found = column("id", "integer");
    let wanted = Column {
        identity: Some(Identity::ByDefault),
        ..found.clone()
    };
    let sequence = Sequence {
        name: ObjectName::local("t_id_seq"),
        data_type: "integer".to_owned(),
        start: increment.signum(),
        increment,
        minimum: bounds.0,
        maximum: bounds.1,
        cache: 1,
        cycle: false,
        owned_by: Some(OwnedBy {
            table: ObjectName::local("t"),
            column: "id".to_owned(),
            identity: true,
        }),
        comment: None,
    };
    let expected = Schema {
        sequences: vec![sequence],
        ..schema(vec![table("t", vec![wanted])])
    };
    plan(&expected, &schema(vec![table("t", vec![found])]))
}

#[test]
fn a_sequence_goes_on_after_the_last_value_in_its_own_direction() {
    for (plan, last) in [
        (identity_plan(1, (1, 99)), r#"max("id")"#),
        (identity_plan(-1, (-99, -1)), r#"min("id")"#),
    ] {
        let carry = plan.statements.iter().find(|s| s.sql.contains("setval"));
        let carry = carry.expect("the sequence is carried on");
        assert!(carry.sql.contains(&format!(", {last})")), "{}", carry.sql);
        assert!(carry.hazards.contains(&Hazard::MayFail));
    }
}

#[test]
fn a_table_that_becomes_unlogged_is_said_to_be_at_risk_and_still_repaired() {
    let with = |unlogged| {
        schema(vec![Table {
            unlogged,
            ..table("t", vec![])
        }])
    };
    for unlogged in [true, false] {
        let plan = plan(&with(unlogged), &with(!unlogged));
        let [statement] = plan.statements.as_slice() else {
            panic!("one statement: {:?}", plan.statements);
        };
        assert_eq!(statement.hazards.contains(&Hazard::DataLoss), unlogged);
        assert!(!statement.destructive);
    }
}
