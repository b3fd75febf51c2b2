//! Entities of a user's own crate, in both formats.

#![expect(
    unreachable_pub,
    reason = "entities are written as a user of SeaORM writes them"
)]

/// Every property that the derive macro knows.
pub(super) mod gadget {
    use sea_orm::entity::prelude::*;

    #[derive(Debug, Clone, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
    #[sea_orm(rs_type = "String", db_type = "Enum", enum_name = "gadget_state")]
    pub enum State {
        #[sea_orm(string_value = "new")]
        New,
        #[sea_orm(string_value = "in use")]
        InUse,
    }

    #[derive(Debug, Clone, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
    #[sea_orm(rs_type = "String", db_type = "String(StringLen::None)")]
    pub enum Colour {
        #[sea_orm(string_value = "red")]
        Red,
    }

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "gadgets", comment = "things")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i32,
        #[sea_orm(unique)]
        pub serial: String,
        #[sea_orm(
            column_name = "labelText",
            column_type = "String(StringLen::N(40))",
            indexed
        )]
        pub label: Option<String>,
        pub state: State,
        pub colour: Option<Colour>,
        #[sea_orm(column_type = "Decimal(Some((5, 2)))")]
        pub price: Decimal,
        #[sea_orm(unique_key = "place")]
        pub shelf: i16,
        #[sea_orm(unique_key = "place")]
        pub slot: i64,
        #[sea_orm(default_value = "none")]
        pub note: String,
        #[sea_orm(default_value = 3)]
        pub tries: i32,
        #[sea_orm(default_expr = "Expr::current_timestamp()")]
        pub seen_at: DateTimeWithTimeZone,
        #[sea_orm(comment = "grams")]
        pub weight: f64,
        #[sea_orm(column_type = "JsonBinary")]
        pub data: Json,
        pub token: Uuid,
        #[sea_orm(extra = "CHECK (amount > 0)")]
        pub amount: i32,
        #[sea_orm(column_type = "custom(\"citext\")")]
        pub email: String,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub(super) mod part {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "parts")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub gadget_id: i32,
        #[sea_orm(primary_key, auto_increment = false)]
        pub number: i32,
        #[sea_orm(
            belongs_to,
            from = "gadget_id",
            to = "id",
            on_update = "Cascade",
            on_delete = "Restrict"
        )]
        pub gadget: BelongsTo<super::device::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

pub(super) mod device {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(schema_name = "plant", table_name = "devices")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i32,
        pub parent_id: Option<i32>,
        #[sea_orm(
            self_ref,
            relation_enum = "Parent",
            relation_reverse = "Children",
            from = "parent_id",
            to = "id",
            on_delete = "SetNull"
        )]
        pub parent: BelongsTo<Option<Entity>>,
        #[sea_orm(self_ref, relation_enum = "Children", relation_reverse = "Parent")]
        pub children: HasMany<Entity>,
        #[sea_orm(has_many)]
        pub parts: HasMany<super::part::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// The same table as `part`, in the expanded format.
pub(super) mod expanded_part {
    use sea_orm::entity::prelude::*;

    #[derive(Copy, Clone, Default, Debug, DeriveEntity)]
    pub struct Entity;

    impl EntityName for Entity {
        fn table_name(&self) -> &'static str {
            "parts"
        }
    }

    #[derive(Clone, Debug, PartialEq, Eq, DeriveModel, DeriveActiveModel)]
    pub struct Model {
        pub gadget_id: i32,
        pub number: i32,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveColumn)]
    pub enum Column {
        GadgetId,
        Number,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DerivePrimaryKey)]
    pub enum PrimaryKey {
        GadgetId,
        Number,
    }

    impl PrimaryKeyTrait for PrimaryKey {
        type ValueType = (i32, i32);

        fn auto_increment() -> bool {
            false
        }
    }

    #[derive(Copy, Clone, Debug, EnumIter)]
    pub enum Relation {
        Gadget,
    }

    impl ColumnTrait for Column {
        type EntityName = Entity;

        fn def(&self) -> ColumnDef {
            ColumnType::Integer.def()
        }
    }

    impl RelationTrait for Relation {
        fn def(&self) -> RelationDef {
            match self {
                Self::Gadget => Entity::belongs_to(super::device::Entity)
                    .from(Column::GadgetId)
                    .to(super::device::Column::Id)
                    .on_update(sea_orm::sea_query::ForeignKeyAction::Cascade)
                    .on_delete(sea_orm::sea_query::ForeignKeyAction::Restrict)
                    .into(),
            }
        }
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// What PostgreSQL alone has.
pub(super) mod only_postgres {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "only_postgres")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i32,
        #[sea_orm(column_type = "Array(sea_orm::sea_query::RcOrArc::new(ColumnType::Text))")]
        pub tags: Json,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// The same type's name as `gadget::State`, with other values.
pub(super) mod rival {
    use sea_orm::entity::prelude::*;

    #[derive(Debug, Clone, PartialEq, Eq, EnumIter, DeriveActiveEnum)]
    #[sea_orm(rs_type = "String", db_type = "Enum", enum_name = "gadget_state")]
    pub enum State {
        #[sea_orm(string_value = "old")]
        Old,
    }

    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "rivals")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i32,
        pub state: State,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

/// A table that points to itself, in the audited schema.
pub(super) mod node {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "nodes")]
    pub struct Model {
        #[sea_orm(primary_key)]
        pub id: i64,
        pub parent_id: Option<i64>,
        #[sea_orm(
            self_ref,
            relation_enum = "Parent",
            relation_reverse = "Children",
            from = "parent_id",
            to = "id",
            on_delete = "SetNull"
        )]
        pub parent: BelongsTo<Option<Entity>>,
        #[sea_orm(self_ref, relation_enum = "Children", relation_reverse = "Parent")]
        pub children: HasMany<Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}

/// A key of two columns and a foreign key.
pub(super) mod invoice {
    use sea_orm::entity::prelude::*;

    #[sea_orm::model]
    #[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
    #[sea_orm(table_name = "invoices")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub year: i32,
        #[sea_orm(primary_key, auto_increment = false)]
        pub number: i32,
        pub node_id: i64,
        #[sea_orm(default_value = false)]
        pub paid: bool,
        pub issued: Date,
        #[sea_orm(belongs_to, from = "node_id", to = "id", on_update = "Cascade")]
        pub node: BelongsTo<super::node::Entity>,
    }

    impl ActiveModelBehavior for ActiveModel {}
}
