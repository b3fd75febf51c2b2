//! Columns: `pg_attribute` and `pg_attrdef`.

use sea_orm::{ConnectionTrait, FromQueryResult};

use super::{InspectError, draft::Draft, reader::Reader};
use crate::schema::{Column, Generated, Identity};

const SQL: &str = "select a.attrelid::int8 as table_id, a.attnum as number, \
        a.attname::text as name, format_type(a.atttypid, a.atttypmod) as data_type, \
        not a.attnotnull as nullable, \
        pg_get_expr(d.adbin, d.adrelid) as expression, \
        a.attgenerated::text as generated, a.attidentity::text as identity, \
        case when pg_collation_is_visible(o.oid) then quote_ident(o.collname) \
            else o.collnamespace::regnamespace || '.' || quote_ident(o.collname) \
        end as collation, \
        not a.attislocal as inherited, s.description as comment \
    from pg_attribute a \
    join pg_class c on c.oid = a.attrelid \
    join ns on ns.oid = c.relnamespace \
    join pg_type t on t.oid = a.atttypid \
    left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum \
    left join pg_collation o on o.oid = a.attcollation and a.attcollation <> t.typcollation \
    left join pg_description s on s.objoid = a.attrelid and s.objsubid = a.attnum \
        and s.classoid = 'pg_class'::regclass \
    where c.relkind in ('r', 'p') and a.attnum > 0 and not a.attisdropped \
    order by a.attrelid, a.attnum";

#[derive(Debug, FromQueryResult)]
struct ColumnRow {
    table_id: i64,
    number: i16,
    name: String,
    data_type: String,
    nullable: bool,
    expression: Option<String>,
    generated: String,
    identity: String,
    collation: Option<String>,
    inherited: bool,
    comment: Option<String>,
}

/// Puts the columns into their tables.
pub(super) async fn read(
    reader: &Reader<'_, impl ConnectionTrait>,
    draft: &mut Draft,
) -> Result<(), InspectError> {
    for row in reader.rows::<ColumnRow>("columns", SQL).await? {
        let Some(draft) = draft.get_mut(row.table_id) else {
            continue;
        };
        draft.attributes.insert(row.number, row.name.clone());
        draft.table.columns.push(column(row, draft.is_partition));
    }
    Ok(())
}

fn column(row: ColumnRow, is_partition: bool) -> Column {
    let (default, generated) = match (row.generated.as_str(), row.expression) {
        ("", expression) => (expression, None),
        (kind, expression) => {
            let stored = kind == "s";
            let generated = expression.map(|expression| Generated { expression, stored });
            (None, generated)
        }
    };
    Column {
        name: row.name,
        data_type: row.data_type,
        nullable: row.nullable,
        default,
        generated,
        identity: match row.identity.as_str() {
            "a" => Some(Identity::Always),
            "d" => Some(Identity::ByDefault),
            _ => None,
        },
        collation: row.collation,
        comment: row.comment,
        // A table that was attached has columns of its own by the catalog's
        // reckoning; they cannot be changed apart from the partitioned table.
        inherited: row.inherited || is_partition,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(generated: &str, expression: Option<&str>) -> ColumnRow {
        ColumnRow {
            table_id: 1,
            number: 1,
            name: "a".to_owned(),
            data_type: "integer".to_owned(),
            nullable: true,
            expression: expression.map(str::to_owned),
            generated: generated.to_owned(),
            identity: String::new(),
            collation: None,
            inherited: false,
            comment: None,
        }
    }

    #[test]
    fn the_expression_of_a_generated_column_is_not_its_default() {
        let plain = column(row("", Some("1")), false);
        assert_eq!(
            (plain.default.as_deref(), plain.generated),
            (Some("1"), None)
        );
        for (kind, stored) in [("s", true), ("v", false)] {
            let column = column(row(kind, Some("(b + 1)")), false);
            let expression = "(b + 1)".to_owned();
            assert_eq!(column.default, None);
            assert_eq!(column.generated, Some(Generated { expression, stored }));
        }
    }

    #[test]
    fn a_column_of_an_attached_partition_counts_as_inherited() {
        assert!(column(row("", None), true).inherited);
        assert!(!column(row("", None), false).inherited);
    }
}
