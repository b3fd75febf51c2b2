//! Proves a repair: runs it on a scratch copy and looks again.

use std::collections::{BTreeMap, BTreeSet};

use sea_orm::{DatabaseConnection, DbBackend, DbErr, RuntimeErr};
use secrecy::SecretString;

use super::{ApplyError, ApplyOptions, Options, Plan, Refusal, apply, dependents, label, repair};
use crate::{
    compare::{Finding, Severity, compare},
    inspect::{InspectError, Scope, inspect},
    schema::Schema,
    scratch::{Scratch, ScratchError, ScratchOptions},
};

/// What a proof has shown. The copy has no rows, so that it is about the schema
/// alone: whether rows break a new condition
/// ([`Hazard::MayFail`](super::Hazard::MayFail)), or change when their column gets
/// another type, it does not show.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct Proof {
    /// Whether every finding above information is gone from the copy, but for
    /// those refused and those whose repair is left out, and nothing new is there.
    pub clean: bool,
    /// Findings above information that are in the copy after the repair and
    /// should not be.
    pub left: Vec<Finding>,
    /// Findings that need a destructive statement that was not asked for, as
    /// `code object`.
    pub left_out: Vec<String>,
    /// Findings without a repair; those that the database itself refused are
    /// among them.
    pub refused: Vec<Refusal>,
    /// The statement that failed, and why; the findings are all left then.
    pub failed: Option<Failed>,
    /// The plan that was run in the end.
    pub plan: Plan,
}

/// A statement that failed on the copy.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, schemars::JsonSchema)]
pub struct Failed {
    /// The statement.
    pub statement: String,
    /// What the database says.
    pub error: String,
}

