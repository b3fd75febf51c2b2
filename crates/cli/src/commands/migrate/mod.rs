//! `outreach migrate`.

pub(crate) mod args;
mod plan;
mod schemas;
pub(crate) mod show;
mod stamp;

use std::time::Duration;

use outreach_migration::{
    command::CommandError,
    run::{self, Direction, RunOptions, Target},
};
use outreach_service::connect::{self, DatabaseOptions};
use sea_orm_migration::sea_orm::DatabaseConnection;

use self::{
    args::{Chain, Down, Dry, Migrate, MigrateCommand, Place, Up},
    show::Ledgers,
};
use crate::{args::Connection, exit::Error};

/// Another run of the chain may hold an SQLite file for as long as it takes.
const BUSY_TIMEOUT: Duration = Duration::from_mins(2);

pub(crate) async fn run(connection: &Connection, arguments: Migrate) -> Result<(), Error> {
    let json = arguments.json;
    let options = arguments.limits.options();
    let dry = arguments.up;
    let command = match arguments.command {
        // It would be taken for a word to this command, and really run the other.
        Some(_) if dry.plan || dry.sql => {
            return Err(Error::refused_because(
                "--plan and --sql go after the subcommand, as in `outreach migrate down --plan`",
            ));
        }
        Some(command) => command,
        None => MigrateCommand::Up(Up {
            num: None,
            to: None,
            all_schemas: false,
            dry,
        }),
    };
    match command {
        MigrateCommand::Up(up) => go_up(connection, up, options, json).await,
        MigrateCommand::Down(down) => go_down(connection, down, options, json).await,
        MigrateCommand::History => show::history(connection, json).await,
        MigrateCommand::Current => show::current(connection, json).await,
        MigrateCommand::Stamp(stamp) => stamp::run(connection, &stamp, &options, json).await,
        MigrateCommand::Chain(command) => chain(connection, command, &options, json).await,
    }
}

async fn go_up(
    connection: &Connection,
    up: Up,
    options: RunOptions,
    json: bool,
) -> Result<(), Error> {
    if up.all_schemas {
        return schemas::up(connection, &options, json).await;
    }
    let target = match (up.to, up.num) {
        (Some(revision), _) => Target::Revision(revision.name),
        (None, Some(steps)) => Target::Steps(steps),
        (None, None) => Target::End,
    };
    let to = up.to.map(|revision| Place(Some(revision)));
    if dry(
        connection,
        &up.dry,
        Direction::Up,
        target,
        to,
        &options,
        json,
    )
    .await?
    {
        return Ok(());
    }
    let db = open(connection, true).await?;
    run::up(&db, target, &options).await?;
    end(db, json).await
}

async fn go_down(
    connection: &Connection,
    down: Down,
    options: RunOptions,
    json: bool,
) -> Result<(), Error> {
    let target = match down.to {
        Some(Place(Some(revision))) => Target::Revision(revision.name),
        Some(Place(None)) => Target::End,
        None => Target::Steps(down.num),
    };
    if dry(
        connection,
        &down.dry,
        Direction::Down,
        target,
        down.to,
        &options,
        json,
    )
    .await?
    {
        return Ok(());
    }
    let db = open(connection, false).await?;
    run::down(&db, target, &options).await?;
    end(db, json).await
}

/// Says what would be done, if that was asked for.
async fn dry(
    connection: &Connection,
    dry: &Dry,
    direction: Direction,
    target: Target<'_>,
    to: Option<Place>,
    options: &RunOptions,
    json: bool,
) -> Result<bool, Error> {
    if dry.sql {
        if let Target::Steps(steps) = target
            && (direction == Direction::Up || steps != 1)
        {
            return Err(Error::refused_because(
                "a script knows no database to count from: give --from and --to instead of --num",
            ));
        }
        plan::script(connection, direction, to, dry, options.clone())?;
    } else if dry.plan {
        plan::show(connection, direction, target, json).await?;
    }
    Ok(dry.sql || dry.plan)
}

/// The other subcommands of sea-orm-cli.
async fn chain(
    connection: &Connection,
    command: Chain,
    options: &RunOptions,
    json: bool,
) -> Result<(), Error> {
    // Refused before a database is looked for, or made.
    let source = |name| Err(CommandError::SourceCommand(name).into());
    match command {
        Chain::Init => return source("init"),
        Chain::Generate { .. } => return source("generate"),
        Chain::Status => return show::status(connection, json).await,
        Chain::Fresh | Chain::Refresh | Chain::Reset => {}
    }
    let db = open(connection, matches!(command, Chain::Fresh)).await?;
    match command {
        Chain::Fresh => run::fresh(&db, options).await?,
        Chain::Refresh => run::refresh(&db, options).await?,
        _ => run::reset(&db, options).await?,
    }
    end(db, json).await
}

async fn end(db: DatabaseConnection, json: bool) -> Result<(), Error> {
    let ledgers = if json {
        Some(Ledgers::read(&db).await?)
    } else {
        None
    };
    close(db).await?;
    ledgers.map_or(Ok(()), |ledgers| ledgers.print_json())
}

/// Connects for the chain: one connection, patient with another run.
pub(super) async fn open(
    connection: &Connection,
    create: bool,
) -> Result<DatabaseConnection, Error> {
    let options = options(connection)?.create_if_missing(create);
    Ok(connect::open(&options).await?)
}

/// Ends the connection in order, which on SQLite writes the log into the file.
pub(super) async fn close(db: DatabaseConnection) -> Result<(), Error> {
    db.close().await.map_err(Error::failed)
}

fn options(connection: &Connection) -> Result<DatabaseOptions, Error> {
    Ok(patient(connection.options()?))
}

fn patient(options: DatabaseOptions) -> DatabaseOptions {
    options.max_connections(1).busy_timeout(BUSY_TIMEOUT)
}
