//! What is written through an entity is read back as it was.

use outreach_entity::{
    database_properties, discovery_queries, email_logs, job_runs, jobs, merged_rows, prospects,
    revision_checksums, settings,
};
use outreach_tests::{TestDb, matrix_tests};
use sea_orm::{
    DatabaseConnection, EntityTrait, IntoActiveModel, ModelTrait,
    prelude::{DateTimeWithTimeZone, Decimal, Json, Uuid},
};
use serde_json::json;

matrix_tests! {
    f36_rows_with_every_column_set_come_back_as_they_were,
    f39_rows_with_nothing_but_what_is_required_come_back_as_they_were,
    f37_a_row_is_plain_data_without_its_connection,
}

fn id(number: u128) -> Uuid {
    Uuid::from_u128(number)
}

/// With microseconds, which both databases keep.
fn time(second: u32) -> DateTimeWithTimeZone {
    let text = format!("2026-01-02T03:04:{second:02}.123456+00:00");
    DateTimeWithTimeZone::parse_from_rfc3339(&text).expect("a valid time")
}

#[expect(clippy::unnecessary_wraps, reason = "the columns are optional")]
fn text(what: &str) -> Option<String> {
    Some(format!("{what} \"quoted\" it's 😀\n\\"))
}

#[expect(clippy::unnecessary_wraps, reason = "the columns are optional")]
fn payload() -> Option<Json> {
    Some(json!({"a": [1, 2.5, null, true], "emoji": "😀", "nested": {"quote": "\"'"}}))
}

fn job() -> jobs::Model {
    jobs::Model {
        id: id(1),
        user_id: Some(id(2)),
        job_type: "discover".to_owned(),
        params: payload(),
        status: "running".to_owned(),
        result: payload(),
        error_message: text("error"),
        created_at: Some(time(1)),
        updated_at: Some(time(2)),
    }
}

fn query() -> discovery_queries::Model {
    discovery_queries::Model {
        id: id(3),
        job_id: id(1),
        keyword: "décor".to_owned(),
        location: "uk".to_owned(),
        location_code: Some(i32::MAX),
        category: text("category"),
        status: "success".to_owned(),
        results_found: 10,
        results_saved: i32::MIN,
        results_skipped_duplicate: 2,
        results_skipped_existing: 3,
        error_message: text("error"),
        query_metadata: payload(),
        created_at: Some(time(3)),
        updated_at: Some(time(4)),
    }
}

fn prospect() -> prospects::Model {
    prospects::Model {
        id: id(4),
        domain: "blog.example".to_owned(),
        page_url: text("url"),
        page_title: text("title"),
        contact_email: text("email"),
        contact_method: text("method"),
        da_est: Some(Decimal::new(1234, 2)),
        score: Some(Decimal::new(99999, 2)),
        outreach_status: text("status"),
        last_sent: Some(time(5)),
        followups_sent: Some(-1),
        draft_subject: text("subject"),
        draft_body: text("body"),
        dataforseo_payload: payload(),
        hunter_payload: payload(),
        created_at: Some(time(6)),
        updated_at: Some(time(7)),
        discovery_query_id: Some(id(3)),
    }
}

fn log() -> email_logs::Model {
    email_logs::Model {
        id: id(5),
        prospect_id: id(4),
        subject: text("subject"),
        body: text("body"),
        response: payload(),
        sent_at: Some(time(8)),
    }
}

fn run() -> job_runs::Model {
    job_runs::Model {
        job_id: id(1),
        run_token: Some(id(6)),
        attempts: 1,
        max_attempts: 3,
        priority: i16::MIN,
        run_at: time(9),
        owner: text("owner"),
        lease_expires_at: Some(time(10)),
        cancel_requested_at: Some(time(11)),
        deadline_at: Some(time(12)),
        unique_key: text("key"),
        last_error: text("error"),
        progress: payload(),
        job_type: "crm.sync".to_owned(),
        time_limit_seconds: Some(7200),
        errors: payload(),
    }
}

fn revision_checksum() -> revision_checksums::Model {
    revision_checksums::Model {
        version: "m20990101_000001_x".to_owned(),
        checksum: "00ff".to_owned(),
        recorded_at: time(13),
    }
}

fn property() -> database_properties::Model {
    database_properties::Model {
        name: "environment".to_owned(),
        value: "staging".to_owned(),
        set_at: time(13),
    }
}

