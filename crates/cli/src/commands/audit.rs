//! `outreach audit`.

use std::{
    fs,
    io::{self, Write},
};

use outreach_service::connect;
use schema_audit::{
    inspect::Scope,
    repair::{Destructive, Options, prove_until},
    report::{self, Proof, Report, Status},
    scratch::{ScratchOptions, interrupted},
};

use super::verify::{self, reading};
use crate::{
    args::{Audit, AuditFormat, Connection, Diagram},
    audit::{self, Examination, Request},
    exit::Error,
    output,
};

pub(crate) async fn run(connection: &Connection, arguments: &Audit) -> Result<(), Error> {
    look(connection, arguments)
        .await
        .map_err(Error::could_not_look)
}

async fn look(connection: &Connection, arguments: &Audit) -> Result<(), Error> {
    let options = connection.options()?;
    let db = connect::open(&reading(&options)?).await?;
    let request = Request {
        revision: arguments.revision,
        data: arguments.data,
        ignored: arguments.ignore.clone(),
        repair: arguments.repair || arguments.prove,
        schema: options.schema_name().map(str::to_owned),
    };
    let examination = audit::examine(&db, &request).await?;
    db.close().await.map_err(Error::failed)?;
    for name in &examination.not_ignored {
        say_unknown("--ignore", name, "there is no table of this name");
    }
    if let Some(diagram) = arguments.er {
        return write(arguments, |out| draw(&examination, diagram, out));
    }
    let name = options.url().redacted();
    let mut report = audit::report(&examination, name);
    add_repair(connection, arguments, &examination, &mut report).await?;
    report.next_steps = audit::next_steps(&examination, &report);
    if arguments.format == AuditFormat::Markdown {
        report.sections = audit::sections(&examination);
        let checklist = Box::pin(verify::run_checklist(connection, arguments.revision)).await?;
        report.checks = checklist.into_checks();
    }
    write(arguments, |out| match arguments.format {
        AuditFormat::Text => report::text::write(&report, out),
        AuditFormat::Json => report::json::write(&report, out),
        AuditFormat::Markdown => report::markdown::write(&report, out),
        AuditFormat::Sarif => report::sarif::write(&report, name, out),
        AuditFormat::Junit => report::junit::write(&report, out),
        AuditFormat::Github => report::github::write(&report, out),
    })?;
    match report.status() {
        Status::Clean => Ok(()),
        Status::Findings => Err(Error::findings()),
        Status::Incomplete => {
            let unseen = report.checks.iter().filter(|check| !check.checked).count();
            let unseen = output::counted(unseen as u64, "line");
            Err(Error::failed_because(format!(
                "{unseen} of the checklist could not be looked at"
            )))
        }
    }
}

/// Writes to the file that was named, or to standard output.
fn write(
    arguments: &Audit,
    print: impl FnOnce(&mut Vec<u8>) -> io::Result<()>,
) -> Result<(), Error> {
    let mut text = Vec::new();
    print(&mut text).map_err(Error::failed)?;
    let Some(path) = &arguments.output else {
        return output::print(&String::from_utf8_lossy(&text));
    };
    fs::write(path, &text)
        .map_err(|error| Error::failed(error).context(format!("cannot write `{}`", path.display())))
}

fn draw(examination: &Examination, diagram: Diagram, out: &mut Vec<u8>) -> io::Result<()> {
    match diagram {
        Diagram::Live => report::er::write(&examination.live, out),
        Diagram::Expected => report::er::write(&examination.expected, out),
        Diagram::Both => {
            for (title, schema) in [
                ("Live", &examination.live),
                ("Expected", &examination.expected),
            ] {
                writeln!(out, "## {title}\n\n```mermaid")?;
                report::er::write(schema, out)?;
                writeln!(out, "```\n")?;
            }
            Ok(())
        }
    }
}

async fn add_repair(
    connection: &Connection,
    arguments: &Audit,
    examination: &Examination,
    report: &mut Report,
) -> Result<(), Error> {
    if !arguments.repair && !arguments.prove {
        return Ok(());
    }
    let plan = examination.repair(destructive(&arguments.destructive));
    for label in arguments.destructive.iter().filter(|label| *label != "all") {
        let statements = &mut plan.statements.iter().filter(|one| one.destructive);
        if !statements.any(|one| one.mends.contains(label)) {
            let reason = "no statement of the repair that destroys data is for this finding";
            say_unknown("--destructive", label, reason);
        }
    }
    report.repair = Some(plan);
    if !arguments.prove {
        return Ok(());
    }
    let database = connection.options()?;
    let scope = match database.schema_name() {
        Some(schema) => Scope::Named(schema.to_owned()),
        None => Scope::Current,
    };
    let scratch = ScratchOptions {
        server: arguments.scratch.clone().map(Into::into),
    };
    let live = database.url().with_password();
    let options = Options {
        destructive: destructive(&arguments.destructive),
        ..Options::default()
    };
    let proof = prove_until(
        &live,
        &scope,
        &examination.repaired(),
        &options,
        &scratch,
        interrupted(),
    )
    .await
    .map_err(Error::failed)?;
    report.proof = Some(Proof::from(&proof));
    report.repair = Some(proof.plan);
    Ok(())
}

/// What was named on the command line and means nothing is no silent success.
fn say_unknown(option: &str, name: &str, reason: &str) {
    let name = outreach_domain::excerpt(name, 200);
    output::say(&format!("warning: {option} `{name}`: {reason}"));
}

fn destructive(named: &[String]) -> Destructive {
    if named.iter().any(|label| label == "all") {
        return Destructive::All;
    }
    if named.is_empty() {
        return Destructive::Never;
    }
    Destructive::Named(named.iter().cloned().collect())
}
