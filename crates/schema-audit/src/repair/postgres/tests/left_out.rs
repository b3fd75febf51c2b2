//! What is left out takes along what is there for its sake, and nothing else.

use super::*;
use crate::schema::{Check, PartitionOf};

fn run(plan: &Plan) -> Vec<&str> {
    let run = plan.statements.iter().filter(|s| !s.left_out);
    run.map(|s| s.sql.as_str()).collect()
}

fn left_out(plan: &Plan) -> Vec<&str> {
    let left_out = plan.statements.iter().filter(|s| s.left_out);
    left_out.map(|s| s.sql.as_str()).collect()
}

fn with_default(column: Column, default: &str) -> Column {
    Column {
        default: Some(default.to_owned()),
        ..column
    }
}

fn check(name: &str, expression: &str) -> Check {
    Check {
        name: Some(name.to_owned()),
        expression: expression.to_owned(),
        no_inherit: false,
        not_valid: false,
        comment: None,
        inherited: false,
    }
}

#[test]
fn a_type_that_is_left_out_leaves_its_default_and_its_constraints_alone() {
    let with = |data_type: &str, default: &str, other: &str| {
        let mut t = table(
            "t",
            vec![
                with_default(column("price", data_type), default),
                column("other", other),
            ],
        );
        t.checks = vec![check("positive", "price > 0")];
        schema(vec![t])
    };
    let (expected, actual) = (
        with("integer", "7", "bigint"),
        with("numeric", "0.5", "integer"),
    );
    let plan = plan(&expected, &actual);
    assert_eq!(
        run(&plan),
        [r#"ALTER TABLE "t" ALTER COLUMN "other" TYPE bigint"#]
    );
    assert_eq!(left_out(&plan).len(), 5, "{:#?}", left_out(&plan));
    assert_eq!(plan.refused, []);
    let asked = Options {
        destructive: Destructive::Named(["type-changed public.t.price".to_owned()].into()),
        ..Options::default()
    };
    let plan = plan_with(&expected, &actual, &asked);
    assert_eq!(left_out(&plan), [""; 0]);
    assert_eq!(run(&plan).len(), 6);
}

#[test]
fn what_waits_for_what_is_left_out_names_it() {
    let with = |data_type: &str, default: &str| {
        let price = with_default(column("price", data_type), default);
        schema(vec![table("t", vec![price])])
    };
    let plan = plan(&with("integer", "7"), &with("numeric", "0.5"));
    assert_eq!(run(&plan), [""; 0]);
    let set = plan
        .statements
        .iter()
        .find(|s| s.sql.ends_with("SET DEFAULT 7"));
    let set = set.expect("the default is planned");
    assert!(!set.destructive);
    assert_eq!(
        set.mends,
        [
            "default-changed public.t.price",
            "type-changed public.t.price"
        ]
    );
}

#[test]
fn a_key_that_a_table_points_to_which_stays_is_not_dropped() {
    let parent = |unique: bool| {
        let mut parent = table("p", vec![column("id", "integer"), column("x", "text")]);
        if unique {
            parent.uniques = vec![key("p_id_key", &["id"])];
        }
        parent
    };
    let mut extra = table("extra", vec![column("p", "integer")]);
    extra.foreign_keys = vec![foreign_key("to_p", "p", "p", Action::NoAction)];
    let expected = schema(vec![parent(false)]);
    let actual = schema(vec![parent(true), extra]);
    let never = plan(&expected, &actual);
    assert_eq!(run(&never), [""; 0]);
    assert_eq!(left_out(&never).len(), 3, "{:#?}", left_out(&never));
    let options = Options {
        destructive: Destructive::All,
        ..Options::default()
    };
    let all = plan_with(&expected, &actual, &options);
    assert_eq!(run(&all).len(), 3, "{:#?}", run(&all));
}

#[test]
fn a_name_that_a_table_has_which_stays_is_not_given_to_another() {
    let mut wanted = table("t", vec![column("a", "text"), column("b", "text")]);
    wanted.indexes = vec![index("ix", "a", false), index("other", "b", false)];
    let found = table("t", vec![column("a", "text"), column("b", "text")]);
    let mut extra = table("extra", vec![column("a", "text")]);
    extra.indexes = vec![index("ix", "a", false)];
    let plan = plan(&schema(vec![wanted]), &schema(vec![found, extra]));
    assert_eq!(
        run(&plan),
        [r#"CREATE INDEX "other" ON "t" USING "btree" ("b")"#]
    );
    assert_eq!(left_out(&plan).len(), 2);
}

#[test]
fn a_partition_is_not_attached_to_a_table_that_is_not_what_it_should_be() {
    let parent = |by: &str| Table {
        partition_key: Some(by.to_owned()),
        ..table("p", vec![column("a", "integer"), column("b", "integer")])
    };
    let part = Table {
        partition_of: Some(PartitionOf {
            parent: ObjectName::local("p"),
            bound: "FOR VALUES IN (1)".to_owned(),
        }),
        ..table("part", vec![column("a", "integer"), column("b", "integer")])
    };
    let plan = plan(
        &schema(vec![parent("LIST (a)"), part]),
        &schema(vec![parent("LIST (b)")]),
    );
    assert_eq!(sql(&plan), [""; 0]);
    let refused: Vec<_> = plan.refused.iter().map(|r| r.finding.as_str()).collect();
    assert_eq!(
        refused,
        ["partition-changed public.p", "table-missing public.part"]
    );
    assert!(
        plan.refused[1]
            .reason
            .contains("partition-changed public.p")
    );
}

#[test]
fn a_column_that_stays_gets_its_default_back_when_its_type_is_replaced() {
    let with = |labels: &[&str], columns: Vec<Column>| Schema {
        enums: vec![mood(labels)],
        ..schema(vec![table("t", columns)])
    };
    let old = |default: &str| with_default(column("old", "mood"), default);
    let expected = with(&["a"], vec![]);
    let kept = plan(&expected, &with(&["a", "b"], vec![old("'a'::mood")]));
    assert_eq!(
        run(&kept).last(),
        Some(&r#"ALTER TABLE "t" ALTER COLUMN "old" SET DEFAULT 'a'::mood"#)
    );
    let lost = plan(&expected, &with(&["a", "b"], vec![old("'b'::mood")]));
    assert_eq!(run(&lost), [""; 0]);
    assert_eq!(lost.refused.len(), 1);
    assert!(
        lost.refused[0].reason.contains("t.old stays"),
        "{:?}",
        lost.refused
    );
}

#[test]
fn a_table_is_not_dropped_with_partitions_that_nobody_asked_for() {
    let parent = Table {
        partition_key: Some("LIST (a)".to_owned()),
        ..table("p", vec![column("a", "integer")])
    };
    let part = Table {
        partition_of: Some(PartitionOf {
            parent: ObjectName::local("p"),
            bound: "FOR VALUES IN (1)".to_owned(),
        }),
        ..table("part", vec![column("a", "integer")])
    };
    let options = Options {
        destructive: Destructive::Named(["table-unexpected public.p".to_owned()].into()),
        ..Options::default()
    };
    let plan = plan_with(&schema(vec![]), &schema(vec![parent, part]), &options);
    assert_eq!(run(&plan), [""; 0]);
    assert_eq!(plan.refused[0].finding, "table-unexpected public.p");
}

fn with_serial(name: &str) -> Schema {
    let id = with_default(column("id", "integer"), "nextval('t_id_seq'::regclass)");
    let mut table = table(
        name,
        vec![Column {
            nullable: false,
            ..id
        }],
    );
    table.primary_key = Some(key("t_pkey", &["id"]));
    Schema {
        sequences: vec![Sequence {
            name: ObjectName::local("t_id_seq"),
            data_type: "integer".to_owned(),
            start: 1,
            increment: 1,
            minimum: 1,
            maximum: 99,
            cache: 1,
            cycle: false,
            owned_by: Some(OwnedBy {
                table: ObjectName::local(name),
                column: "id".to_owned(),
                identity: false,
            }),
            comment: None,
        }],
        ..schema(vec![table])
    }
}

#[test]
fn a_sequence_of_a_renamed_table_moves_to_the_new_one_or_stays() {
    let (expected, actual) = (with_serial("t"), with_serial("renamed"));
    let never = plan(&expected, &actual);
    assert_eq!(run(&never), [""; 0]);
    let owned = "ALTER SEQUENCE \"t_id_seq\" OWNED BY \"t\".\"id\"";
    assert!(left_out(&never).contains(&owned), "{:#?}", left_out(&never));
    let all = Options {
        destructive: Destructive::All,
        ..Options::default()
    };
    let all = plan_with(&expected, &actual, &all);
    let order = [
        "ALTER SEQUENCE \"t_id_seq\" OWNED BY NONE",
        "DROP TABLE \"renamed\"",
        "CREATE TABLE \"t\"",
        owned,
    ];
    let found = run(&all);
    assert_eq!(found.len(), order.len(), "{found:#?}");
    for (sql, begin) in found.iter().zip(order) {
        assert!(sql.starts_with(begin), "{found:#?}");
    }
}
