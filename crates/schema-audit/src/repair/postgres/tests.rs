//! Tests of plans.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    super::{Dependent, Destructive, Hazard, Options, Plan, label, repair},
    planner::Planner,
};
use crate::{
    compare::compare,
    schema::{
        Action, Column, Dialect, Enum, ForeignKey, Identity, Index, IndexKey, Key, ObjectName,
        OwnedBy, Schema, Sequence, Table,
    },
};

fn column(name: &str, data_type: &str) -> Column {
    Column {
        name: name.to_owned(),
        data_type: data_type.to_owned(),
        nullable: true,
        default: None,
        generated: None,
        identity: None,
        collation: None,
        comment: None,
        inherited: false,
    }
}

fn table(name: &str, columns: Vec<Column>) -> Table {
    Table {
        columns,
        ..Table::new(ObjectName::local(name))
    }
}

fn schema(tables: Vec<Table>) -> Schema {
    let mut schema = Schema {
        name: Some("public".to_owned()),
        tables,
        ..Schema::empty(Dialect::Postgres)
    };
    schema.sort();
    schema
}

fn plan_with(expected: &Schema, actual: &Schema, options: &Options) -> Plan {
    repair(expected, actual, &compare(expected, actual), options)
}

fn plan(expected: &Schema, actual: &Schema) -> Plan {
    plan_with(expected, actual, &Options::default())
}

fn sql(plan: &Plan) -> Vec<&str> {
    plan.statements.iter().map(|s| s.sql.as_str()).collect()
}

fn key(name: &str, columns: &[&str]) -> Key {
    Key {
        name: Some(name.to_owned()),
        columns: columns.iter().map(|c| (*c).to_owned()).collect(),
        ..Key::default()
    }
}

fn foreign_key(name: &str, column: &str, to: &str, on_delete: Action) -> ForeignKey {
    ForeignKey {
        name: Some(name.to_owned()),
        columns: vec![column.to_owned()],
        references: ObjectName::local(to),
        referenced_columns: vec!["id".to_owned()],
        on_update: Action::NoAction,
        on_delete,
        on_delete_columns: Vec::new(),
        match_type: crate::schema::MatchType::Simple,
        deferrable: crate::schema::Deferrable::Not,
        not_valid: false,
        comment: None,
        inherited: false,
    }
}

fn index(name: &str, column: &str, unique: bool) -> Index {
    Index {
        name: name.to_owned(),
        method: "btree".to_owned(),
        unique,
        nulls_not_distinct: false,
        keys: vec![IndexKey {
            expression: column.to_owned(),
            is_column: true,
            descending: false,
            nulls_first: None,
            operator_class: None,
            collation: None,
        }],
        include: Vec::new(),
        predicate: None,
        options: Vec::new(),
        invalid: false,
        comment: None,
        inherited: false,
        only: false,
        definition: String::new(),
    }
}

fn mood(labels: &[&str]) -> Enum {
    Enum {
        name: ObjectName::local("mood"),
        labels: labels.iter().map(|l| (*l).to_owned()).collect(),
        comment: None,
    }
}

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
fn dropped_tables_and_columns_are_left_out_unless_asked_for_by_name() {
    let expected = schema(vec![table("t", vec![column("a", "text")])]);
    let actual = schema(vec![
        table("t", vec![column("a", "text"), column("b", "text")]),
        table("u", vec![]),
    ]);
    let left_out = |options: &Options| {
        let plan = plan_with(&expected, &actual, options);
        assert!(plan.statements.iter().all(|s| s.destructive));
        let left_out = plan.statements.into_iter().filter(|s| s.left_out);
        left_out.map(|s| s.sql).collect::<Vec<_>>()
    };
    assert_eq!(
        left_out(&Options::default()),
        [r#"ALTER TABLE "t" DROP COLUMN "b""#, r#"DROP TABLE "u""#]
    );
    let named = BTreeSet::from(["table-unexpected public.u".to_owned()]);
    let options = Options {
        destructive: Destructive::Named(named),
        ..Options::default()
    };
    assert_eq!(left_out(&options), [r#"ALTER TABLE "t" DROP COLUMN "b""#]);
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

#[test]
fn a_change_that_a_view_stands_in_the_way_of_is_refused_with_its_name() {
    let with = |data_type| schema(vec![table("t", vec![column("a", data_type)])]);
    let options = Options {
        dependents: vec![Dependent {
            kind: "view".to_owned(),
            name: "public.v".to_owned(),
            table: ObjectName::local("t"),
            column: Some("a".to_owned()),
            holds_table: true,
        }],
        ..Options::default()
    };
    let plan = plan_with(&with("bigint"), &with("integer"), &options);
    assert_eq!(sql(&plan), [""; 0]);
    assert_eq!(plan.refused.len(), 1);
    assert!(plan.refused[0].reason.contains("view public.v"));
}

#[test]
fn every_finding_is_mended_or_refused_by_name() {
    let mut wanted = table("t", vec![column("a", "integer"), column("b", "text")]);
    wanted.partition_key = Some("LIST (a)".to_owned());
    wanted.comment = Some("it's".to_owned());
    let actual = schema(vec![table("t", vec![column("a", "bigint")])]);
    let expected = schema(vec![wanted]);
    let plan = plan(&expected, &actual);
    let mended = plan.statements.iter().flat_map(|s| s.mends.iter().cloned());
    let refused = plan.refused.iter().map(|r| r.finding.clone());
    let named: BTreeSet<String> = mended.chain(refused).collect();
    let found: BTreeSet<String> = compare(&expected, &actual).iter().map(label).collect();
    assert_eq!(named, found);
    assert_eq!(plan.refused.len(), 1);
}

#[test]
fn what_the_caller_refuses_is_not_planned() {
    let expected = schema(vec![table("t", vec![])]);
    let options = Options {
        refused: BTreeMap::from([("table-missing public.t".to_owned(), "no".to_owned())]),
        ..Options::default()
    };
    let plan = plan_with(&expected, &schema(vec![]), &options);
    assert!(plan.statements.is_empty());
    assert_eq!(plan.refused[0].reason, "no");
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

#[test]
fn five_hundred_tables_are_planned_at_once() {
    let with = |unique| {
        let tables = (0..500).map(|n| {
            let mut table = table(&format!("t{n}"), vec![column("a", "text")]);
            table.indexes = vec![index(&format!("ix{n}"), "a", unique)];
            table
        });
        schema(tables.collect())
    };
    let (expected, actual) = (with(true), with(false));
    let findings = compare(&expected, &actual);
    let begin = std::time::Instant::now();
    let plan = repair(&expected, &actual, &findings, &Options::default());
    assert_eq!(plan.statements.len(), 1000);
    let took = begin.elapsed();
    assert!(took.as_secs() < 2, "{took:?}");
}

#[test]
fn tables_below_others_come_after_them_and_once() {
    let child = |name: &str, of: &[&str]| Table {
        inherits: of.iter().map(|p| ObjectName::local(*p)).collect(),
        ..table(name, vec![])
    };
    let expected = schema(vec![table("a", vec![]), child("z", &["a"])]);
    let actual = schema(vec![
        table("a", vec![]),
        child("z", &["a"]),
        child("b", &["z", "a"]),
        child("c", &["a"]),
        child("d", &["other"]),
    ]);
    let (options, replaced) = (Options::default(), BTreeSet::new());
    let planner = Planner::new(&expected, &actual, Vec::new(), &options, &replaced);
    let below = planner.descendants(&ObjectName::local("a"));
    assert_eq!(below, ["c", "z", "b"].map(ObjectName::local));
}
