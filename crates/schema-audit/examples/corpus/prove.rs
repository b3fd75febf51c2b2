//! Whether the repair of what was found is a repair.

use std::collections::BTreeSet;

use schema_audit::{
    compare::{Finding, Severity, compare},
    inspect::{Scope, inspect},
    repair::{Destructive, Options, Proof, label, prove_on},
    schema::Schema,
};
use sea_orm::DatabaseConnection;

use crate::{
    build::Builder,
    case::{Case, Side},
};

/// What is wrong with the repairs of a case's databases, each made what the other
/// one is. What is refused by name is not wrong.
pub(crate) async fn faults(
    builder: &Builder,
    case: &Case,
    a: &Schema,
    b: &Schema,
    destructive: &Destructive,
) -> anyhow::Result<Vec<String>> {
    let mut faults = Vec::new();
    for (expected, side, direction) in [(a, Side::B, "b to a"), (b, Side::A, "a to b")] {
        let (proof, inexact) = prove(builder, case, expected, side, destructive.clone()).await?;
        let wrong = wrong(&proof).chain(inexact);
        faults.extend(wrong.map(|what| format!("repair {direction}: {what}")));
    }
    Ok(faults)
}

async fn prove(
    builder: &Builder,
    case: &Case,
    expected: &Schema,
    side: Side,
    destructive: Destructive,
) -> anyhow::Result<(Proof, Vec<String>)> {
    let options = Options {
        destructive,
        ..Options::default()
    };
    let database = builder.build(case, side).await?;
    let proof = match database.connect().await {
        Ok(connection) => {
            let proof = on_copy(&connection, expected, &options).await;
            connection.close().await?;
            proof
        }
        Err(error) => Err(error),
    };
    database.drop().await?;
    proof
}

/// The proof, and where what is left is not what the plan says that it leaves.
async fn on_copy(
    connection: &DatabaseConnection,
    expected: &Schema,
    options: &Options,
) -> anyhow::Result<(Proof, Vec<String>)> {
    let before = compare(expected, &inspect(connection, &Scope::All).await?);
    let proof = prove_on(connection, &Scope::All, expected, options).await?;
    if proof.failed.is_some() {
        return Ok((proof, Vec::new()));
    }
    let after = compare(expected, &inspect(connection, &Scope::All).await?);
    let refused = proof.refused.iter().map(|refusal| &refusal.finding);
    let stays: BTreeSet<&String> = refused.chain(&proof.left_out).collect();
    let mut inexact = Vec::new();
    for finding in before.iter().filter(|f| f.severity > Severity::Info) {
        let label = label(finding);
        let stays = stays.contains(&label);
        if stays && !after.contains(finding) {
            inexact.push(format!("left out or refused, and changed: {label}"));
        }
    }
    Ok((proof, inexact))
}

fn wrong(proof: &Proof) -> impl Iterator<Item = String> {
    let failed = proof.failed.as_ref();
    let failed = failed.map(|failed| format!("{}: {}", failed.statement, failed.error));
    let left = proof
        .left
        .iter()
        .map(|finding: &Finding| format!("left: {}", label(finding)));
    let left = left.filter(|_| !proof.clean);
    failed.into_iter().chain(left)
}
