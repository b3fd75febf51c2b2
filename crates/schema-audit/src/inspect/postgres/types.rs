//! Enumerated types and domains: `pg_enum`, `pg_type`, `pg_constraint`.

use std::collections::BTreeMap;

use sea_orm::{ConnectionTrait, FromQueryResult};

use super::{
    InspectError,
    reader::{Reader, not_of_extension, texts},
};
use crate::schema::{Check, Domain, Enum};

#[derive(Debug, FromQueryResult)]
struct EnumRow {
    schema: String,
    name: String,
    labels: Option<String>,
    comment: Option<String>,
}

/// Enumerated types with their values.
pub(super) async fn read_enums(
    reader: &Reader<'_, impl ConnectionTrait>,
) -> Result<Vec<Enum>, InspectError> {
    let sql = format!(
        "select n.nspname::text as schema, t.typname::text as name, \
            l.labels::text as labels, s.description as comment \
        from pg_type t \
        join ns n on n.oid = t.typnamespace \
        left join (select enumtypid, json_agg(enumlabel order by enumsortorder) as labels \
            from pg_enum group by enumtypid) l on l.enumtypid = t.oid \
        left join pg_description s on s.objoid = t.oid and s.objsubid = 0 \
            and s.classoid = 'pg_type'::regclass \
        where t.typtype = 'e' and {}",
        not_of_extension("pg_type", "t.oid")
    );
    let rows = reader.rows::<EnumRow>("enumerated types", &sql).await?;
    rows.into_iter()
        .map(|row| {
            let name = reader.object(row.schema, row.name);
            Ok(Enum {
                labels: texts(row.labels.as_deref(), &name)?,
                name,
                comment: row.comment,
            })
        })
        .collect()
}

/// A domain with one of its conditions, or with none.
#[derive(Debug, FromQueryResult)]
struct DomainRow {
    schema: String,
    name: String,
    data_type: String,
    nullable: bool,
    default_expression: Option<String>,
    collation: Option<String>,
    comment: Option<String>,
    check_name: Option<String>,
    check_expression: Option<String>,
    check_valid: Option<bool>,
    check_comment: Option<String>,
}

/// Domains with their conditions.
pub(super) async fn read_domains(
    reader: &Reader<'_, impl ConnectionTrait>,
) -> Result<Vec<Domain>, InspectError> {
    let sql = format!(
        "select n.nspname::text as schema, t.typname::text as name, \
            format_type(t.typbasetype, t.typtypmod) as data_type, \
            not t.typnotnull as nullable, \
            pg_get_expr(t.typdefaultbin, 'pg_type'::regclass) as default_expression, \
            case when pg_collation_is_visible(o.oid) then quote_ident(o.collname) \
                else o.collnamespace::regnamespace || '.' || quote_ident(o.collname) \
            end as collation, \
            s.description as comment, k.conname::text as check_name, \
            pg_get_expr(k.conbin, 0) as check_expression, k.convalidated as check_valid, \
            ks.description as check_comment \
        from pg_type t \
        join ns n on n.oid = t.typnamespace \
        join pg_type b on b.oid = t.typbasetype \
        left join pg_collation o on o.oid = t.typcollation and t.typcollation <> b.typcollation \
        left join pg_constraint k on k.contypid = t.oid and k.contype = 'c' \
        left join pg_description s on s.objoid = t.oid and s.objsubid = 0 \
            and s.classoid = 'pg_type'::regclass \
        left join pg_description ks on ks.objoid = k.oid and ks.objsubid = 0 \
            and ks.classoid = 'pg_constraint'::regclass \
        where t.typtype = 'd' and {}",
        not_of_extension("pg_type", "t.oid")
    );
    let rows = reader.rows::<DomainRow>("domains", &sql).await?;
    let mut domains = BTreeMap::new();
    for mut row in rows {
        let check = check(&mut row);
        let name = reader.object(row.schema.clone(), row.name.clone());
        let domain = domains.entry(name.clone()).or_insert_with(|| Domain {
            name,
            data_type: row.data_type,
            nullable: row.nullable,
            default: row.default_expression,
            collation: row.collation,
            checks: Vec::new(),
            comment: row.comment,
        });
        domain.checks.extend(check);
    }
    Ok(domains.into_values().collect())
}

fn check(row: &mut DomainRow) -> Option<Check> {
    Some(Check {
        expression: row.check_expression.take()?,
        name: row.check_name.take(),
        no_inherit: false,
        not_valid: row.check_valid == Some(false),
        comment: row.check_comment.take(),
        inherited: false,
    })
}
