//! The revision, in both ledgers.

use outreach_migration::{
    MigrationStatus,
    ledger::{self, RevisionStatus},
};
use sea_orm_migration::sea_orm::{ConnectionTrait, DbErr};

use super::{ChecklistLine, chain::Chain};
use crate::audit::alembic_versions;

const NAME: &str = "revision";

pub(super) async fn line<C: ConnectionTrait>(db: &C, chain: &Chain) -> ChecklistLine {
    match compare(db, chain).await {
        Ok(Ok(detail)) => ChecklistLine::tick(NAME, detail),
        Ok(Err(wrong)) => ChecklistLine::cross(NAME, wrong),
        // The chain's own words: it does not fit the ledger.
        Err(DbErr::Migration(reason)) => ChecklistLine::cross(NAME, reason),
        Err(error) => ChecklistLine::not_checked(NAME, error.to_string()),
    }
}

/// What both ledgers say, or what is wrong with it.
async fn compare<C: ConnectionTrait>(
    db: &C,
    chain: &Chain,
) -> Result<Result<String, String>, DbErr> {
    let status = ledger::status(db).await?;
    let alembic = alembic_versions(db).await?;
    let ours = match ours(&status, chain) {
        Ok(detail) => detail,
        // A database that Alembic has migrated to a revision that was asked for
        // has no other ledger yet.
        Err(_) if !chain.is_whole() && alembic.is_some() && is_empty(&status) => {
            "`seaql_migrations` is not there yet, or empty".to_owned()
        }
        Err(wrong) => return Ok(Err(wrong)),
    };
    let Some(found) = alembic else {
        return Ok(Ok(format!("{ours}; no `alembic_version`")));
    };
    let mirrored = chain.mirrored().and_then(|revision| revision.alembic);
    let mirrored = mirrored.unwrap_or("none");
    Ok(if found == [mirrored] {
        Ok(format!("{ours}; `alembic_version` is at `{mirrored}`"))
    } else {
        Err(format!(
            "`alembic_version` holds [{}] where [{mirrored}] is expected",
            found.join(", ")
        ))
    })
}

fn is_empty(status: &[RevisionStatus]) -> bool {
    status.iter().all(|one| !is_applied(one))
}

fn is_applied(one: &RevisionStatus) -> bool {
    one.status == MigrationStatus::Applied
}

/// What our own ledger says.
fn ours(status: &[RevisionStatus], chain: &Chain) -> Result<String, String> {
    let wanted = chain.revisions().len();
    let pending: Vec<&str> = status
        .iter()
        .take(wanted)
        .filter(|one| !is_applied(one))
        .map(|one| one.revision.name)
        .collect();
    if !pending.is_empty() {
        return Err(format!(
            "`seaql_migrations` is behind, pending: {}; run `outreach migrate up{}`",
            pending.join(", "),
            if chain.is_whole() {
                String::new()
            } else {
                format!(" -n {}", pending.len())
            }
        ));
    }
    let head = chain.head.name;
    match status.iter().rfind(|one| is_applied(one)) {
        Some(newest) if newest.revision.name != head => Err(format!(
            "`seaql_migrations` is at `{}`, beyond `{head}`",
            newest.revision.name
        )),
        _ => Ok(format!("`seaql_migrations` is at `{head}`")),
    }
}
