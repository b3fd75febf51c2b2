//! Who may do what with the new tables: what the old ones allowed, and nothing
//! more. PostgreSQL only: SQLite has no roles.

use outreach_tests::TestDb;

use super::{hashes, name, reset, settle};
use crate::backup::folder;

/// The tables' rights, owners and policies, as one text.
const RIGHTS: &str = "select string_agg(line, E'\\n' order by line) from ( \
     select c.relname || ' ' || pg_get_userbyid(c.relowner) || ' ' || c.relrowsecurity || ' ' \
     || c.relforcerowsecurity || ' ' || (select string_agg(a.grantee::regrole || ' ' \
     || a.privilege_type || ' ' || a.is_grantable, ',' order by a.grantee, a.privilege_type) \
     from aclexplode(coalesce(c.relacl, acldefault('r', c.relowner))) a) as line \
     from pg_class c where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' \
     union all select p.tablename || ' ' || p::text from pg_policies p \
     where p.schemaname = 'public' \
     union all select t.attrelid::regclass || '.' || t.attname || ' ' || t.attacl::text \
     from pg_attribute t where t.attacl is not null and t.attname <> 'note') as lines";

/// A database with a role of its own, which goes with it.
struct Roles {
    db: TestDb,
    app: String,
}

impl Roles {
    async fn new() -> anyhow::Result<Self> {
        let db = TestDb::postgres().await?;
        let app = format!("{}_app", name(&db));
        db.sql(&format!("create role {app}")).await?;
        Ok(Self { db, app })
    }

    async fn sql(&self, sql: &str) -> anyhow::Result<()> {
        self.db.sql(&sql.replace("APP", &self.app)).await?;
        Ok(())
    }

    async fn rights(&self) -> anyhow::Result<String> {
        Ok(self.db.value(RIGHTS).await?.unwrap_or_default())
    }

