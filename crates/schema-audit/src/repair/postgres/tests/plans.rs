use super::*;

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