fn merged_row() -> merged_rows::Model {
    merged_rows::Model {
        merged_id: id(7),
        table_name: "prospects".to_owned(),
        kept_id: id(4),
        merged_row: json!({"id": 1}),
        kept_row: payload(),
        repointed_ids: json!([]),
        merged_at: time(13),
    }
}

fn setting() -> settings::Model {
    settings::Model {
        id: id(8),
        key: "automation".to_owned(),
        value: payload(),
        created_at: Some(time(14)),
        updated_at: Some(time(15)),
    }
}

/// Writes the row and reads the table, which holds nothing else.
async fn write_and_read<M>(db: &DatabaseConnection, row: &M) -> anyhow::Result<()>
where
    M: ModelTrait + Clone + PartialEq + std::fmt::Debug,
    M: IntoActiveModel<<M::Entity as EntityTrait>::ActiveModel>,
    M::Entity: EntityTrait<Model = M>,
    <M::Entity as EntityTrait>::ActiveModel: Send,
{
    M::Entity::insert(row.clone().into_active_model())
        .exec_without_returning(db)
        .await?;
    assert_eq!(M::Entity::find().all(db).await?, std::slice::from_ref(row));
    Ok(())
}

async fn f36_rows_with_every_column_set_come_back_as_they_were(db: TestDb) -> anyhow::Result<()> {
    let db = db.connect_plain().await?;
    write_and_read(&db, &job()).await?;
    write_and_read(&db, &query()).await?;
    write_and_read(&db, &prospect()).await?;
    write_and_read(&db, &log()).await?;
    write_and_read(&db, &run()).await?;
    write_and_read(&db, &merged_row()).await?;
    write_and_read(&db, &property()).await?;
    // The chain has written its own.
    revision_checksums::Entity::delete_many().exec(&db).await?;
    write_and_read(&db, &revision_checksum()).await?;
    write_and_read(&db, &setting()).await?;
    let read = prospects::Entity::find().one(&db).await?;
    let last_sent = read.and_then(|row| row.last_sent);
    assert_eq!(
        last_sent.map(|time| time.offset().local_minus_utc()),
        Some(0)
    );
    Ok(())
}

async fn f39_rows_with_nothing_but_what_is_required_come_back_as_they_were(
    db: TestDb,
) -> anyhow::Result<()> {
    let db = db.connect_plain().await?;
    write_and_read(
        &db,
        &jobs::Model {
            user_id: None,
            params: None,
            result: None,
            error_message: None,
            created_at: None,
            updated_at: None,
            ..job()
        },
    )
    .await?;
    write_and_read(
        &db,
        &discovery_queries::Model {
            location_code: None,
            category: None,
            error_message: None,
            query_metadata: None,
            created_at: None,
            updated_at: None,
            ..query()
        },
    )
    .await?;
    write_and_read(&db, &bare_prospect()).await?;
    write_and_read(
        &db,
        &email_logs::Model {
            subject: None,
            body: None,
            response: None,
            sent_at: None,
            ..log()
        },
    )
    .await?;
    write_and_read(
        &db,
        &job_runs::Model {
            run_token: None,
            owner: None,
            lease_expires_at: None,
            cancel_requested_at: None,
            deadline_at: None,
            unique_key: None,
            last_error: None,
            progress: None,
            time_limit_seconds: None,
            errors: None,
            ..run()
        },
    )
    .await?;
    write_and_read(
        &db,
        &settings::Model {
            value: None,
            created_at: None,
            updated_at: None,
            ..setting()
        },
    )
    .await
}

fn bare_prospect() -> prospects::Model {
    prospects::Model {
        page_url: None,
        page_title: None,
        contact_email: None,
        contact_method: None,
        da_est: None,
        score: None,
        outreach_status: None,
        last_sent: None,
        followups_sent: None,
        draft_subject: None,
        draft_body: None,
        dataforseo_payload: None,
        hunter_payload: None,
        created_at: None,
        updated_at: None,
        discovery_query_id: None,
        ..prospect()
    }
}

/// Nothing is loaded when a field is read: the rows outlive the connection.
async fn f37_a_row_is_plain_data_without_its_connection(db: TestDb) -> anyhow::Result<()> {
    let pool = db.connect_plain().await?;
    write_and_read(&pool, &job()).await?;
    let rows = jobs::Entity::find().all(&pool).await?;
    pool.close().await?;
    drop(db);
    let read = std::thread::spawn(move || serde_json::to_value(&rows[0]));
    let value = read.join().expect("the thread ends")?;
    assert_eq!(value["status"], "running");
    Ok(())
}
