//! Entities that differ from the base schema in one thing each.

#![expect(
    unreachable_pub,
    reason = "entities are written as a user of SeaORM writes them"
)]

use super::models::{companies, labels, projects, tasks};

pub(super) mod company_without_rating {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "companies")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i32,
        #[sea_orm(unique)]
        pub name: String,
        pub created_at: DateTimeWithTimeZone,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub(super) mod company_with_a_double_rating {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "companies")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i32,
        #[sea_orm(unique)]
        pub name: String,
        pub rating: Option<f64>,
        pub created_at: DateTimeWithTimeZone,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub(super) mod label_that_needs_a_colour {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "labels")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        #[sea_orm(unique)]
        pub name: String,
        pub colour: String,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub(super) mod label_without_unique_name {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "labels")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub name: String,
        pub colour: Option<String>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub(super) mod label_with_a_weight {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "labels")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        #[sea_orm(unique)]
        pub name: String,
        pub colour: Option<String>,
        pub weight: i32,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub(super) mod label_with_a_renamed_column {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "labels")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        #[sea_orm(unique)]
        pub name: String,
        #[sea_orm(column_name = "color")]
        pub colour: Option<String>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub(super) mod label_with_another_default {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "labels")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        #[sea_orm(unique)]
        pub name: String,
        #[sea_orm(default_value = "red")]
        pub colour: Option<String>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub(super) mod label_with_an_indexed_colour {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "labels")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        #[sea_orm(unique)]
        pub name: String,
        #[sea_orm(indexed)]
        pub colour: Option<String>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub(super) mod label_of_another_table {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "label")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        #[sea_orm(unique)]
        pub name: String,
        pub colour: Option<String>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub(super) mod label_with_its_name_as_key {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "labels")]
    pub struct Model {
        pub id: i64,
        #[sea_orm(primary_key, auto_increment = false, unique)]
        pub name: String,
        pub colour: Option<String>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub(super) mod invoices {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "invoices")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub total: Option<i32>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub(super) mod person_of_a_restricted_company {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "people")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        #[sea_orm(unique_key = "key")]
        pub company_id: i32,
        #[sea_orm(unique_key = "key")]
        pub email: String,
        #[sea_orm(column_type = "Text", nullable)]
        pub nickname: Option<String>,
        #[sea_orm(belongs_to, from = "company_id", to = "id", on_delete = "Restrict")]
        pub company: BelongsTo<super::companies::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub(super) mod person_with_another_unique_key {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "people")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        #[sea_orm(unique_key = "key")]
        pub company_id: i32,
        pub email: String,
        #[sea_orm(column_type = "Text", nullable, unique_key = "key")]
        pub nickname: Option<String>,
        #[sea_orm(belongs_to, from = "company_id", to = "id", on_delete = "Cascade")]
        pub company: BelongsTo<super::companies::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub(super) mod person_without_company {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "people")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        #[sea_orm(unique_key = "key")]
        pub company_id: i32,
        #[sea_orm(unique_key = "key")]
        pub email: String,
        #[sea_orm(column_type = "Text", nullable)]
        pub nickname: Option<String>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub(super) mod task_label_of_one_key {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "task_labels")]
    pub struct Model {
        pub label_id: i64,
        #[sea_orm(primary_key, auto_increment = false)]
        pub task_id: Uuid,
        #[sea_orm(belongs_to, from = "task_id", to = "id", on_delete = "Cascade")]
        pub task: BelongsTo<super::tasks::Entity>,
        #[sea_orm(belongs_to, from = "label_id", to = "id", on_delete = "Cascade")]
        pub label: BelongsTo<super::labels::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// A task whose state has one more value.
pub(super) mod task_with_more_states {
    use sea_orm::entity::prelude::*;

    #[derive(Debug, Clone, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
    #[sea_orm(rs_type = "String", db_type = "Enum", enum_name = "task_state")]
    pub enum State {
        #[sea_orm(string_value = "open")]
        Open,
        #[sea_orm(string_value = "blocked")]
        Blocked,
        #[sea_orm(string_value = "done")]
        Done,
    }

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "tasks")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        pub project_id: Uuid,
        pub parent_id: Option<Uuid>,
        pub state: State,
        pub priority: i16,
        pub due: Option<Date>,
        #[sea_orm(belongs_to, from = "project_id", to = "id", on_delete = "Cascade")]
        pub project: BelongsTo<super::projects::Entity>,
        #[sea_orm(
            self_ref,
            relation_enum = "Parent",
            relation_reverse = "Children",
            from = "parent_id",
            to = "id"
        )]
        pub parent: BelongsTo<Option<Entity>>,
        #[sea_orm(self_ref, relation_enum = "Children", relation_reverse = "Parent")]
        pub children: HasMany<Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
