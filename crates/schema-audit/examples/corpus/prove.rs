//! Whether the repair of what was found is a repair.

use schema_audit::{
    compare::Finding,
    inspect::Scope,
    repair::{Destructive, Options, Proof, label, prove_on},
    schema::Schema,
};

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
) -> anyhow::Result<Vec<String>> {
    let mut faults = Vec::new();
    for (expected, side, direction) in [(a, Side::B, "b to a"), (b, Side::A, "a to b")] {
        let proof = prove(builder, case, expected, side).await?;
        faults.extend(wrong(&proof).map(|what| format!("repair {direction}: {what}")));
    }
    Ok(faults)
}

async fn prove(
    builder: &Builder,
    case: &Case,
    expected: &Schema,
    side: Side,
) -> anyhow::Result<Proof> {
    let options = Options {
        destructive: Destructive::All,
        ..Options::default()
    };
    let database = builder.build(case, side).await?;
    let proof = match database.connect().await {
        Ok(connection) => {
            let proof = prove_on(&connection, &Scope::All, expected, &options).await;
            connection.close().await?;
            proof.map_err(anyhow::Error::from)
        }
        Err(error) => Err(error),
    };
    database.drop().await?;
    proof
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
