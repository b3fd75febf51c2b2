//! The entities that agree with the base schema.

#![expect(
    unreachable_pub,
    reason = "entities are written as a user of SeaORM writes them"
)]

pub(super) mod companies {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "companies")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i32,
        #[sea_orm(unique)]
        pub name: String,
        #[sea_orm(column_type = "Decimal(Some((5, 2)))", nullable)]
        pub rating: Option<Decimal>,
        pub created_at: DateTimeWithTimeZone,
        #[sea_orm(has_many)]
        pub people: HasMany<super::people::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub(super) mod people {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "people")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        #[sea_orm(unique_key = "people_company_id_email_key")]
        pub company_id: i32,
        #[sea_orm(unique_key = "people_company_id_email_key")]
        pub email: String,
        #[sea_orm(column_type = "Text", nullable)]
        pub nickname: Option<String>,
        #[sea_orm(belongs_to, from = "company_id", to = "id", on_delete = "Cascade")]
        pub company: BelongsTo<super::companies::Entity>,
        #[sea_orm(has_many)]
        pub projects: HasMany<super::projects::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub(super) mod projects {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "projects")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: Uuid,
        #[sea_orm(indexed)]
        pub owner_id: Option<Uuid>,
        pub title: String,
        pub settings: Option<Json>,
        #[sea_orm(belongs_to, from = "owner_id", to = "id", on_delete = "SetNull")]
        pub owner: BelongsTo<Option<super::people::Entity>>,
        #[sea_orm(has_many)]
        pub tasks: HasMany<super::tasks::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub(super) mod tasks {
    use sea_orm::entity::prelude::*;

    #[derive(Debug, Clone, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
    #[sea_orm(rs_type = "String", db_type = "Enum", enum_name = "task_state")]
    pub enum State {
        #[sea_orm(string_value = "open")]
        Open,
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
        #[sea_orm(default_value = 0, extra = "CHECK (priority >= 0)")]
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

pub(super) mod labels {
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
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// The order of the key's columns is another than the database's.
pub(super) mod task_labels {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "task_labels")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
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