/// Why nothing could be proved.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProveError {
    /// No scratch copy could be made, or it could not be removed.
    #[error("the repair could not be proved on a scratch copy")]
    Scratch(#[from] ScratchError),
    /// Somebody asked to end.
    #[error("interrupted; the scratch copy was removed")]
    Interrupted,
    /// The copy could not be read.
    #[error("the scratch copy could not be read")]
    Inspect(#[from] InspectError),
    /// The objects that depend on the tables could not be read.
    #[error("what depends on the tables of the scratch copy could not be read")]
    Dependents(#[source] DbErr),
}

/// Copies the schema of the database at this URL, repairs the copy, and compares
/// it with `expected` again. The copy is empty: what fails by rows alone
/// ([`Hazard::MayFail`](super::Hazard::MayFail)) is not seen.
///
/// # Errors
///
/// [`ProveError`] if there was no copy to look at. A repair that fails is not an
/// error but a [`Proof`] that says so.
pub async fn prove(
    live: &SecretString,
    scope: &Scope,
    expected: &Schema,
    options: &Options,
    scratch: &ScratchOptions,
) -> Result<Proof, ProveError> {
    prove_until(
        live,
        scope,
        expected,
        options,
        scratch,
        std::future::pending(),
    )
    .await
}

/// As [`prove`], until `interrupt` ends; the copy is removed then too. What is
/// begun of the copy is finished first.
///
/// # Errors
///
/// As [`prove`], and [`ProveError::Interrupted`].
pub async fn prove_until(
    live: &SecretString,
    scope: &Scope,
    expected: &Schema,
    options: &Options,
    scratch: &ScratchOptions,
    interrupt: impl Future<Output = ()> + Send + 'static,
) -> Result<Proof, ProveError> {
    // Waited for from the first moment: a signal would otherwise end the process.
    let mut interrupt = tokio::spawn(interrupt);
    let copy = Scratch::copy_of(live, scratch).await?;
    let proof = tokio::select! {
        biased;
        _ = &mut interrupt => Err(ProveError::Interrupted),
        proof = prove_on(copy.connection(), scope, expected, options) => proof,
    };
    interrupt.abort();
    copy.remove().await?;
    proof
}

/// As [`prove`], on a copy that the caller has made and gives up: it is changed.
///
/// # Errors
///
/// As [`prove`].
pub async fn prove_on(
    copy: &DatabaseConnection,
    scope: &Scope,
    expected: &Schema,
    options: &Options,
) -> Result<Proof, ProveError> {
    let actual = inspect(copy, scope).await?;
    let findings = compare(expected, &actual);
    let mut options = options.clone();
    if copy.get_database_backend() == DbBackend::Postgres {
        let local = actual.name.as_deref();
        let read = dependents(copy, local).await;
        options.dependents = read.map_err(ProveError::Dependents)?;
    }
    // What the database refuses is taken out of the plan, by name, and the rest
    // is tried again; each round takes out one finding at least.
    loop {
        let plan = repair(expected, &actual, &findings, &options);
        let error = match apply(copy, &plan, &ApplyOptions::default()).await {
            Ok(()) => return look_again(copy, scope, expected, &findings, plan).await,
            Err(error) => error,
        };
        let more = refusals(&error);
        if more.is_empty() || more.keys().all(|label| options.refused.contains_key(label)) {
            return Ok(failed(plan, findings, &error));
        }
        options.refused.extend(more);
    }
}

fn failed(plan: Plan, findings: Vec<Finding>, error: &ApplyError) -> Proof {
    let statement = match error {
        ApplyError::Statement { statement, .. } => statement.clone(),
        _ => "COMMIT".to_owned(),
    };
    let source = std::error::Error::source(error);
    let left = findings.into_iter().filter(|f| f.severity > Severity::Info);
    Proof {
        clean: false,
        left: left.collect(),
        left_out: left_out(&plan).into_iter().collect(),
        refused: plan.refused.clone(),
        failed: Some(Failed {
            statement,
            error: source.map_or_else(|| error.to_string(), ToString::to_string),
        }),
        plan,
    }
}

async fn look_again(
    copy: &DatabaseConnection,
    scope: &Scope,
    expected: &Schema,
    before: &[Finding],
    plan: Plan,
) -> Result<Proof, ProveError> {
    let after = inspect(copy, scope).await?;
    let refused: BTreeSet<&String> = plan.refused.iter().map(|r| &r.finding).collect();
    let not_asked_for = left_out(&plan);
    let known: BTreeSet<String> = before.iter().map(label).collect();
    let left: Vec<Finding> = compare(expected, &after)
        .into_iter()
        .filter(|f| f.severity > Severity::Info)
        .filter(|finding| {
            let label = label(finding);
            let accounted = refused.contains(&label) || not_asked_for.contains(&label);
            !(accounted && known.contains(&label))
        })
        .collect();
    Ok(Proof {
        clean: left.is_empty(),
        left,
        left_out: not_asked_for.into_iter().collect(),
        refused: plan.refused.clone(),
        failed: None,
        plan,
    })
}

/// The findings that a statement was left out for.
fn left_out(plan: &Plan) -> BTreeSet<String> {
    let left_out = plan.statements.iter().filter(|s| s.left_out);
    left_out.flat_map(|s| s.mends.clone()).collect()
}

/// States in which PostgreSQL says that something that is not compared is in the
/// way or lacking, or that the role may not do it. All others, a syntax error
/// say, are this crate's own mistakes and stay failures.
const REFUSED: &[&str] = &[
    "2BP01", // something depends on it
    "0A000", // not supported: a column of a view, of a policy
    "42704", // no such type, collation, operator class
    "42883", // no such function
    "42501", // the role may not
    "42846", // no such cast
    "42804", // the types do not go together
    "42P16", // not possible for this table
];

fn refusals(error: &ApplyError) -> BTreeMap<String, String> {
    let ApplyError::Statement { mends, source, .. } = error else {
        return BTreeMap::new();
    };
    let Some(reason) = reason(source) else {
        return BTreeMap::new();
    };
    let mends = mends.iter();
    mends.map(|label| (label.clone(), reason.clone())).collect()
}

/// What the server says, with the detail that names what depends.
fn reason(source: &DbErr) -> Option<String> {
    let (DbErr::Exec(RuntimeErr::SqlxError(error)) | DbErr::Query(RuntimeErr::SqlxError(error))) =
        source
    else {
        return None;
    };
    let error = error.as_database_error()?;
    let code = error.code()?;
    if !REFUSED.contains(&&*code) {
        return None;
    }
    let postgres = error.try_downcast_ref::<sea_orm::sqlx::postgres::PgDatabaseError>();
    let detail = postgres
        .and_then(|e| e.detail())
        .map_or_else(String::new, |d| format!(": {d}"));
    Some(format!("PostgreSQL says that {}{detail}", error.message()))
}
