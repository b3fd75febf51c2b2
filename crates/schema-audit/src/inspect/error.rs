//! Why a schema could not be read.

/// Why a schema could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InspectError {
    /// Placeholder until both readers are there.
    #[error("not written yet")]
    Unfinished,
}
