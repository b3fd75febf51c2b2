use uuid::Uuid;

/// Makes the keys of new rows. Tests inject one that repeats.
pub trait IdGenerator: Send + Sync {
    /// A key that no row has.
    fn next_id(&self) -> Uuid;
}

/// Random keys, version 4, as every row of the schema has.
#[derive(Debug, Clone, Copy, Default)]
pub struct RandomIds;

impl IdGenerator for RandomIds {
    fn next_id(&self) -> Uuid {
        Uuid::new_v4()
    }
}