    async fn end(self) -> anyhow::Result<()> {
        settle(&self.db).await?;
        self.sql("reassign owned by APP to current_user; drop owned by APP; drop role APP")
            .await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_what_is_granted_by_default_is_not_granted_on_tables_that_lacked_it()
-> anyhow::Result<()> {
    let roles = Roles::new().await?;
    // `jobs` has what nobody has ever changed, `settings` less than its owner is
    // given by itself, `prospects` another grant.
    roles
        .sql(
            "grant select on prospects to APP; revoke delete on settings from current_user; \
             grant truncate on email_logs to public; \
             alter default privileges in schema public grant all on tables to APP; \
             alter default privileges grant insert on tables to public",
        )
        .await?;
    let before = roles.rights().await?;
    let folder = folder()?;
    let output = reset(&folder, &roles.db).run().await?;
    assert_eq!(output.status, Some(0), "{output:?}");
    assert_eq!(roles.rights().await?, before);
    roles.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_owners_and_their_grants_are_kept() -> anyhow::Result<()> {
    let roles = Roles::new().await?;
    // A grant to whoever resets, who would otherwise be the owner.
    roles
        .sql(
            "alter table jobs owner to APP; grant select on jobs to current_user; \
             grant update on jobs to public",
        )
        .await?;
    let before = roles.rights().await?;
    let folder = folder()?;
    let output = reset(&folder, &roles.db).run().await?;
    assert_eq!(output.status, Some(0), "{output:?}");
    assert_eq!(roles.rights().await?, before);
    roles.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_row_level_security_is_kept() -> anyhow::Result<()> {
    let roles = Roles::new().await?;
    roles
        .sql(
            "create table tenants (job uuid, role text); \
             alter table jobs enable row level security; \
             alter table prospects enable row level security; \
             alter table prospects force row level security; \
             create policy \"only \"\"open\"\" ones\" on jobs as restrictive for select to APP, public \
             using (status <> 'done' and exists (select from tenants t where t.job = id)); \
             create policy own on prospects for update to APP using (domain = current_user) \
             with check (domain = current_user and discovery_query_id in \
             (select q.id from discovery_queries q)); \
             create policy more on settings for insert with check (true); \
             create policy every on settings using (key <> 'x')",
        )
        .await?;
    let before = roles.rights().await?;
    assert!(before.contains("only \"\"open\"\" ones"), "{before}");
    let folder = folder()?;
    let output = reset(&folder, &roles.db).run().await?;
    assert_eq!(output.status, Some(0), "{output:?}");
    let listed = "is put on the new table: policy ";
    assert!(output.stdout.contains(listed), "{output:?}");
    assert_eq!(roles.rights().await?, before);
    roles.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_a_policy_that_the_new_tables_can_not_have_is_named_before_anything_is_dropped()
-> anyhow::Result<()> {
    let roles = Roles::new().await?;
    let folder = folder()?;
    roles
        .sql(
            "alter table jobs add column note text; \
             create policy noted on jobs using (note is not null); \
             create function may() returns boolean language sql as 'select true'; \
             create policy may_be on settings using (may())",
        )
        .await?;
    let before = (roles.rights().await?, hashes(&roles.db).await?);
    let output = reset(&folder, &roles.db).run().await?;
    assert_eq!(output.status, Some(1), "{output:?}");
    let words = "policy `noted` of `jobs`, which needs column note of table jobs";
    assert!(output.stderr.contains(words), "{output:?}");
    assert!(!output.stderr.contains("may_be"), "{output:?}");
    assert!(!output.stderr.contains("dropping"), "{output:?}");
    // The function stays, unless the schema goes.
    roles.sql("drop policy noted on jobs").await?;
    let output = reset(&folder, &roles.db).arg("--drop-schema").run().await?;
    assert_eq!(output.status, Some(1), "{output:?}");
    let words = "policy `may_be` of `settings`, which needs function may()";
    assert!(output.stderr.contains(words), "{output:?}");
    roles
        .sql("create policy noted on jobs using (note is not null)")
        .await?;
    settle(&roles.db).await?;
    assert_eq!((roles.rights().await?, hashes(&roles.db).await?), before);
    roles.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_a_grant_on_a_column_that_somebody_has_added_goes_with_the_column()
-> anyhow::Result<()> {
    let roles = Roles::new().await?;
    roles
        .sql(
            "alter table jobs add column note text; grant select (note, status) on jobs to APP; \
             grant update (note) on jobs to APP",
        )
        .await?;
    let before = roles.rights().await?;
    let folder = folder()?;
    let output = reset(&folder, &roles.db).run().await?;
    assert_eq!(output.status, Some(0), "{output:?}");
    let listed = "goes with its table: column jobs.note\n";
    assert!(output.stdout.contains(listed), "{output:?}");
    assert_eq!(roles.rights().await?, before);
    roles.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn f21_postgres_a_publication_of_a_table_keeps_it() -> anyhow::Result<()> {
    let db = TestDb::postgres().await?;
    let folder = folder()?;
    db.sql("create publication \"Out\" for table jobs, only settings; create publication all_of_it for all tables")
        .await?;
    let before = hashes(&db).await?;
    let output = reset(&folder, &db).run().await?;
    let words = ["depends on its tables", "publication `Out` of `jobs`"];
    super::assert_refused(&db, &folder, &before, &output, &words).await?;
    db.sql("drop publication \"Out\"").await?;
    let output = reset(&folder, &db).run().await?;
    assert_eq!(output.status, Some(0), "{output:?}");
    let published = "select count(*) from pg_publication_tables where pubname = 'all_of_it' \
         and tablename = 'jobs'";
    assert_eq!(db.count(published).await?, 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn f21_postgres_a_schema_that_a_publication_or_an_event_trigger_needs_is_not_dropped()
-> anyhow::Result<()> {
    let db = TestDb::postgres().await?;
    let folder = folder()?;
    let drop = || reset(&folder, &db).arg("--drop-schema");
    for (make, undo, named) in [
        (
            "create publication of_jobs for table jobs",
            "drop publication of_jobs",
            "publication `of_jobs` of `jobs`",
        ),
        (
            "create publication of_all for tables in schema public",
            "drop publication of_all",
            "publication `of_all` of schema `public`",
        ),
        (
            "create function watch() returns event_trigger language plpgsql as 'begin end'; \
             create event trigger watcher on sql_drop execute function watch()",
            "drop event trigger watcher; drop function watch()",
            "event trigger `watcher`",
        ),
        (
            "create function mood(jobs) returns text language sql as $$ select 'good' $$; \
             create cast (jobs as text) with function mood(jobs)",
            "drop cast (jobs as text); drop function mood(jobs)",
            "cast `jobs AS text`",
        ),
    ] {
        db.sql(make).await?;
        let before = hashes(&db).await?;
        let output = drop().run().await?;
        assert_eq!(output.status, Some(1), "{output:?}");
        assert!(output.stderr.contains("nothing was changed"), "{output:?}");
        assert!(output.stderr.contains(named), "no `{named}` in {output:?}");
        settle(&db).await?;
        assert_eq!(hashes(&db).await?, before);
        db.sql(undo).await?;
        settle(&db).await?;
    }
    // One that needs nothing of the schema stays.
    db.sql(
        "create schema watch; create function watch.it() returns event_trigger language plpgsql \
         as 'begin end'; create event trigger watcher on sql_drop execute function watch.it()",
    )
    .await?;
    settle(&db).await?;
    let output = drop().run().await?;
    assert_eq!(output.status, Some(0), "{output:?}");
    assert_eq!(db.count("select count(*) from pg_event_trigger").await?, 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_what_a_schema_grants_by_default_is_granted_by_the_new_one() -> anyhow::Result<()>
{
    let roles = Roles::new().await?;
    roles
        .sql(
            "alter default privileges in schema public grant select on tables to APP; \
             alter default privileges for role APP in schema public grant usage on types \
             to current_user with grant option; grant insert on jobs to APP",
        )
        .await?;
    let defaults = "select string_agg(d.defaclrole || d.defaclobjtype::text || d.defaclacl::text, \
         ' ' order by d.defaclrole, d.defaclobjtype) from pg_default_acl d";
    let before = (roles.rights().await?, roles.db.value(defaults).await?);
    let folder = folder()?;
    let output = reset(&folder, &roles.db).arg("--drop-schema").run().await?;
    assert_eq!(output.status, Some(0), "{output:?}");
    assert_eq!(
        (roles.rights().await?, roles.db.value(defaults).await?),
        before
    );
    roles.end().await
}

#[tokio::test(flavor = "multi_thread")]
async fn f21_postgres_default_privileges_of_a_role_that_one_may_not_speak_for_keep_the_schema()
-> anyhow::Result<()> {
    let roles = Roles::new().await?;
    let folder = folder()?;
    let (db, user) = (&roles.db, format!("{}_user", roles.app));
    roles
        .sql(&format!(
            "alter default privileges for role APP in schema public grant select on tables to \
             public; create role {user} login createdb password 'secret'; \
             alter schema public owner to {user}"
        ))
        .await?;
    let tables = "select string_agg(format('alter table %I owner to USER', relname), ';') \
         from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'";
    let owned = db.value(&tables.replace("USER", &user)).await?.unwrap();
    db.sql(&owned).await?;
    let before = hashes(db).await?;
    let mut url = url::Url::parse(db.url())?;
    assert!(url.set_username(&user).is_ok() && url.set_password(Some("secret")).is_ok());
    let drop = reset(&folder, db).arg("--drop-schema");
    let output = drop.env("DATABASE_URL", url.as_str()).run().await?;
    settle(db).await?;
    let after = hashes(db).await?;
    db.sql(&format!(
        "alter schema public owner to current_user; reassign owned by {user} to current_user; \
         drop owned by {user}; drop role {user}"
    ))
    .await?;
    assert_eq!(output.status, Some(1), "{output:?}");
    let named = format!("default privileges of `{}`", roles.app);
    assert!(output.stderr.contains(&named), "{output:?}");
    assert_eq!(after, before);
    roles.end().await
}
