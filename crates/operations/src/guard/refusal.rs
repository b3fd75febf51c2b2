//! Holds an inventory against what was asked for.

use schema_audit::schema::Dialect;

use super::{Evidence, Inventory, Session};

/// How it was said which database is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Confirmation {
    /// It was not.
    Missing,
    /// There was no `--confirm`, and nobody to ask: standard input is no terminal.
    NoTerminal,
    /// This name was given as an argument, or typed on a terminal.
    Name(String),
}

/// What somebody asks for.
#[derive(Debug, Clone)]
pub struct Request {
    /// The confirmation.
    pub confirmation: Confirmation,
    /// The environment that the database is said to be of.
    pub environment: Option<String>,
    /// Whether the database was named, rather than left to the default.
    pub is_named: bool,
    /// Go on while others are connected.
    pub allow_sessions: bool,
    /// What goes.
    pub extent: Extent,
}

/// What is destroyed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Extent {
    /// Outreach's tables, which are made anew.
    Tables,
    /// The whole PostgreSQL schema, with what is not outreach's.
    Schema,
    /// Outreach's tables, and a whole backup comes in their place.
    TablesForABackup,
}

/// One reason against it, with its remedy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The database was not named.
    #[error("no database was named; give --database or DATABASE_URL, the default is not enough")]
    NotNamed,
    /// Its name was not said.
    #[error("it was not confirmed which database is meant; give `--confirm {name}`")]
    NotConfirmed {
        /// The name.
        name: String,
    },
    /// There was nobody to ask.
    #[error(
        "standard input is no terminal, and what is piped into it is no confirmation; give \
         `--confirm {name}`"
    )]
    NoTerminal {
        /// The name.
        name: String,
    },
    /// Another name was said.
    #[error("`{given}` was confirmed, and this is `{name}`; is it the right database?")]
    WrongName {
        /// The name.
        name: String,
        /// What was said.
        given: String,
    },
    /// It is protected.
    #[error("the database is protected, {reason}; {remedy}")]
    Protected {
        /// Why.
        reason: String,
        /// What to do if it shall be destroyed all the same.
        remedy: String,
    },
    /// It is of another environment than was said.
    #[error(
        "the database is of the environment {}, and {} was said; give --environment or \
         OUTREACH_ENVIRONMENT as it is stored, or store it with `outreach protect --environment`",
        shown(stored.as_deref()),
        shown(given.as_deref())
    )]
    Environment {
        /// What is stored in it.
        stored: Option<String>,
        /// What was said.
        given: Option<String>,
    },
    /// Others are connected.
    #[error(
        "others are connected: {}; end them, on PostgreSQL by `SELECT \
         pg_terminate_backend(PID)`, or give --allow-sessions",
        joined(sessions)
    )]
    Sessions {
        /// Who.
        sessions: Vec<Session>,
    },
    /// Nothing says that the database is outreach's.
    #[error(
        "nothing says that this database is outreach's: no revision of the chain in \
         `seaql_migrations` or `alembic_version`, no tables `jobs`, `prospects` and `email_logs` \
         with their columns and keys; is it the right one? An empty one is set up by `outreach \
         migrate up`"
    )]
    NotRecognised,
    /// A ledger has a revision that this build does not know.
    #[error(
        "the revision `{revision}` in a ledger is not of this build's chain, so that it is not \
         known which tables are outreach's; use the release that made the database"
    )]
    UnknownRevision {
        /// Its name.
        revision: String,
    },
    /// Tables that are not ours have names of ours.
    #[error(
        "not outreach's by the revision or their columns, but with names that outreach needs: \
         {}; rename them, or look with `outreach adopt`",
        in_backticks(tables)
    )]
    Clashes {
        /// Their names.
        tables: Vec<String>,
    },
    /// What is not ours depends on our tables.
    #[error(
        "not outreach's, and depends on its tables: {}; drop it and make it again afterwards",
        .objects.join(", ")
    )]
    Dependents {
        /// Kinds and names.
        objects: Vec<String>,
    },
    /// A whole backup can't be restored beside what is not ours.
    #[error(
        "not outreach's, and in the way of a whole backup: {}; move it away, or restore to \
         another database", .objects.join(", ")
    )]
    InTheWay {
        /// Kinds and names.
        objects: Vec<String>,
    },
    /// Nothing can be written.
    #[error("{reason}; use another role or session, or the primary server")]
    ReadOnly {
        /// Why.
        reason: &'static str,
    },
    /// The role may not drop some tables.
    #[error(
        "the role does not own: {}; use the role that does",
        in_backticks(tables)
    )]
    NotOwned {
        /// Their names.
        tables: Vec<String>,
    },
    /// SQLite has no schemas to drop.
    #[error("an SQLite file has no schema to drop; leave --drop-schema out")]
    NoSchemas,
    /// Extensions would go with the schema, and whatever uses them in others.
    #[error(
        "the schema has extensions that other schemas may use: {}; move them with ALTER EXTENSION \
         … SET SCHEMA, or leave --drop-schema out",
        in_backticks(extensions)
    )]
    Extensions {
        /// Their names.
        extensions: Vec<String>,
    },
}

