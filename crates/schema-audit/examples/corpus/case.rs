//! What the manifest says.

use serde::Deserialize;

#[derive(Debug, Deserialize)]
pub(crate) struct Manifest {
    pub(crate) cases: Vec<Case>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct Case {
    pub(crate) id: String,
    pub(crate) dialect: String,
    pub(crate) expect: String,
    #[serde(default)]
    pub(crate) findings: Vec<Listed>,
}

/// A difference that is known.
#[derive(Debug, Clone, Deserialize)]
pub(crate) struct Listed {
    pub(crate) category: String,
    pub(crate) object: String,
}

/// One of the two databases of a case.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Side {
    A,
    B,
}

impl Side {
    /// The name of its file.
    pub(crate) const fn file(self) -> &'static str {
        match self {
            Self::A => "a.sql",
            Self::B => "b.sql",
        }
    }
}

impl Case {
    pub(crate) fn is_drift(&self) -> bool {
        self.expect.starts_with("drift")
    }

    pub(crate) fn is_postgres(&self) -> bool {
        self.dialect == "postgres"
    }

    /// What has to be found; other names and another order of columns may be.
    pub(crate) fn listed(&self) -> impl Iterator<Item = &Listed> {
        self.findings
            .iter()
            .filter(|listed| !["name_only", "column_order"].contains(&&*listed.category))
    }
}
