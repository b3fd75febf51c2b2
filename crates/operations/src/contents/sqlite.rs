//! Counting in an SQLite file, page by page.

use sea_orm::{ConnectionTrait, DbErr, QueryResult};
use sha2::{Digest, Sha256};

use super::{ContentsError, Selection, Sums, TableContents};
use crate::sql::{identifier, row, rows, texts};

/// The most rows of a page, and about the most bytes of it.
const PAGE_ROWS: u64 = 2_000;
const PAGE_BYTES: u64 = 4 * 1024 * 1024;

/// Virtual tables keep their rows in shadow tables, which are looked at instead:
/// the module may not be loaded here.
pub(super) async fn table_names(db: &impl ConnectionTrait) -> Result<Vec<String>, DbErr> {
    let sql = "SELECT name FROM pragma_table_list WHERE schema = 'main' \
         AND type IN ('table', 'shadow') AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'";
    texts(db, sql, []).await
}

pub(super) async fn columns(
    db: &impl ConnectionTrait,
    table: &str,
) -> Result<Option<Vec<String>>, DbErr> {
    // Hidden columns (1) belong to virtual tables; generated ones are 2 and 3.
    let sql = "SELECT name FROM pragma_table_xinfo($1, 'main') WHERE hidden <> 1";
    let names = texts(db, sql, [table.into()]).await?;
    Ok((!names.is_empty()).then_some(names))
}

/// Whether the table is there is known by its columns. A transaction can't be
/// asked for here; without one, tables may be of different moments.
pub(super) async fn contents(
    db: &impl ConnectionTrait,
    selections: &[Selection],
) -> Result<Vec<TableContents>, ContentsError> {
    let mut tables = Vec::with_capacity(selections.len());
    for selection in selections {
        let sums = sums(db, selection)
            .await
            .map_err(|source| ContentsError::Rows {
                table: selection.table.clone(),
                source,
            })?;
        tables.push(sums.of(selection));
    }
    Ok(tables)
}

async fn sums(db: &impl ConnectionTrait, selection: &Selection) -> Result<Sums, DbErr> {
    let values = selection.columns.iter().map(|column| encoded(&column.sql));
    let values = values.collect::<Vec<_>>().join(" || ");
    let from = format!("FROM main.{}", identifier(&selection.table));
    let sql = format!("SELECT max(length(CAST({values} AS BLOB))) AS longest {from}");
    let longest: Option<i64> = row(db, &sql, []).await?.try_get("", "longest")?;
    let Some(longest) = longest else {
        return Ok(Sums::default());
    };
    let limit = (PAGE_BYTES / longest.unsigned_abs().max(1)).clamp(1, PAGE_ROWS);
    let select = format!("CAST({values} AS BLOB) AS row {from}");
    if let Some(row_id) = row_id(db, &selection.table).await? {
        by_key(db, row_id, &select, limit).await
    } else {
        by_place(db, &select, limit).await
    }
}

async fn by_key(
    db: &impl ConnectionTrait,
    row_id: &str,
    select: &str,
    limit: u64,
) -> Result<Sums, DbErr> {
    let page = |above: &str| {
        format!(
            "SELECT {row_id} AS key, {select} WHERE {row_id} {above} $1 \
             ORDER BY {row_id} LIMIT {limit}"
        )
    };
    let next = page(">");
    let mut sums = Sums::default();
    // The least key of all may be in use.
    let mut page = rows(db, &page(">="), [i64::MIN.into()]).await?;
    while let Some(last) = page.last() {
        let last: i64 = last.try_get("", "key")?;
        sums.add(&page)?;
        page = rows(db, &next, [last.into()]).await?;
    }
    Ok(sums)
}

/// For tables without a key of that kind: slower, the longer they are.
async fn by_place(db: &impl ConnectionTrait, select: &str, limit: u64) -> Result<Sums, DbErr> {
    let sql = format!("SELECT {select} LIMIT {limit} OFFSET $1");
    let mut sums = Sums::default();
    let mut page = rows(db, &sql, [0_i64.into()]).await?;
    while !page.is_empty() {
        sums.add(&page)?;
        let done = i64::try_from(sums.rows).unwrap_or(i64::MAX);
        page = rows(db, &sql, [done.into()]).await?;
    }
    Ok(sums)
}

/// A value with its type and its length before it. Of a real number 17 digits,
/// which tell all of them apart.
fn encoded(sql: &str) -> String {
    format!(
        "CASE typeof({sql}) WHEN 'null' THEN 'n' \
         WHEN 'integer' THEN 'i' || {sql} || ';' \
         WHEN 'real' THEN 'r' || printf('%!.17g', {sql}) || ';' \
         WHEN 'text' THEN 't' || length(CAST({sql} AS BLOB)) || ':' || {sql} \
         ELSE 'b' || length({sql}) || ':' || hex({sql}) END"
    )
}

/// The name that the key of the table's rows goes by, if it has one that no
/// column hides.
async fn row_id(db: &impl ConnectionTrait, table: &str) -> Result<Option<&'static str>, DbErr> {
    let sql = "SELECT count(*) FROM pragma_table_list \
         WHERE schema = 'main' AND name = $1 AND wr = 0 AND type <> 'virtual'";
    let has_row_ids: i64 = row(db, sql, [table.into()]).await?.try_get_by_index(0)?;
    if has_row_ids == 0 {
        return Ok(None);
    }
    let columns = texts(
        db,
        "SELECT lower(name) FROM pragma_table_xinfo($1, 'main')",
        [table.into()],
    )
    .await?;
    let names = ["rowid", "_rowid_", "oid"];
    Ok(names
        .into_iter()
        .find(|name| !columns.iter().any(|column| column == name)))
}

impl Sums {
    fn add(&mut self, page: &[QueryResult]) -> Result<(), DbErr> {
        for row in page {
            let bytes: Vec<u8> = row.try_get("", "row")?;
            let hash = Sha256::digest(&bytes);
            let half = |from: usize| {
                let mut half = [0; 8];
                half.copy_from_slice(&hash[from..from + 8]);
                i128::from(i64::from_be_bytes(half))
            };
            self.rows += 1;
            self.first += half(0);
            self.second += half(8);
        }
        Ok(())
    }
}
