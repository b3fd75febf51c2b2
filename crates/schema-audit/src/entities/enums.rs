//! Enumerated types that the columns of an entity have.

use sea_orm::sea_query::ColumnType;
use sea_orm::{ColumnTrait, EntityTrait, Iterable};

use super::{EntitiesError, Naming};
use crate::schema::Enum;

/// Adds the enumerated types of an entity's columns. `SeaORM` makes them without
/// a schema, whatever schema the entity's table is in.
pub(super) fn collect<E: EntityTrait>(
    naming: &Naming,
    known: &mut Vec<Enum>,
) -> Result<(), EntitiesError> {
    for column in E::Column::iter() {
        if let Some(found) = named_enum(naming, column.def().get_column_type()) {
            add(known, found)?;
        }
    }
    Ok(())
}

fn add(known: &mut Vec<Enum>, found: Enum) -> Result<(), EntitiesError> {
    let Some(first) = known.iter().find(|known| known.name == found.name) else {
        known.push(found);
        return Ok(());
    };
    if first.labels == found.labels {
        return Ok(());
    }
    Err(EntitiesError::EnumTwice {
        name: found.name.to_string(),
        one: first.labels.join(", "),
        other: found.labels.join(", "),
    })
}

// An array of an enumerated type is one that `create_enum_from_entity` forgets.
fn named_enum(naming: &Naming, column_type: &ColumnType) -> Option<Enum> {
    match column_type {
        ColumnType::Enum { name, variants } => Some(Enum {
            name: naming.object(None, &name.to_string()),
            labels: variants.iter().map(ToString::to_string).collect(),
            comment: None,
        }),
        ColumnType::Array(element) => named_enum(naming, element),
        _ => None,
    }
}
