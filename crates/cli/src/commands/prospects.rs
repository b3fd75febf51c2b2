//! `outreach prospects`.

mod export;

use outreach_domain::ProspectId;
use outreach_service::prospects::{
    ProspectCursor, ProspectFilter, count_prospects, find_prospect, list_prospects,
};
use sea_orm_migration::sea_orm::DatabaseConnection;

use super::{connect, page_request, print_page, say_page};
use crate::{
    args::{Connection, PageArguments, Prospects},
    exit::Error,
    output::{self, Fields, Table},
};

pub(crate) async fn run(connection: &Connection, command: Prospects) -> Result<(), Error> {
    match command {
        Prospects::List { filter, page } => {
            list(&connect(connection).await?, &filter.filter(), page).await
        }
        Prospects::Show { id, json } => show(&connect(connection).await?, id, json).await,
        Prospects::Export(arguments) => export::run(connection, &arguments).await,
    }
}

async fn list(
    db: &DatabaseConnection,
    filter: &ProspectFilter,
    arguments: PageArguments<ProspectCursor>,
) -> Result<(), Error> {
    let request = page_request(arguments.limit, arguments.after);
    let total = count_prospects(db, filter).await?;
    let page = list_prospects(db, filter, &request).await?;
    if arguments.json {
        return print_page(total, &page);
    }
    let mut table = Table::new(&[
        ("ID", 36),
        ("SCORE", 7),
        ("STATUS", 8),
        ("DOMAIN", 40),
        ("EMAIL", 40),
        ("TITLE", 50),
    ]);
    for prospect in &page.items {
        table.row([
            &prospect.id.to_string(),
            &prospect.score.to_string(),
            prospect.outreach_status.as_str(),
            &prospect.domain,
            prospect.contact_email.as_deref().unwrap_or_default(),
            prospect.page_title.as_deref().unwrap_or_default(),
        ]);
    }
    output::print(&table.text())?;
    say_page("prospects", total, &page);
    Ok(())
}

async fn show(db: &DatabaseConnection, id: ProspectId, json: bool) -> Result<(), Error> {
    let prospect = find_prospect(db, id)
        .await?
        .ok_or_else(|| Error::refused_because(format!("prospect {id} does not exist")))?;
    if json {
        return output::print_json(&prospect);
    }
    let or_empty = |text: &Option<String>| text.clone().unwrap_or_default();
    let mut fields = Fields::default();
    fields
        .add("id", id.to_string())
        .add("domain", &prospect.domain)
        .add("url", or_empty(&prospect.page_url))
        .add("title", or_empty(&prospect.page_title))
        .add("email", or_empty(&prospect.contact_email))
        .add("email from", or_empty(&prospect.contact_method))
        .add("score", prospect.score.to_string())
        .add("status", prospect.outreach_status.as_str())
        .add("last sent", output::time(prospect.last_sent))
        .add("follow-ups", prospect.followups_sent.to_string())
        .add("draft subject", or_empty(&prospect.draft_subject))
        .add("draft body", or_empty(&prospect.draft_body))
        .add("created", output::time(prospect.created_at))
        .add("updated", output::time(prospect.updated_at));
    if let Some(query) = prospect.discovery_query_id {
        fields.add("query", query.to_string());
    }
    output::print(&fields.text())
}