fn shown(environment: Option<&str>) -> String {
    environment.map_or_else(|| "none".to_owned(), |name| format!("`{name}`"))
}

fn in_backticks(names: &[String]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}

fn joined(sessions: &[Session]) -> String {
    let texts: Vec<String> = sessions.iter().map(|one| format!("[{one}]")).collect();
    texts.join(", ")
}

/// An inventory that every guard has let pass. Only [`clear`] makes one.
#[derive(Debug, Clone)]
pub struct Clearance {
    pub(crate) inventory: Inventory,
    pub(crate) drop_schema: bool,
}

impl Clearance {
    /// What was there.
    #[must_use]
    pub fn inventory(&self) -> &Inventory {
        &self.inventory
    }
}

/// Lets pass, or gives every reason against it.
///
/// # Errors
///
/// The [`refusals`], if there are any.
pub fn clear(inventory: Inventory, request: &Request) -> Result<Clearance, Vec<Refusal>> {
    let refusals = refusals(&inventory, request);
    if !refusals.is_empty() {
        return Err(refusals);
    }
    Ok(Clearance {
        inventory,
        drop_schema: request.extent == Extent::Schema,
    })
}

/// Every reason against it, all at once.
#[must_use]
pub fn refusals(inventory: &Inventory, request: &Request) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    refusals.extend(confirmation(inventory, request));
    refusals.extend(marks(inventory, request));
    refusals.extend(ownership(inventory, request));
    if let Some(reason) = inventory.read_only {
        refusals.push(Refusal::ReadOnly { reason });
    }
    if !inventory.sessions.is_empty() && !request.allow_sessions {
        refusals.push(Refusal::Sessions {
            sessions: inventory.sessions.clone(),
        });
    }
    refusals
}

fn confirmation(inventory: &Inventory, request: &Request) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    if !request.is_named {
        refusals.push(Refusal::NotNamed);
    }
    let name = inventory.name();
    match &request.confirmation {
        Confirmation::Missing => refusals.push(Refusal::NotConfirmed { name }),
        Confirmation::NoTerminal => refusals.push(Refusal::NoTerminal { name }),
        Confirmation::Name(given) if *given != name => {
            let given = given.clone();
            refusals.push(Refusal::WrongName { name, given });
        }
        Confirmation::Name(_) => {}
    }
    refusals
}

fn marks(inventory: &Inventory, request: &Request) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    let stored = inventory.environment.as_deref();
    if let Some(reason) = &inventory.protected {
        let name = inventory.name();
        let mut remedy = format!("`outreach protect --off --confirm {name}` takes the mark off");
        if stored == Some(outreach_migration::properties::PRODUCTION) {
            remedy = format!(
                "if it is not, `outreach protect --environment NAME --confirm {name}` says so; \
                 `outreach protect --off` takes a mark off"
            );
        }
        refusals.push(Refusal::Protected {
            reason: reason.clone(),
            remedy,
        });
    }
    if stored != request.environment.as_deref() {
        refusals.push(Refusal::Environment {
            stored: inventory.environment.clone(),
            given: request.environment.clone(),
        });
    }
    refusals
}

fn ownership(inventory: &Inventory, request: &Request) -> Vec<Refusal> {
    let mut refusals = Vec::new();
    match &inventory.evidence {
        Evidence::None => refusals.push(Refusal::NotRecognised),
        Evidence::UnknownRevision(revision) => refusals.push(Refusal::UnknownRevision {
            revision: revision.clone(),
        }),
        _ => {}
    }
    let drops_schema = request.extent == Extent::Schema;
    if !inventory.clashes.is_empty() && !drops_schema {
        refusals.push(Refusal::Clashes {
            tables: inventory.clashes.clone(),
        });
    }
    // What is in the schema goes with it; the transaction itself finds out
    // whether anything outside of it would go too.
    if !inventory.dependents.is_empty() && !drops_schema {
        refusals.push(Refusal::Dependents {
            objects: inventory.dependents.clone(),
        });
    }
    if request.extent == Extent::TablesForABackup && !inventory.foreign.is_empty() {
        let objects = inventory.foreign.iter();
        refusals.push(Refusal::InTheWay {
            objects: objects
                .map(|one| format!("{} `{}`", one.kind, one.name))
                .collect(),
        });
    }
    if !inventory.not_owned.is_empty() {
        refusals.push(Refusal::NotOwned {
            tables: inventory.not_owned.clone(),
        });
    }
    if drops_schema {
        if inventory.dialect == Dialect::Sqlite {
            refusals.push(Refusal::NoSchemas);
        }
        if !inventory.extensions.is_empty() {
            refusals.push(Refusal::Extensions {
                extensions: inventory.extensions.clone(),
            });
        }
    }
    refusals
}
